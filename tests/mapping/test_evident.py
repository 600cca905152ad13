"""What is evident of a value is what its check says of it."""

import datetime as dt
import enum
import math
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Date,
    DateTime,
    Enum,
    Float,
    Integer,
    LargeBinary,
    Numeric,
    SmallInteger,
    String,
    Text,
    TypeDecorator,
    Unicode,
    Uuid,
)
from sqlalchemy.dialects import mysql, postgresql

from activerow.backends import BACKENDS
from activerow.mapping import all_evident, are_evident, check_for, comparing_check, evident
from activerow.types import UTCDateTime


class Color(enum.Enum):
    """A choice."""

    red = "red"


class Short(TypeDecorator[str]):
    """A decorator that says nothing of values."""

    impl = String(3)
    cache_ok = True


class Own(TypeDecorator[str]):
    """A decorator that takes what it likes."""

    impl = String(3)
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> Any:
        """A text of anything."""
        return str(value)


NAIVE = dt.datetime(2020, 1, 1, 12)  # noqa: DTZ001  (without a zone on purpose)
TYPES = [
    *(String(3), String(), Text(), Unicode(2), Short(), Own(), Integer(), BigInteger(), SmallInteger(), Boolean()),
    *(Float(), Numeric(4, 2), Date(), DateTime(), DateTime(timezone=True), UTCDateTime(), Uuid(), Uuid(as_uuid=False)),
    *(Enum(Color), JSON(), LargeBinary(), mysql.TINYINT(), mysql.INTEGER(unsigned=True), postgresql.CITEXT()),
    *(String(3).with_variant(Integer(), "mysql"), mysql.SET("a", "b"), postgresql.ARRAY(Integer)),
]
VALUES: list[Any] = [
    *("", "abc", "abcd", "a\nb", "a\0", "\ud800", "é", True, False, 0, 1, -1, 127, 128, 2**15, 2**31 - 1, 2**31, 2**63),
    *(0.5, 1e300, math.inf, math.nan, Decimal("1.5"), Decimal("NaN"), None, b"x", [], {}, Color.red, "red"),
    *(NAIVE, NAIVE.replace(tzinfo=dt.UTC), dt.datetime.max.replace(tzinfo=dt.UTC), NAIVE.date()),
    *(NAIVE.replace(tzinfo=dt.timezone(dt.timedelta(hours=5))), UUID(int=5), str(UUID(int=5))),
]


@pytest.mark.parametrize("type_", TYPES, ids=repr)
@pytest.mark.parametrize("check_of", [check_for, comparing_check])
def test_what_is_evident_passes_the_check(type_: Any, check_of: Any) -> None:
    """On every backend."""
    check = check_of(type_)
    known = {"column": evident(type_, check)}

    for value in VALUES:
        if are_evident({"column": value}, known):
            wrong = [backend.name for backend in BACKENDS if check is not None and check(value, backend.name)]
            assert wrong == [], value
        several = [value, None, value]
        assert all_evident(several, known["column"]) is (value is None or are_evident({"column": value}, known))


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        *(
            (String(3), "abc"),
            (Text(), "x" * 1000),
            (Integer(), 2**31 - 1),
            (BigInteger(), -(2**63)),
            (Boolean(), True),
        ),
        *((Float(), 0.1), (DateTime(), NAIVE), (UTCDateTime(), NAIVE.replace(tzinfo=dt.UTC)), (Uuid(), UUID(int=5))),
    ],
    ids=repr,
)
def test_the_usual_values_are_evident(type_: Any, value: object) -> None:
    """Else every call would ask the check."""
    assert are_evident({"column": value}, {"column": evident(type_, check_for(type_))})


def test_what_is_not_known_is_not_evident() -> None:
    """A name that the model does not have, say."""
    assert not are_evident({"other": 1}, {"column": evident(Integer(), check_for(Integer()))})
