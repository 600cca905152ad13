"""Sums, averages and extremes mean the same on every backend, or are refused in words."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import JSON, Integer, Interval, LargeBinary, Numeric, String, TypeDecorator, Uuid, func
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from activerow import ActiveRecord, Database
from activerow.aggregates import Avg, Max, Sum
from activerow.errors import UsageError
from activerow.mixins import AutoTableName
from tests.tools.backends.active import MakeDatabase


class Base(ActiveRecord, AutoTableName, DeclarativeBase):
    """Tables with types that convert."""


class Cents(TypeDecorator[Decimal]):
    """Money, stored as a whole number of cents."""

    impl = Integer
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: object) -> int | None:
        return None if value is None else int(value * 100)

    def process_result_value(self, value: int | None, dialect: object) -> Decimal | None:
        return None if value is None else Decimal(value) / 100


class Seconds(TypeDecorator[timedelta]):
    """A duration, stored as a whole number of seconds."""

    impl = Integer
    cache_ok = True

    def process_bind_param(self, value: timedelta | None, dialect: object) -> int | None:
        return None if value is None else int(value.total_seconds())

    def process_result_value(self, value: int | None, dialect: object) -> timedelta | None:
        return None if value is None else timedelta(seconds=value)


class Line(Base):
    """Something bought."""

    id: Mapped[int] = mapped_column(primary_key=True)
    shop: Mapped[str] = mapped_column(String(10))
    price: Mapped[Decimal] = mapped_column(Cents)
    spent: Mapped[timedelta] = mapped_column(Seconds)
    took: Mapped[timedelta | None] = mapped_column(Interval)
    rate: Mapped[Decimal | None] = mapped_column(Numeric(6, 2))
    paid: Mapped[bool] = mapped_column(default=True)
    data: Mapped[Any] = mapped_column(JSON, nullable=True)
    key: Mapped[Any] = mapped_column(Uuid, nullable=True)
    raw: Mapped[bytes | None] = mapped_column(LargeBinary)


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """Two lines of one shop."""
    db = await make_database(Base)
    await Line.create(shop="a", price=Decimal("1.50"), spent=timedelta(minutes=1), rate=Decimal("0.10"))
    await Line.create(shop="a", price=Decimal("2.25"), spent=timedelta(minutes=2), rate=Decimal("0.20"))
    return db


@pytest.mark.parametrize(
    ("function", "column", "expected"),
    [
        ("sum", "price", Decimal("3.75")),
        ("avg", "price", Decimal("1.875")),
        ("max", "price", Decimal("2.25")),
        ("sum", "spent", timedelta(minutes=3)),
        ("min", "spent", timedelta(minutes=1)),
        ("sum", "rate", Decimal("0.30")),
        ("min", "shop", "a"),
    ],
)
async def test_what_a_type_converts_is_converted_of_an_aggregate_too(
    db: Database, function: str, column: str, expected: object
) -> None:
    """A sum of cents is an amount of money, as each of them is."""
    assert await getattr(Line.query(), function)(column) == expected
    grouped = {"sum": Sum, "avg": Avg, "max": Max}.get(function)
    if grouped is not None:
        assert await Line.query().group_by("shop").tuples(grouped(column)) == [("a", expected)]


@pytest.mark.parametrize(
    ("function", "column"),
    [
        ("sum", "paid"),
        ("avg", "paid"),
        ("max", "paid"),
        ("sum", "shop"),
        ("avg", "shop"),
        ("sum", "took"),
        ("avg", "took"),
        ("sum", "data"),
        ("max", "data"),
        ("min", "key"),
        ("max", "raw"),
    ],
)
async def test_what_would_be_another_answer_elsewhere_is_refused(db: Database, function: str, column: str) -> None:
    """The sum of booleans is True on SQLite and an error on PostgreSQL; one of durations is a sum of moments."""
    with pytest.raises(UsageError, match=f"{function}\\(\\) of {column}, which is"):
        await getattr(Line.query(), function)(column)


async def test_sql_of_ones_own_is_the_servers_affair(db: Database) -> None:
    """What nobody declared a type for passes."""
    assert await Line.query().sum(func.length(Line.shop)) == 2
