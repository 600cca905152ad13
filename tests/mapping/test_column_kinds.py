"""What is known of a type of column, whatever decorates it."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import (
    ARRAY,
    JSON,
    BigInteger,
    Boolean,
    Date,
    DateTime,
    Enum,
    Float,
    Integer,
    Interval,
    LargeBinary,
    Numeric,
    PickleType,
    SmallInteger,
    String,
    Text,
    Time,
    TypeDecorator,
    Uuid,
)
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.engine import make_url
from sqlalchemy.types import NullType, TypeEngine, UserDefinedType

from activerow.mapping import bound_as, comparing_check, implementation, kind_of
from activerow.types import UTCDateTime


class Cents(TypeDecorator[Decimal]):
    """Converts: what is compared with it is its own affair."""

    impl = Integer
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: object) -> int | None:
        return None if value is None else int(value * 100)


class Price(TypeDecorator[Decimal]):
    """Only another name, of a decorator."""

    impl = Cents
    cache_ok = True


class Code(TypeDecorator[str]):
    """Only another name."""

    impl = String(3)
    cache_ok = True


class Point(UserDefinedType[Any]):
    """Known to nobody."""


KINDS: list[tuple[TypeEngine[Any], str]] = [
    (String(5), "text"),
    (Text(), "text"),
    (Code(), "text"),
    (mysql.SET("a"), "text"),
    (postgresql.CITEXT(), "text"),
    (Enum("a", "b"), "enum"),
    (mysql.TINYINT(), "integer"),
    (BigInteger(), "integer"),
    (Price(), "integer"),
    (Boolean(), "boolean"),
    (postgresql.REAL(), "float"),
    (Float(), "float"),
    (mysql.DECIMAL(), "decimal"),
    (UTCDateTime(), "datetime"),
    (DateTime(), "datetime"),
    (mysql.TIMESTAMP(), "datetime"),
    (Date(), "date"),
    (Time(), "time"),
    (Interval(), "interval"),
    (postgresql.INTERVAL(), "interval"),
    (Uuid(), "uuid"),
    (LargeBinary(), "bytes"),
    (PickleType(), "pickle"),
    (JSON().with_variant(postgresql.JSONB(), "postgresql"), "json"),
    (ARRAY(Integer), "array"),
    (postgresql.HSTORE(), "hstore"),
    (postgresql.INET(), "network"),
    (postgresql.TSRANGE(), "range"),
    (Point(), "other"),
    (NullType(), "any"),
]


@pytest.mark.parametrize(("type_", "name"), KINDS, ids=repr)
def test_every_type_is_of_one_kind(type_: TypeEngine[Any], name: str) -> None:
    """Subclasses, dialects' own types and decorated ones belong to the kind of what they stand for."""
    assert kind_of(type_).name == name


def test_what_lies_under_decorators_is_found_for_each_server() -> None:
    """SQLAlchemy's own decorators, which are kinds of their own, stay what they are."""
    assert type(implementation(Price())) is Integer
    assert type(implementation(Interval())) is Interval
    of_postgresql, of_sqlite = make_url("postgresql://").get_dialect()(), make_url("sqlite://").get_dialect()()
    assert isinstance(implementation(Interval(), of_postgresql), postgresql.INTERVAL)
    assert isinstance(implementation(Price(), of_sqlite), Integer)


@pytest.mark.parametrize(
    ("type_", "good", "bad"),
    [
        (String(3), "more than three", 5),
        (SmallInteger(), 2**40, True),
        (Integer(), -(2**63), 2**63),
        (Numeric(4, 2), Decimal(10) ** 9, Decimal("NaN")),
        (Numeric(4, 2), 5, True),
        (Float(), 0.5, float("inf")),
        (Boolean(), 1, 2),
        (Enum("a", "b"), "a", "c"),
        (Date(), date(2026, 1, 1), datetime(2026, 1, 1, tzinfo=UTC)),
        (DateTime(), datetime(2026, 1, 1), datetime(2026, 1, 1, tzinfo=UTC)),  # noqa: DTZ001
        (Interval(), timedelta(1), 5),
        (Uuid(as_uuid=False), "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "6ba7"),
        (Code(), "more than three", 5),
    ],
    ids=repr,
)
def test_what_a_column_is_compared_with(type_: TypeEngine[Any], good: object, bad: object) -> None:
    """Size does not matter, for a comparison stores nothing; another type does."""
    check = comparing_check(type_)

    assert check is not None
    assert check(good, None) is None
    assert check(bad, None) is not None


@pytest.mark.parametrize("type_", [Cents(), Price(), Point(), JSON(), NullType()], ids=repr)
def test_types_that_know_best_are_not_checked(type_: TypeEngine[Any]) -> None:
    """What converts its values, or is not known here, takes what it likes."""
    assert comparing_check(type_) is None


def test_a_value_is_bound_as_wide_as_its_kind() -> None:
    """PostgreSQL would refuse it as a value of the column's own type, or round it to the column's digits."""
    assert isinstance(bound_as(SmallInteger(), 2**20), BigInteger)
    assert bound_as(Numeric(4, 2), Decimal("9.999")).precision is None  # type: ignore[attr-defined]  # a Numeric
    assert isinstance(bound_as(Price(), Decimal(1)), Price)
