"""Queries of a model's own class, and queries in a session of the caller's."""

from typing import Any, Self

import pytest
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, aliased, mapped_column

from activerow import ActiveRecord, Database
from activerow.errors import UsageError
from activerow.mixins import AutoTableName
from activerow.query.query import Query
from tests.tools.backends.active import MakeDatabase


class Base(ActiveRecord, AutoTableName, DeclarativeBase):
    """Tables with scopes."""


class PersonQuery(Query["Person"]):
    """What is often asked of people."""

    def adults(self) -> Self:
        """Those of age."""
        return self.where(Person.age >= 18)

    async def oldest(self) -> "Person | None":
        """The one with the highest age."""
        return await self.order_by("-age").first()


class Person(Base):
    """Has scopes."""

    __query__ = PersonQuery

    id: Mapped[int] = mapped_column(primary_key=True)
    age: Mapped[int]
    kind: Mapped[str] = mapped_column(default="person")

    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "person"}  # noqa: RUF012  # SQLAlchemy's form


class Pilot(Person):
    """Inherits them."""

    id: Mapped[int] = mapped_column(ForeignKey("persons.id"), primary_key=True)
    hours: Mapped[int] = mapped_column(default=0)

    __tablename__ = "pilots"
    __mapper_args__ = {"polymorphic_identity": "pilot"}  # noqa: RUF012  # SQLAlchemy's form


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """A child, an adult and a pilot."""
    db = await make_database(Base)
    async with db.transaction():
        await Person.create(id=1, age=12)
        await Person.create(id=2, age=36)
        await Pilot.create(id=3, age=50)
    return db


async def test_every_start_gives_the_models_own_query(db: Database) -> None:
    """Scopes go on after any link, and links after scopes."""
    starts = [Person.query(), Person.filter_by(age__gt=0), Person.where(Person.age > 0), Person.order_by("id")]

    for start in starts:
        assert isinstance(start, PersonQuery)
        assert await start.adults().order_by("id").pluck("id") == [2, 3]
    oldest = await Person.filter_by(id__lt=3).adults().oldest()
    assert oldest is not None
    assert oldest.id == 2


async def test_a_subclass_inherits_the_scopes(db: Database) -> None:
    """They speak of its rows alone."""
    pilots = await Pilot.query().adults().all()

    assert [type(pilot) for pilot in pilots] == [Pilot]
    assert await Person.query().adults().count() == 2


async def test_columns_of_a_joined_table_can_be_asked_for(db: Database) -> None:
    """Lookups, order and joins by hand of an inheriting model know both tables, and count each row once."""
    query = Pilot.filter_by(age__gt=18, hours=0).order_by("-hours", "age")
    other = aliased(Person)

    assert [row.id for row in await query.all()] == [3]
    assert await query.join(other, other.age < Pilot.age).count() == 1
    assert [row.id for row in await query.join(other, other.age < Pilot.age).all()] == [3]


async def test_a_query_class_that_is_none_is_refused(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what it has to be."""
    wrong: Any = Pilot
    for kind in (str, "PersonQuery"):
        monkeypatch.setattr(wrong, "__query__", kind, raising=False)
        with pytest.raises(UsageError, match="must be a class of queries"):
            Pilot.query()


async def test_using_a_session(db: Database) -> None:
    """The same query reads in a session that is given, and in the scope's again with None."""
    query = Person.query().adults().order_by("id")
    async with db.transaction(independent=True) as session:
        inside = await query.using(session).all()
        assert all(row in session for row in inside)
        outside = await query.using(session).using(None).all()

    assert [row.id for row in outside] == [row.id for row in inside] == [2, 3]
