"""One record per kind of column: what it takes, how it compares, what it offers, and the forms of its values.

Whoever has to know what a type means asks `kind_of(type)`. A new kind is one more record in `_KINDS`.
"""

import datetime as dt
import enum
import ipaddress
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, cast
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    JSON,
    BigInteger,
    Boolean,
    Date,
    DateTime,
    Dialect,
    Enum,
    Float,
    Integer,
    Interval,
    LargeBinary,
    Numeric,
    PickleType,
    String,
    Time,
    Uuid,
)
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.dialects.postgresql.ranges import AbstractRange
from sqlalchemy.sql import operators
from sqlalchemy.types import NullType, TypeDecorator, TypeEngine

from activerow.mapping import type_checks as takes
from activerow.mapping.type_checks import Check
from activerow.mapping.value_forms import (
    Real,
    Whole,
    decimal_average,
    iso_duration,
    own,
    read_duration,
    utf8,
    written_bytes,
    written_duration,
    zulu,
)
from activerow.types import UTCDateTime

Type = TypeEngine[Any]

_CONVERSIONS: Final = ("process_bind_param", "bind_processor")
_COMPARISONS: Final = ("bind_expression", "coerce_compared_value", "comparator_factory")
_ORDER: Final = ("gt", "gte", "lt", "lte")


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnKind:
    """What is true of all columns of a kind.

    Attributes:
        name: What lookups call it that are offered for it.
        types: SQLAlchemy's types of this kind.
        stores: Makes the check of a value that is written; without one everything passes.
        compares: Makes the check of a value that the column is compared with; by default that of `stores`.
        bound: The type that such a value is bound as; by default the column's own, which may round or cut it.
        parts: What of a moment can be asked for.
        sums: The type of a sum; None where a sum means nothing.
        averages: The type of an average.
        has_least: The smallest and the largest value mean something, on every backend.
        walks: Rows can be walked in the order of the column: a cursor holds its values.
        in_place: Its values can be changed without being replaced.
        copies: PostgreSQL's COPY and its INSERT mean the same by a value.
        suggests: The lookups that a query string offers.
        python: What values are in Python, the first what a query string is read as.
        text: A value as text in a cursor, and back; by default JSON can hold it.
        json: What stands for a value in JSON; by default itself.
    """

    name: str
    types: tuple[Any, ...] = ()
    stores: takes.MakeCheck | None = None
    compares: takes.MakeCheck | None = None
    bound: Callable[[Any], Type] | None = None
    parts: tuple[str, ...] = ()
    sums: Callable[[Any], Type] | None = None
    averages: Callable[[Any], Type] | None = None
    has_least: bool = True
    walks: bool = True
    in_place: bool = False
    copies: bool = False
    suggests: tuple[str, ...] = ("eq", "ne", *_ORDER, "in")
    python: tuple[type, ...] = ()
    text: tuple[Callable[[Any], str], Callable[[str], object]] | None = None
    json: Callable[[Any], object] | None = None


# --- the kinds ------------------------------------------------------------------------------------------------------

_DATE_PARTS: Final = ("year", "month", "day")
_TIME_PARTS: Final = ("hour", "minute")

_TEXT: Final = ColumnKind(
    name="text",
    types=(String,),
    stores=takes.text,
    compares=takes.any_text,
    copies=True,
    suggests=("eq", "ne", "in", "icontains", "istartswith"),
    python=(str,),
)
_DATETIME: Final = ColumnKind(
    name="datetime",
    types=(DateTime,),
    stores=takes.datetime,
    parts=("date", *_DATE_PARTS, *_TIME_PARTS),
    copies=True,
    suggests=("eq", *_ORDER, "date"),
    python=(dt.datetime,),
    text=(dt.datetime.isoformat, dt.datetime.fromisoformat),
    json=zulu,
)
_INTERVAL: Final = ColumnKind(
    name="interval",
    types=(Interval,),
    stores=takes.instance_of("timedelta", dt.timedelta),
    copies=True,
    python=(dt.timedelta,),
    text=(written_duration, read_duration),
    json=iso_duration,
)
_OTHER: Final = ColumnKind(name="other", sums=own, averages=own)
"""A type that nobody here knows: it says itself what it takes."""

# The first that fits: subclasses before their bases.
_KINDS: Final[tuple[ColumnKind, ...]] = (
    replace(_DATETIME, types=(UTCDateTime,), stores=takes.moment),
    _INTERVAL,
    # Only PostgreSQL has durations of its own; others store a moment, whose sum is nonsense.
    replace(_INTERVAL, types=(postgresql.INTERVAL,), sums=own, averages=own),
    ColumnKind(name="pickle", types=(PickleType,), has_least=False, walks=False, in_place=True),
    replace(_TEXT, types=(mysql.SET,), stores=None, compares=None, python=(set, frozenset), json=list),
    ColumnKind(
        name="enum",
        types=(Enum,),
        stores=takes.choice,
        copies=True,
        suggests=("eq", "ne", "in"),
        python=(enum.Enum,),
        json=lambda value: value.value,
    ),
    replace(_TEXT, types=(postgresql.CITEXT,), copies=False),
    _TEXT,
    ColumnKind(
        name="boolean",
        types=(Boolean,),
        stores=takes.boolean,
        has_least=False,
        copies=True,
        suggests=("eq",),
        python=(bool,),
    ),
    ColumnKind(
        name="integer",
        types=(Integer,),
        stores=takes.integer,
        compares=takes.any_integer,
        # PostgreSQL refuses what is beyond the column's own type, where others find no such row.
        bound=lambda _type: BigInteger(),
        sums=lambda _type: Whole(),
        averages=lambda _type: Real(),
        copies=True,
        python=(int,),
    ),
    ColumnKind(
        name="float",
        types=(Float,),
        stores=takes.floating,
        compares=takes.any_number,
        sums=own,
        averages=lambda _type: Real(),
        copies=True,
        python=(float,),
        text=(repr, float),
    ),
    ColumnKind(
        name="decimal",
        types=(Numeric,),
        stores=takes.numeric,
        compares=takes.any_number,
        # asyncpg would have it rounded to the column's digits, and so find what is not equal.
        bound=lambda type_: Numeric(asdecimal=type_.asdecimal),
        sums=own,
        averages=decimal_average,
        copies=True,
        python=(Decimal,),
        text=(str, Decimal),
        json=str,
    ),
    ColumnKind(
        name="uuid",
        types=(Uuid,),
        stores=takes.uuid,
        has_least=False,
        copies=True,
        suggests=("eq", "ne", "in"),
        python=(UUID,),
        text=(str, UUID),
        json=str,
    ),
    _DATETIME,
    ColumnKind(
        name="date",
        types=(Date,),
        stores=takes.instance_of("date", dt.date),
        compares=takes.day,
        parts=_DATE_PARTS,
        copies=True,
        python=(dt.date,),
        text=(dt.date.isoformat, dt.date.fromisoformat),
        json=dt.date.isoformat,
    ),
    ColumnKind(
        name="time",
        types=(Time,),
        stores=takes.instance_of("time", dt.time),
        parts=_TIME_PARTS,
        copies=True,
        python=(dt.time,),
        text=(dt.time.isoformat, dt.time.fromisoformat),
        json=zulu,
    ),
    ColumnKind(
        name="bytes",
        types=(LargeBinary,),
        stores=takes.instance_of("bytes", bytes, bytearray, memoryview),
        has_least=False,
        copies=True,
        python=(bytes, bytearray, memoryview),
        text=(written_bytes, b64decode),
        json=utf8,
    ),
    ColumnKind(name="json", types=(JSON,), has_least=False, walks=False, in_place=True, copies=True),
    ColumnKind(name="array", types=(ARRAY,), walks=False, in_place=True),
    ColumnKind(name="hstore", types=(postgresql.HSTORE,), has_least=False, walks=False, in_place=True),
    ColumnKind(
        name="network",
        types=(postgresql.INET, postgresql.CIDR),
        python=(
            ipaddress.IPv4Address,
            ipaddress.IPv6Address,
            ipaddress.IPv4Network,
            ipaddress.IPv6Network,
        ),
        text=(str, str),
        json=str,
    ),
    ColumnKind(name="range", types=(AbstractRange,), has_least=False, walks=False),
    # An expression whose type nobody declared may be anything.
    replace(_OTHER, name="any", types=(NullType,)),
)


def _known(type_: Type) -> ColumnKind | None:
    cls: Any = type(type_)
    return _by_class(cls)


@lru_cache(maxsize=512)
def _by_class(cls: Any) -> ColumnKind | None:
    return next((kind for kind in _KINDS if issubclass(cls, kind.types)), None)


def kind_of(type_: Type) -> ColumnKind:
    """The kind of a type, under whatever decorates it."""
    return _known(implementation(type_)) or _OTHER


def implementation(type_: Type, dialect: Dialect | None = None) -> Type:
    """The type under the decorators, where `dialect` is given as that server has it."""
    here = type_ if dialect is None else type_.dialect_impl(dialect)
    under = cast("Type | None", getattr(here, "impl_instance", None))
    return here if under is None or _known(here) is not None else implementation(under, dialect)


def check_for(type_: Type) -> Check | None:
    """The check of a value that a column of this type is to hold; None for types that know best themselves."""
    return _any_of([_storing(each) for each in _variants(type_)])


def _storing(type_: Type) -> Check | None:
    make = kind_of(type_).stores
    return None if make is None or _decides(type_, _CONVERSIONS) else make(implementation(type_))


def comparing_check(type_: Type) -> Check | None:
    """The check of a value that a column of this type is compared with; None for types that know best themselves.

    Left to themselves PostgreSQL refuses `"5"` for an integer column, MySQL takes it for 5, and SQLite finds nothing.
    """
    return _any_of([_comparing(each) for each in _variants(type_)])


def _comparing(type_: Type) -> Check | None:
    kind = kind_of(type_)
    make = kind.compares or kind.stores
    return None if make is None or _compares_itself(type_) else make(implementation(type_))


def _variants(type_: Type) -> list[Type]:
    """The type, and those that stand for it on some servers."""
    variants: Mapping[str, Type] = getattr(type_, "_variant_mapping", {})
    return [type_, *variants.values()]


def _any_of(checks: Sequence[Check | None]) -> Check | None:
    """A type with variants takes what one of them takes; the server still has the last word."""
    known = [check for check in checks if check is not None]
    if len(known) < len(checks):
        return None
    if len(known) == 1:
        return known[0]

    def check(value: object, backend: str | None) -> str | None:
        reasons = [one(value, backend) for one in known]
        return None if None in reasons else reasons[0]

    return check


def bound_as(type_: Type, value: object) -> Type:
    """The type that a value is bound as when a column of this type is compared with it."""
    if _compares_itself(type_):
        return type_.coerce_compared_value(operators.eq, value)
    bound = kind_of(type_).bound
    one_kind = len({kind_of(each).name for each in _variants(type_)}) == 1
    return bound(implementation(type_)) if bound is not None and one_kind else type_


def _compares_itself(type_: Type) -> bool:
    return _decides(type_, (*_CONVERSIONS, *_COMPARISONS))


def _decides(type_: Type, names: Sequence[str]) -> bool:
    """A decorator of the program's own has a say in one of these; it then takes what it likes."""
    if not isinstance(type_, TypeDecorator) or _known(type_) is not None:
        return False
    own, plain = cast("Any", type(type_)), cast("Any", TypeDecorator)
    changed = any(getattr(own, name) is not getattr(plain, name) for name in names)
    return changed or _decides(cast("Any", type_).impl_instance, names)


def kind_of_value(value: object) -> ColumnKind | None:
    """The kind of column whose values are like this one; None where there is none."""
    cls: Any = type(value)
    return _by_python(cls)


@lru_cache(maxsize=512)
def _by_python(cls: Any) -> ColumnKind | None:
    return next((kind for kind in _BY_PYTHON if issubclass(cls, kind.python)), None)


def kind_named(name: str) -> ColumnKind:
    """The first kind of that name."""
    return next(kind for kind in _KINDS if kind.name == name)


# A datetime is a date too, True an int, and a member of an enum may be anything.
_FIRST: Final[Sequence[type]] = (enum.Enum, bool, dt.datetime)
_BY_PYTHON: Final = sorted(
    (kind for kind in _KINDS if kind.python), key=lambda kind: not any(cls in _FIRST for cls in kind.python)
)
