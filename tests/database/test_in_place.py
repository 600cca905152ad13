"""Values that can be changed in place: what they held is known, and put back."""

import enum
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import ARRAY, JSON, Integer, PickleType, String, TypeDecorator, inspect
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.mutable import MutableDict, MutableList, MutableSet
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from activerow import ActiveRecord, Database
from activerow.database.flush.in_place import in_place_columns
from activerow.mixins import AutoTableName
from tests.models.bookshop import undone
from tests.tools.backends.active import MakeDatabase


class Colour(enum.Enum):
    """Something that is no container."""

    RED = "red"


class Point:
    """An object of the user's."""

    def __init__(self, x: int) -> None:
        self.x = x

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Point) and other.x == self.x

    def __hash__(self) -> int:
        return hash(self.x)


class AsPoint(TypeDecorator[Point]):
    """A point, stored as JSON."""

    impl = JSON
    cache_ok = True

    def process_bind_param(self, value: Point | None, dialect: Dialect) -> Any:
        return None if value is None else {"x": value.x}

    def process_result_value(self, value: Any, dialect: Dialect) -> Point | None:
        return None if value is None else Point(value["x"])


class Base(ActiveRecord, AutoTableName, DeclarativeBase):
    """One table."""


class Box(Base):
    """Has a column of every kind that can be changed in place."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(20), default="")
    plain: Mapped[Any] = mapped_column(JSON, default=lambda: {"a": [1]})
    watched: Mapped[Any] = mapped_column(MutableDict.as_mutable(JSON()), default=lambda: {"a": [1]})
    numbers: Mapped[Any] = mapped_column(MutableList.as_mutable(JSON()), default=lambda: [1, 2])
    point: Mapped[Point] = mapped_column(AsPoint, default=lambda: Point(1))


class Blobs(ActiveRecord, AutoTableName, DeclarativeBase):
    """A base for what aiomysql cannot bind with the PyMySQL of today: bytes."""


class Jar(Blobs):
    """Has pickled columns."""

    id: Mapped[int] = mapped_column(primary_key=True)
    words: Mapped[Any] = mapped_column(MutableSet.as_mutable(PickleType()), default=lambda: {"a"})
    pickled: Mapped[Any] = mapped_column(PickleType, default=lambda: [Colour.RED])


class Listed(ActiveRecord, AutoTableName, DeclarativeBase):
    """A base for what PostgreSQL alone has."""


class Row(Listed):
    """Has an array."""

    id: Mapped[int] = mapped_column(primary_key=True)
    numbers: Mapped[list[int]] = mapped_column(ARRAY(Integer))


CHANGES: dict[str, Callable[[Any], object]] = {
    "plain": lambda value: value["a"].append(2),
    "watched": lambda value: value.update(b=2),
    "numbers": lambda value: value.append(3),
    "point": lambda value: setattr(value, "x", 2),
}


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    return await make_database(Base)


def test_columns_that_change_in_place_are_known() -> None:
    """By what is stored, under types of the user's as well."""
    assert in_place_columns(inspect(Box)) == ("plain", "watched", "numbers", "point")
    assert in_place_columns(inspect(Jar)) == ("words", "pickled")


@pytest.mark.parametrize("name", CHANGES)
async def test_a_change_in_place_is_saved(db: Database, name: str) -> None:
    """Whether or not SQLAlchemy can see it."""
    box = await Box.create()

    CHANGES[name](getattr(box, name))
    await box.save()

    assert getattr(await Box.get(box.id), name) == getattr(box, name)


@pytest.mark.parametrize("name", CHANGES)
async def test_a_change_in_place_is_taken_back(db: Database, name: str) -> None:
    """The row shows the old content, also of the object that somebody holds, as far as that can be refilled."""
    before = getattr(await Box.create(), name)

    async with undone(db):
        box = await Box.query().one()
        CHANGES[name](getattr(box, name))
        await box.save()
        changed = getattr(box, name) != before

    assert changed
    assert getattr(box, name) == before == getattr(await Box.get(box.id), name)


@pytest.mark.parametrize("name", CHANGES)
async def test_what_was_taken_back_can_be_changed_again(db: Database, name: str) -> None:
    """The second time like the first."""
    await Box.create()
    async with undone(db):
        box = await Box.query().one()
        CHANGES[name](getattr(box, name))
        await box.save()

    CHANGES[name](getattr(box, name))
    await box.save()

    assert getattr(await Box.get(box.id), name) == getattr(box, name)


async def test_each_savepoint_takes_back_its_own(db: Database) -> None:
    """Contents go back step by step, as other values do."""
    shown: list[list[int]] = []

    async with undone(db):
        box = await Box.create(numbers=[1])
        box.numbers.append(2)
        await box.save()
        async with undone(db):
            box.numbers.append(3)
            await box.save()
            async with undone(db):
                box.numbers.append(4)
                await box.save()
            shown.append(list(box.numbers))
        shown.append(list(box.numbers))

    assert shown == [[1, 2, 3], [1, 2]]


async def test_an_undone_change_is_not_written_by_the_unit(db: Database) -> None:
    """What the savepoint took back does not come in by the unit's own commit."""
    async with db.transaction():
        box = await Box.create(numbers=[1])
        async with undone(db):
            box.numbers.append(2)
            await box.save()
        await box.update(name="new")

    stored = await Box.get(box.id)
    assert (stored.numbers, stored.name) == ([1], "new")


async def test_an_unsaved_change_in_place_is_dropped(db: Database) -> None:
    """As an unsaved value is."""
    await Box.create(numbers=[1])

    async with undone(db):
        box = await Box.query().one()
        await box.update(name="new")
        box.numbers.append(2)
        box.plain["b"] = 1

    assert (box.numbers, box.plain, box.name) == ([1], {"a": [1]}, "")


async def test_a_copy_is_taken_of_what_was_read_again(db: Database) -> None:
    """After a refresh inside, the content that was read is the one to compare with."""
    box = await Box.create(numbers=[1])

    async with db.transaction():
        await Box.filter_by(id=box.id).update(numbers=[1, 2])
        await box.refresh()
        async with undone(db):
            box.numbers.append(3)
            await box.save()
        shown = list(box.numbers)

    assert shown == [1, 2]


PICKLE_CHANGES: list[tuple[str, Callable[[Any], object]]] = [
    ("words", lambda value: value.add("b")),
    ("pickled", lambda value: value.clear()),
]


@pytest.mark.backends("sqlite", "postgresql", "asyncmy")
@pytest.mark.parametrize(("name", "change"), PICKLE_CHANGES)
async def test_a_pickle_is_such_a_value(
    make_database: MakeDatabase, name: str, change: Callable[[Any], object]
) -> None:
    """Watched or not, it is taken back and can be changed again."""
    db = await make_database(Blobs)
    before = getattr(await Jar.create(), name)

    async with undone(db):
        jar = await Jar.query().one()
        change(getattr(jar, name))
        await jar.save()
    shown = getattr(jar, name) == before
    change(getattr(jar, name))
    await jar.save()

    assert shown
    assert getattr(await Jar.get(jar.id), name) == getattr(jar, name) != before


@pytest.mark.backends("postgresql")
async def test_an_array_is_such_a_value(make_database: MakeDatabase) -> None:
    """It is written with every save, and put back."""
    db = await make_database(Listed)
    row = await Row.create(numbers=[1])
    row.numbers.append(2)
    await row.save()

    async with undone(db):
        row = await Row.get(row.id)
        row.numbers.append(3)
        await row.save()

    assert row.numbers == [1, 2] == (await Row.get(row.id)).numbers
