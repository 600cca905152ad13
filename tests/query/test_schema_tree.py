"""What schemas ask of models with unusual attributes, and of models that inherit from models."""

import gc
import weakref
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import ForeignKey, select
from sqlalchemy.ext.associationproxy import AssociationProxy, association_proxy
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    aliased,
    attribute_keyed_dict,
    column_property,
    mapped_column,
    relationship,
    synonym,
)

from activerow import ActiveRecord, Database
from activerow.errors import UsageError
from activerow.mixins import AutoTableName
from activerow.query.results.schema_tree import shape_of
from tests.tools.backends.active import MakeDatabase
from tests.tools.counting import statements


class Base(ActiveRecord, AutoTableName, DeclarativeBase):
    """Tables of this page."""


class Company(Base):
    """Has people in collections of several kinds."""

    kind_of_thing: ClassVar[str] = "company"

    id: Mapped[int] = mapped_column(primary_key=True)
    label: Mapped[str] = mapped_column("name")
    doubled: Mapped[int] = column_property(id * 2)  # noqa: A003  # the column above
    people: Mapped[list["Worker"]] = relationship(back_populates="company", order_by="Worker.id.desc()")
    staff: Mapped[list["Worker"]] = synonym("people")
    title: Mapped[str] = synonym("label")
    bosses: Mapped[list["Manager"]] = relationship(viewonly=True, order_by="Manager.id")
    by_name: Mapped[dict[str, "Worker"]] = relationship(collection_class=attribute_keyed_dict("name"), viewonly=True)
    many = relationship("Worker", lazy="dynamic", viewonly=True)
    names: AssociationProxy[list[str]] = association_proxy("people", "name")

    @hybrid_property
    def loud(self) -> str:
        """Python alone: an expression is neither true nor false."""
        return self.label.upper() if self.label else ""


class Worker(Base):
    """One table for workers and managers."""

    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "worker"}  # noqa: RUF012  # the form that SQLAlchemy documents

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    name: Mapped[str]
    company_id: Mapped[int | None] = mapped_column(ForeignKey("companies.id"))
    company: Mapped[Company | None] = relationship(back_populates="people")
    firm: Mapped[Company | None] = synonym("company")

    @hybrid_property
    def rank(self) -> str:
        """Managers have another one."""
        return self.name


class Manager(Worker):
    """In the same table."""

    __mapper_args__ = {"polymorphic_identity": "manager"}  # noqa: RUF012  # the form that SQLAlchemy documents

    bonus: Mapped[int | None] = mapped_column(use_existing_column=True)

    @hybrid_property
    def rank(self) -> str:
        """Not the workers'."""
        return self.kind


class Director(Worker):
    """In a table of its own beside it."""

    __mapper_args__ = {"polymorphic_identity": "director"}  # noqa: RUF012  # the form that SQLAlchemy documents

    id: Mapped[int] = mapped_column(ForeignKey("workers.id"), primary_key=True)
    office: Mapped[str]


newest = aliased(Company, select(Company).where(Company.id > 1).subquery())
Worker.new_company = relationship(newest, primaryjoin=Worker.company_id == newest.id, viewonly=True)


class NameOut(BaseModel):
    name: str


class CompanyOut(BaseModel):
    title: str


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """Two companies: the first has a worker, a manager and a director."""
    db = await make_database(Base)
    async with db.transaction() as session:
        await Company.create(id=1, label="one")
        await Company.create(id=2, label="two")
        session.add(Worker(id=1, name="w", company_id=1))
        session.add(Manager(id=2, name="m", company_id=1, bonus=5))
        session.add(Director(id=3, name="d", company_id=1, office="top"))
        session.add(Worker(id=4, name="n", company_id=2))
    return db


async def test_kinds_of_attributes(db: Database) -> None:
    """Columns under another name, synonyms of columns and relations, expressions, and constants of the class."""

    class Wide(BaseModel):
        label: str
        title: str
        doubled: int
        kind_of_thing: str
        staff: list[NameOut]

    rows = await Company.order_by("id").into(Wide)

    assert rows[0].model_dump() == {
        "label": "one",
        "title": "one",
        "doubled": 2,
        "kind_of_thing": "company",
        "staff": [{"name": "d"}, {"name": "m"}, {"name": "w"}],
    }


async def test_models_that_inherit(db: Database) -> None:
    """A subclass has its parent's columns, and only its own rows; a relation to one leads to those alone."""

    class ManagerOut(BaseModel):
        name: str
        bonus: int | None
        company: CompanyOut
        firm: CompanyOut

    class DirectorOut(BaseModel):
        name: str
        office: str

    class Bosses(BaseModel):
        id: int
        bosses: list[ManagerOut]

    manager = ManagerOut(name="m", bonus=5, company=CompanyOut(title="one"), firm=CompanyOut(title="one"))
    assert await Manager.query().into(ManagerOut) == [manager]
    assert await Director.query().into(DirectorOut) == [DirectorOut(name="d", office="top")]
    with statements(db) as sent:
        companies = await Company.order_by("id").into(Bosses)
    assert companies == [Bosses(id=1, bosses=[manager]), Bosses(id=2, bosses=[])]
    assert len([each for each in sent if each.startswith("SELECT")]) == 2


async def test_a_relation_to_an_alias(db: Database) -> None:
    """A relation that the mapping leads to a subquery is read by a statement of its own."""

    class Hired(BaseModel):
        id: int
        new_company: CompanyOut | None

    assert [row.new_company and row.new_company.title for row in await Worker.order_by("id").into(Hired)] == [
        None,
        None,
        None,
        "two",
    ]


async def test_a_default_stands_for_what_the_model_lacks(db: Database) -> None:
    """A schema that forbids extras, is strict, or has a default factory is fed as an instance would feed it."""

    class Strict(BaseModel):
        model_config = ConfigDict(strict=True, extra="forbid")

        id: int
        label: str
        extras: list[str] = Field(default_factory=list)

    (first, _) = await Company.order_by("id").into(Strict)

    assert (first, first.model_fields_set) == (Strict(id=1, label="one"), {"id", "label"})


def _schema(**fields: Any) -> type[BaseModel]:
    return type("Out", (BaseModel,), {"__annotations__": fields, "__module__": __name__})


@pytest.mark.parametrize(
    ("model", "schema", "words"),
    [
        (Company, _schema(loud=str), "Company.loud is a hybrid whose code only Python can run"),
        (Company, _schema(names=list[str]), "Company.names is an association proxy"),
        (Company, _schema(by_name=dict[str, CompanyOut]), "neither list nor set"),
        (Company, _schema(many=list[CompanyOut]), "dynamic"),
        (Worker, _schema(bonus=int), "Manager has a bonus of its own; query Manager"),
        (Worker, _schema(rank=str), "Manager has a rank of its own"),
        (Worker, _schema(company="Company_"), "not defined yet"),
        (Worker, int, "not int"),
        (Worker, 3, "not int"),
    ],
)
def test_what_has_no_sql(model: type, schema: Any, words: str) -> None:
    """The error names the attribute and the way out."""
    with pytest.raises(UsageError, match=words):
        shape_of(model, schema)


def test_a_shape_is_worked_out_once() -> None:
    """The same answer for the same pair, another for another model."""
    assert shape_of(Company, CompanyOut) is shape_of(Company, CompanyOut)
    assert shape_of(Company, CompanyOut).columns == ("title",)


async def test_a_schema_that_is_gone_leaves_nothing_behind(db: Database) -> None:
    """Schemas made on the fly are collected as garbage, with all that was worked out for them."""
    schema = _schema(label=str, people=list[NameOut])
    gone = weakref.ref(schema)
    await Company.query().limit(0).into(schema)

    del schema
    gc.collect()

    assert gone() is None
