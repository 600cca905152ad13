"""The orders that rows can be walked in: types, NULLs, directions, relations, expressions, keys."""

import enum
import re
import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any, cast

import pytest
from sqlalchemy import (
    CHAR,
    JSON,
    BigInteger,
    ColumnElement,
    DateTime,
    Double,
    Enum,
    Float,
    ForeignKey,
    Integer,
    Interval,
    LargeBinary,
    Numeric,
    String,
    TypeDecorator,
    desc,
    func,
    select,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import DeclarativeBase, Mapped, column_property, mapped_column, relationship

from activerow import ActiveRecord, Database
from activerow.errors import UsageError
from activerow.mixins import AutoTableName
from activerow.query.query import Query
from activerow.types import UTCDateTime
from tests.tools.backends.active import MakeDatabase
from tests.tools.backends.backend import Backend
from tests.tools.counting import statements
from tests.tools.walking import both_ways, forwards, keys


class Base(ActiveRecord, AutoTableName, DeclarativeBase):
    """Tables of this page."""


class Size(enum.Enum):
    """Sorts by its place where the server knows enums: small first, and by its letters elsewhere."""

    SMALL = "s"
    MEDIUM = "m"
    LARGE = "l"


@dataclass(frozen=True)
class Money:
    """An amount, as the program sees it."""

    cents: int


class MoneyType(TypeDecorator[Money]):
    """Stores the cents."""

    impl = Integer
    cache_ok = True

    def process_bind_param(self, value: Money | None, dialect: Dialect) -> int | None:
        return None if value is None else value.cents

    def process_result_value(self, value: int | None, dialect: Dialect) -> Money | None:
        return None if value is None else Money(value)


class Rounded(TypeDecorator[int]):
    """Gives back less than it stores."""

    impl = Integer
    cache_ok = True

    def process_result_value(self, value: int | None, dialect: Dialect) -> int | None:
        return None if value is None else value // 10


class Sample(Base):
    """One column of every kind."""

    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str | None]
    letters: Mapped[str | None] = mapped_column(CHAR(5))
    moment: Mapped[datetime | None] = mapped_column(UTCDateTime())
    zoned: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    naive: Mapped[datetime | None] = mapped_column(DateTime())
    day: Mapped[date | None]
    clock: Mapped[time | None]
    span: Mapped[timedelta | None] = mapped_column(Interval())
    price: Mapped[Decimal | None] = mapped_column(Numeric(12, 4))
    rough: Mapped[float | None] = mapped_column(Numeric(30, 10, asdecimal=False))
    single: Mapped[float | None] = mapped_column(Float(24))
    ratio: Mapped[float | None]
    double: Mapped[float | None] = mapped_column(Double())
    flag: Mapped[bool | None]
    size: Mapped[Size | None]
    word: Mapped[Size | None] = mapped_column(Enum(Size, native_enum=False, length=10))
    number: Mapped[int | None] = mapped_column()
    big: Mapped[int | None] = mapped_column(BigInteger())
    token: Mapped[uuid.UUID | None]
    token_text: Mapped[str | None] = mapped_column(String(36))
    blob: Mapped[bytes | None] = mapped_column(LargeBinary(20))
    money: Mapped[Money | None] = mapped_column(MoneyType())
    rounded: Mapped[int | None] = mapped_column(Rounded())
    stored_elsewhere: Mapped[int | None] = mapped_column("other_name")
    facts: Mapped[dict[str, Any] | None] = mapped_column(JSON)

    @hybrid_property
    def half(self) -> float | None:
        """A hybrid."""
        return None if self.number is None else self.number / 2

    @half.inplace.expression
    @classmethod
    def _half_expression(cls) -> ColumnElement[float]:
        return cast("ColumnElement[float]", cls.number / 2)

    rest: Mapped[int | None] = column_property(number % 7)


SEOUL = timezone(timedelta(hours=9))

VALUES: dict[str, list[Any]] = {
    "text": ["", "Zoë", "a'b\\%_", "한국어 🎉", "zz", "A", "a"],
    "letters": ["a", "ab", "b"],
    "moment": [datetime(2024, 1, 1, 9, 30, 0, 123456, SEOUL), datetime(2024, 1, 1, 0, 30, 0, 123457, UTC)],
    "zoned": [datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC), datetime(2024, 2, 29, tzinfo=UTC)],
    "naive": [datetime(2024, 2, 29, 1, 2, 3), datetime(1970, 1, 2)],  # noqa: DTZ001  # a column without zones
    "day": [date(2024, 2, 29), date(1900, 1, 1), date(2999, 12, 31)],
    "clock": [time(23, 59, 59), time(0, 0), time(12, 30)],
    "span": [timedelta(days=3, seconds=5), timedelta(0), timedelta(hours=30)],
    "price": [Decimal("0.1000"), Decimal("-12345678.1234"), Decimal("0.1001")],
    "rough": [12345678901234567.5, 0.1, -3.0],
    "single": [0.1, 1.2345678, 1.2345679, 1.23456, 16777216.0, -0.3],
    "ratio": [0.1, 1.2345678, 123456.789, 3.0],
    "double": [0.1, 0.30000000000000004, 0.3, 1e300, -5e-324, 3.0],
    "flag": [True, False],
    "size": [Size.LARGE, Size.SMALL, Size.MEDIUM],
    "word": [Size.LARGE, Size.SMALL, Size.MEDIUM],
    "number": [2**31 - 1, -(2**31), 0],
    "big": [2**63 - 1, -(2**63), 2**53 + 1, 2**53],
    "token": [uuid.UUID(int=1), uuid.UUID(int=2**127), uuid.UUID("6ccd780c-baba-1026-9564-5b8c656024db")],
    "token_text": [str(uuid.UUID(int=1)), "x"],
    "blob": [b"", b"\x00\xff", b"\xff", b"abc"],
    "money": [Money(5), Money(-3)],
    "rounded": [11, 12, 19, 21],
    "stored_elsewhere": [1, 2, 3],
}
ROWS = 11


def sample(place: int) -> dict[str, Any]:
    """The values of one row: some equal to those of others, some missing."""
    row: dict[str, Any] = {"id": place + 1}
    for name, values in VALUES.items():
        choices = [*values, None]
        row[name] = choices[(place * 5 + len(name)) % len(choices)]
    return row


@pytest.fixture
async def samples(make_database: MakeDatabase) -> Database:
    """Rows with every kind of value, repeated and missing."""
    db = await make_database(Base)
    async with db.transaction() as session:
        session.add_all([Sample(**sample(place)) for place in range(ROWS)])
    return db


@pytest.mark.parametrize("name", VALUES)
async def test_rows_are_walked_in_the_order_of_any_type(samples: Database, name: str) -> None:
    """Each row comes once, in the server's own order, there and back, whatever the type of the sort key."""
    for key, last in ((name, "id"), (f"-{name}", "-id")):
        expected = await Sample.order_by(key, last).pluck("id")
        assert await both_ways(Sample.order_by(key)) == expected
    # By a size of 1 every value is the boundary once.
    assert len(set(keys(await forwards(Sample.order_by(name), size=1)))) == ROWS


@pytest.mark.backends("postgresql")
async def test_what_is_no_number_has_its_place(make_database: MakeDatabase) -> None:
    """PostgreSQL sorts NaN behind infinity."""
    db = await make_database(Base)
    numbers = [float("nan"), float("inf"), 1.5, float("-inf"), float("nan"), None]
    async with db.transaction() as session:
        session.add_all([Sample(id=id_, double=number, ratio=number) for id_, number in enumerate(numbers, 1)])

    assert await both_ways(Sample.order_by("double"), size=1) == [4, 3, 2, 1, 5, 6]
    assert await both_ways(Sample.order_by("-ratio"), size=1) == [6, 5, 1, 2, 3, 4]


EXPRESSIONS: dict[str, Any] = {
    "lower": func.lower(Sample.text),
    "lower_desc": func.lower(Sample.text).desc(),
    "coalesce": func.coalesce(Sample.text, "m"),
    "hybrid": Sample.half,
    "column_property": Sample.rest,
    "label": (Sample.number % 5).label("more"),
    "label_desc": desc((Sample.number % 5).label("more")),
    "sum": Sample.price + Sample.ratio,
    "length": func.length(Sample.text),
    "wide": Sample.big / 3,
    "comparison": Sample.number > 0,
    "enum": func.coalesce(Sample.word, "SMALL"),
    "subquery": select(func.count()).where(Sample.number > 0).correlate(None).scalar_subquery(),
}


@pytest.mark.parametrize("name", EXPRESSIONS)
async def test_rows_are_walked_in_the_order_of_an_expression(samples: Database, name: str) -> None:
    """SQL expressions, hybrids and column properties are sort keys like columns."""
    expression, last = EXPRESSIONS[name], "-id" if name.endswith("_desc") else "id"
    expected = await Sample.order_by(expression, last).pluck("id")

    assert await both_ways(Sample.order_by(expression)) == expected


# --- NULLs ----------------------------------------------------------------------------------------------------------


class Owner(Base):
    """Somebody, perhaps in a group."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None]
    rank: Mapped[int]


class Pet(Base):
    """May have an owner."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("owners.id"))
    owner: Mapped[Owner | None] = relationship()


@pytest.fixture
async def pets(make_database: MakeDatabase) -> Database:
    """Eight pets: of two owners with names, of one without, and strays."""
    db = await make_database(Base)
    async with db.transaction() as session:
        session.add_all([Owner(id=1, name="Eve", rank=2), Owner(id=2, name="Ada", rank=1), Owner(id=3, rank=1)])
        await session.flush()
        owners = [1, None, 2, 3, None, 2, 1, 3]
        session.add_all([Pet(id=id_, name="abab"[id_ % 4], owner_id=owner) for id_, owner in enumerate(owners, 1)])
    return db


def by_owner_name(descending: bool, nulls_first: bool) -> list[int]:
    """What the order by the owner's name must be, ids of equal pets in the same direction."""
    named = [3, 6, 1, 7]
    nameless = [2, 4, 5, 8]
    if descending:
        named.reverse()
        nameless.reverse()
    return nameless + named if nulls_first else named + nameless


async def test_keys_cross_to_one_relations(pets: Database, backend: Backend) -> None:
    """Rows without a related one are where the server has its NULLs, and come once."""
    large_nulls = backend.dialect == "postgresql"

    assert await both_ways(Pet.order_by("owner__name")) == by_owner_name(False, not large_nulls)
    assert await both_ways(Pet.order_by("-owner__name")) == by_owner_name(True, large_nulls)


async def test_nulls_go_where_the_order_says(pets: Database) -> None:
    """`nulls_first` and `nulls_last` hold on every server, also on those without words for it."""
    name = select(Owner.name).where(Owner.id == Pet.owner_id).scalar_subquery()

    assert await both_ways(Pet.order_by(name.asc().nulls_first())) == by_owner_name(False, True)
    assert await both_ways(Pet.order_by(name.asc().nulls_last())) == by_owner_name(False, False)
    assert await both_ways(Pet.order_by(name.desc().nulls_first())) == by_owner_name(True, True)
    assert await both_ways(Pet.order_by(name.desc().nulls_last())) == by_owner_name(True, False)


async def test_directions_may_be_mixed(pets: Database, backend: Backend) -> None:
    """Each key has a direction of its own; ids follow the last one."""
    nulls_last = backend.dialect == "postgresql"

    ids = await both_ways(Pet.order_by("-name", "owner__rank"), size=3)

    assert ids == ([3, 1, 7, 5, 4, 6, 8, 2] if nulls_last else [5, 3, 1, 7, 2, 4, 6, 8])


# --- keys -----------------------------------------------------------------------------------------------------------


class Seat(Base):
    """Has a key of two columns, one under another name."""

    row: Mapped[str] = mapped_column(String(3), primary_key=True)
    number: Mapped[int] = mapped_column("no", primary_key=True, autoincrement=False)
    price: Mapped[int]


class Token(Base):
    """Has a key without an order."""

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    name: Mapped[str | None]


class Vehicle(Base):
    """The base of a hierarchy."""

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    weight: Mapped[int]

    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "vehicle"}  # noqa: RUF012  # SQLAlchemy's form


class Car(Vehicle):
    """In a table of its own beside that of the base."""

    id: Mapped[int] = mapped_column(ForeignKey("vehicles.id"), primary_key=True)
    doors: Mapped[int]

    __mapper_args__ = {"polymorphic_identity": "car"}  # noqa: RUF012  # SQLAlchemy's form


async def test_a_composite_key_breaks_ties(make_database: MakeDatabase) -> None:
    """All its columns are behind the order, in their order."""
    db = await make_database(Base)
    async with db.transaction() as session:
        session.add_all([Seat(row=row, number=number, price=1) for row in "ab" for number in (1, 2, 3)])

    pages = await forwards(Seat.order_by("-price"), size=4)

    found = [(seat.row, seat.number) for page in pages for seat in page]
    assert found == [("b", 3), ("b", 2), ("b", 1), ("a", 3), ("a", 2), ("a", 1)]


async def test_keys_may_be_uuids(make_database: MakeDatabase) -> None:
    """The server's order of UUIDs is the one that counts."""
    db = await make_database(Base)
    async with db.transaction() as session:
        session.add_all([Token(name=None if place % 3 else "x") for place in range(7)])

    assert await both_ways(Token.query()) == await Token.order_by("id").pluck("id")
    assert await both_ways(Token.order_by("-name")) == await Token.order_by("-name", "-id").pluck("id")


async def test_a_hierarchy_is_walked_as_a_whole(make_database: MakeDatabase) -> None:
    """Rows of joined tables are walked by columns of both."""
    db = await make_database(Base)
    async with db.transaction() as session:
        session.add_all([Car(id=id_, weight=id_ % 2, doors=id_ % 3) for id_ in range(1, 6)])
        session.add(Vehicle(id=6, weight=1))

    assert await both_ways(Vehicle.order_by("weight")) == [2, 4, 1, 3, 5, 6]
    assert await both_ways(Car.order_by("-weight", "doors")) == [3, 1, 5, 4, 2]


# --- statements -----------------------------------------------------------------------------------------------------


async def condition(db: Database, query: Query[Any]) -> str:
    """The condition of the statement for a second page, without quotes and parameters."""
    page = await query.after(size=1)
    with statements(db) as sent:
        await query.after(page.next, size=1)
    [select_] = [statement for statement in sent if statement.startswith("SELECT")]
    where = " ".join(select_.partition("WHERE")[2].partition("ORDER BY")[0].split()).replace("`", "")
    return re.sub(r"%s|%\(\w+\)s(::\w+)?|\$\d+(::\w+)?", "?", where)


@pytest.fixture
async def owners(make_database: MakeDatabase) -> Database:
    """Two owners."""
    db = await make_database(Base)
    await Owner.create(name="Ada", rank=1)
    await Owner.create(name="Eve", rank=1)
    return db


async def test_one_direction_is_one_comparison(owners: Database, backend: Backend) -> None:
    """Row values, where the server finds an index for them; else the first key alone bounds what is read."""
    if backend.dialect == "mysql":
        assert await condition(owners, Owner.order_by("rank")) == (
            "owners.rank >= ? AND (owners.rank > ? OR owners.id > ?)"
        )
    else:
        assert await condition(owners, Owner.order_by("rank")) == "(owners.rank, owners.id) > (?, ?)"
        assert await condition(owners, Owner.order_by("-rank")) == "(owners.rank, owners.id) < (?, ?)"


async def test_mixed_directions_are_bounded_by_the_first_key(owners: Database) -> None:
    """The comparison of the first key stands alone, so that an index can serve it."""
    found = await condition(owners, Owner.order_by("rank", Owner.id.desc()))

    assert found == "owners.rank >= ? AND (owners.rank > ? OR owners.id < ?)"


async def test_what_is_behind_the_whole_key_is_left_out(owners: Database) -> None:
    """The primary key tells all rows apart: nothing else is compared, or put into a cursor."""
    assert await condition(owners, Owner.order_by("-id", "name")) == "owners.id < ?"


async def test_nulls_that_come_later_are_found(owners: Database, backend: Backend) -> None:
    """Where rows with NULL lie ahead, the condition says so."""
    query = Owner.order_by("name" if backend.dialect == "postgresql" else "-name")

    assert "owners.name IS NULL" in await condition(owners, query)


# --- what cannot be walked ------------------------------------------------------------------------------------------


UNFIT: list[tuple[Any, str]] = [
    (text("name"), "text or of several columns"),
    (desc("name"), "text or of several columns"),
    (func.row_number().over(order_by=Sample.number), "a window function"),
    (Sample.facts, "JSON values"),
]


@pytest.mark.parametrize(("key", "problem"), UNFIT, ids=["text", "desc of text", "window", "json"])
async def test_an_order_that_rows_cannot_be_compared_by_is_refused(samples: Database, key: Any, problem: str) -> None:
    """The error names the model and the trouble, before anything is sent."""
    with statements(samples) as sent, pytest.raises(UsageError, match=f"rows of Sample cannot be .* {problem}"):
        await Sample.order_by(key).after()

    assert sent == []
