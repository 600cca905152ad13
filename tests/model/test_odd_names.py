"""Tables and columns with names as old schemas have them: percent signs, dots, quotes, brackets, commas, spaces."""

from typing import Any

import pytest
from sqlalchemy import ForeignKey, Integer, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from activerow import ActiveRecord, Database
from activerow.errors import ForeignKeyViolationError, NotNullViolationError, UniqueViolationError
from activerow.model.bulk.copy import LEAST_ROWS
from tests.tools.backends.active import MakeDatabase

NAMES = (
    *("n%", "100%s", "%(x)s", "a:b", "x (kg)", "a.b", 'q"q', "it's", "back`tick", "q?", "a b", "Order", "$1", "[br]"),
    *("größe 이름", "new", "VALUES (%s)", "a, b"),
)


def models(name: str) -> tuple[type[Any], type[Any], type[Any]]:
    """A base, and two models whose tables and columns have that name in theirs."""

    class Base(ActiveRecord, DeclarativeBase):
        """Tables of this name."""

    class Parent(Base):
        """Has the name in each of its columns."""

        __tablename__ = f"T {name}"

        id: Mapped[int] = mapped_column(f"id {name}", Integer, primary_key=True)
        value: Mapped[int | None] = mapped_column(name)
        word: Mapped[str | None] = mapped_column(f"u {name}", String(20), unique=True)

    key = Parent.metadata.tables[f"T {name}"].c[f"id {name}"]

    class Child(Base):
        """Refers to a parent."""

        __tablename__ = f"C {name}"

        id: Mapped[int] = mapped_column(primary_key=True)
        parent_id: Mapped[int] = mapped_column(f"p {name}", ForeignKey(key))
        parent: Mapped[Parent] = relationship(backref="children")

    return Base, Parent, Child


MODELS = {name: models(name) for name in NAMES}


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    """One of the names."""
    return str(request.param)


@pytest.fixture
async def db(name: str, make_database: MakeDatabase) -> Database:
    """Tables of that name."""
    return await make_database(MODELS[name][0])


async def test_rows_one_by_one(db: Database, name: str) -> None:
    """They are written, found, sorted, counted and updated, alone and in a unit."""
    _, parent, child = MODELS[name]
    row = await parent.create(value=1, word="a")
    await row.update(value=2)
    async with db.transaction():
        await child.create(parent=row)
        await parent.filter_by(word__icontains="A").update(value=3)

    assert await parent.filter_by(value=3, children__parent__word="a").count() == 1
    assert (await child.query().include("parent").one()).parent.value == 3
    assert await parent.query().values("value", "word") == [{"value": 3, "word": "a"}]
    assert [one.value async for one in parent.order_by("-value").stream(batch=2)] == [3]
    assert (await parent.get_or_create({"word": "a"}))[1] is False


async def test_many_rows(db: Database, name: str) -> None:
    """COPY, INSERTs and UPDATEs of many rows, and upserts that set or leave what is there."""
    _, parent, _ = MODELS[name]
    await parent.create_many([{"value": i, "word": f"c{i}"} for i in range(LEAST_ROWS)])
    made = await parent.create_many([{"value": 5, "word": "m"}], returning=True)
    assert await parent.upsert_many([{"word": "m", "value": 6}, {"word": "n", "value": 7}], by="word") == 2
    assert await parent.upsert_many([{"word": "m", "value": 8}, {"word": "o", "value": 9}], by="word", update=()) == 1
    assert await parent.update_many([{"word": "c1", "value": 11}, {"word": "c2", "value": 12}], by="word") == 2

    assert (await parent.get(made[0].id)).value == 6
    assert await parent.filter_by(word__in=["c1", "c2", "n", "o"]).order_by("value").pluck("value") == [7, 9, 11, 12]


async def test_errors(db: Database, name: str) -> None:
    """A constraint error names model and attribute, whatever the names in the database."""
    _, parent, child = MODELS[name]
    await parent.create(word="a")

    with pytest.raises(UniqueViolationError) as taken:
        await parent.create(word="a")
    with pytest.raises(UniqueViolationError) as taken_of_many:
        await parent.create_many([{"word": "b"}, {"word": "a"}])
    with pytest.raises(ForeignKeyViolationError) as lost:
        await child.create(parent_id=9999)
    with pytest.raises(NotNullViolationError) as missing:
        await child.create()

    assert (taken.value.model, taken.value.columns, taken.value.values) == ("Parent", ("word",), {"word": "a"})
    assert (taken_of_many.value.model, taken_of_many.value.columns) == ("Parent", ("word",))
    assert (lost.value.model, lost.value.columns) == ("Child", ("parent_id",))
    assert (missing.value.model, missing.value.columns) == ("Child", ("parent_id",))
