"""Queries on models that inherit from models, and on unusual attributes."""

from dataclasses import dataclass

import pytest
from sqlalchemy import Column, ForeignKey, Integer, Table
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    attribute_keyed_dict,
    composite,
    mapped_column,
    relationship,
    synonym,
)

from activerow import ActiveRecord, Database
from activerow.errors import UnknownLookupError, UsageError
from activerow.mixins import AutoTableName
from tests.tools.backends.active import MakeDatabase
from tests.tools.counting import statements


class Base(ActiveRecord, AutoTableName, DeclarativeBase):
    """Tables of this page."""


@dataclass
class Point:
    """A pair of columns."""

    x: int
    y: int


class Company(Base):
    """Has people, in collections of several kinds."""

    id: Mapped[int] = mapped_column(primary_key=True)
    people: Mapped[set["Worker"]] = relationship(back_populates="company")
    by_name: Mapped[dict[str, "Worker"]] = relationship(collection_class=attribute_keyed_dict("name"), viewonly=True)
    managers: Mapped[list["Manager"]] = relationship(viewonly=True)
    many = relationship("Worker", lazy="dynamic", viewonly=True)


friendships = Table(
    "friendships",
    Base.metadata,
    Column("one", Integer, ForeignKey("workers.id"), primary_key=True),
    Column("other", Integer, ForeignKey("workers.id"), primary_key=True),
    Column("since", Integer, nullable=False),
)


class Worker(Base):
    """One table for all kinds of people."""

    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "worker"}  # noqa: RUF012  # the form that SQLAlchemy documents

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    name: Mapped[str]
    x: Mapped[int] = mapped_column(default=1)
    y: Mapped[int] = mapped_column(default=2)
    company_id: Mapped[int | None] = mapped_column(ForeignKey("companies.id"))

    nick: Mapped[str] = synonym("name")
    place: Mapped[Point] = composite("x", "y")
    company: Mapped[Company | None] = relationship(back_populates="people")
    friends: Mapped[list["Worker"]] = relationship(
        secondary=friendships,
        primaryjoin=lambda: Worker.id == friendships.c.one,
        secondaryjoin=lambda: Worker.id == friendships.c.other,
        order_by=friendships.c.since,
    )
    old_friends: Mapped[list["Worker"]] = relationship(
        secondary=friendships,
        primaryjoin=lambda: (Worker.id == friendships.c.one) & (friendships.c.since < 3),
        secondaryjoin=lambda: Worker.id == friendships.c.other,
        order_by=friendships.c.since.desc(),
        viewonly=True,
    )


class Manager(Worker):
    """A kind of worker."""

    __mapper_args__ = {"polymorphic_identity": "manager"}  # noqa: RUF012  # the form that SQLAlchemy documents

    level: Mapped[int | None] = mapped_column()
    reports: Mapped[list["Report"]] = relationship(back_populates="manager")


class Report(Base):
    """Refers to a kind of worker."""

    id: Mapped[int] = mapped_column(primary_key=True)
    manager_id: Mapped[int] = mapped_column(ForeignKey("workers.id"))
    manager: Mapped[Manager] = relationship(back_populates="reports")


class Document(Base):
    """The first of two tables."""

    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "document"}  # noqa: RUF012  # the form that SQLAlchemy documents

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    title: Mapped[str]
    pages: Mapped[list["Page"]] = relationship()


class Manual(Document):
    """A document with a table of its own beside."""

    __tablename__ = "manuals"
    __mapper_args__ = {"polymorphic_identity": "manual"}  # noqa: RUF012  # the form that SQLAlchemy documents

    id: Mapped[int] = mapped_column(ForeignKey("documents.id"), primary_key=True)
    code: Mapped[str] = mapped_column(unique=True)
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("workers.id"))
    owner: Mapped[Worker | None] = relationship()


class Page(Base):
    """Part of a document."""

    id: Mapped[int] = mapped_column(primary_key=True)
    document_id: Mapped[int] = mapped_column(ForeignKey("documents.id"))
    document: Mapped[Document] = relationship(viewonly=True)


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """A worker, a manager with a report, a worker without company; a document and a manual with a page."""
    db = await make_database(Base)
    async with db.transaction() as session:
        await Company.create(id=1)
        await Worker.create(id=1, name="worker", company_id=1)
        await Manager.create(id=2, name="manager", level=3, company_id=1)
        await Worker.create(id=3, name="free")
        await Report.create(id=1, manager_id=2)
        await Document.create(id=1, title="first")
        await Manual.create(id=2, title="second", code="m", owner_id=1)
        await Page.create(id=1, document_id=2)
        links = [(1, 2, 2), (1, 3, 1), (2, 1, 5)]
        await session.execute(friendships.insert(), [{"one": a, "other": b, "since": c} for a, b, c in links])
    return db


async def test_paths_to_a_kind_of_row_find_that_kind_only(db: Database) -> None:
    """With one table for several classes the class is a condition, also behind a relation."""
    assert await Report.filter_by(manager__name="manager").count() == 1
    assert await Manager.query().pluck("id") == [2]
    assert await Company.filter_by(managers__level=3).count() == 1
    assert await Company.filter_by(managers__name="worker").count() == 0
    assert await Worker.filter_by(friends__friends__name="worker").pluck("id") == [1]


async def test_rows_in_two_tables(db: Database) -> None:
    """Columns of both tables are asked alike; paths lead from and to them."""
    assert (await Manual.filter_by(title="second", code="m").one()).id == 2
    assert (await Manual.get(code="m")).title == "second"
    assert (await Document.get(2)).id == (await Manual.get(2)).id
    assert await Manual.filter_by(owner__name="worker").count() == 1
    assert await Page.filter_by(document__title="second").count() == 1
    assert await Manual.order_by("owner__name").values("title", "owner__name") == [
        {"title": "second", "owner__name": "worker"}
    ]
    assert [type(row) for row in await Document.order_by("id").all()] == [Document, Manual]


async def test_rows_in_two_tables_are_not_changed_in_one_statement(db: Database) -> None:
    """A DELETE would leave half of the row behind."""
    for change in [Manual.filter_by(id=2).update(code="x"), Manual.filter_by(id=2).delete()]:
        with pytest.raises(UsageError, match="several tables"):
            await change

    assert await Document.filter_by(id=1).update(title="x") == 1


async def test_changes_of_a_kind_leave_other_kinds_alone(db: Database) -> None:
    """The class is a condition of an UPDATE and a DELETE too."""
    async with db.transaction():
        manager = await Manager.get(2)
        assert await Manager.filter_by(id__gt=0).update(name="all", level=Manager.level + 1) == 1
        assert (manager.name, manager.level) == ("all", 4)

    assert await Worker.order_by("id").pluck("name") == ["worker", "all", "free"]
    assert await Manager.filter_by(id=1).delete() == 0


async def test_load_fills_collections_of_any_kind(db: Database) -> None:
    """Sets, dicts, and lists in the order of a secondary table's column."""
    company = await Company.get(1)

    await company.load("people.friends", "by_name", "managers")

    assert {worker.id for worker in company.people} == {1, 2}
    assert sorted(company.by_name) == ["manager", "worker"]
    assert [worker.id for worker in company.managers] == [2]
    workers = await Worker.order_by("id").all()
    await workers[0].load("friends", "old_friends")
    assert [[friend.id for friend in worker.friends] for worker in workers] == [[3, 2], [1], []]
    assert [[friend.id for friend in worker.old_friends] for worker in workers] == [[2, 3], [], []]


async def test_load_of_a_mixed_result(db: Database) -> None:
    """A relation that only some rows of the result have is loaded for those."""
    workers = await Worker.order_by("id").all()
    documents = await Document.order_by("id").all()

    await workers[1].load("reports.manager.company")
    with statements(db) as sent:
        await documents[0].load("pages")
        await documents[1].load("pages")

    assert isinstance(workers[1], Manager)
    assert workers[1].reports[0].manager is workers[1]
    assert [len(document.pages) for document in documents] == [0, 1]
    assert len([sql for sql in sent if sql.startswith("SELECT")]) == 1


async def test_what_is_only_queried_cannot_be_loaded(db: Database) -> None:
    """Dynamic relations are queries, not collections."""
    with pytest.raises(UsageError, match="dynamic"):
        Company.query().include("many")


async def test_synonyms_and_composites_are_fields(db: Database) -> None:
    """They are compared as what they stand for."""
    assert await Worker.filter_by(nick="worker").pluck("id") == [1]
    assert await Worker.filter_by(place=Point(1, 2)).count() == 3
    with pytest.raises(UnknownLookupError, match="exact, ne"):
        Worker.filter_by(place__gt=Point(1, 2))
