"""Whether a value can be compared with a column: the same answer on every backend, before anything is sent.

Left to themselves PostgreSQL refuses `"5"` for an integer column, MySQL takes it for 5, and SQLite finds nothing.
"""

import uuid
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import (
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
    String,
    Time,
    Uuid,
)
from sqlalchemy.types import TypeDecorator, TypeEngine

from activerow.errors import InvalidDataError
from activerow.types import UTCDateTime, in_utc

_Check = Callable[[Any, Any], str | None]


def check_comparable(model: type, name: str, type_: TypeEngine[Any], value: object) -> None:
    """Refuse a value that the column `name` of `model` could not hold, whatever its length.

    Raises:
        InvalidDataError: The value is of another type, or no backend can take it.
    """
    check = comparable_check(type_)
    reason = check(type_, value) if check is not None else None
    if reason is not None:
        raise refusal(model, name, reason, value)


def comparable_check(type_: TypeEngine[Any]) -> "_Check | None":
    """The check of values for a type, called with both; None for types of which nothing is known."""
    kind: Any = type(type_)
    return _check_of(kind)


@lru_cache(maxsize=256)
def _check_of(kind: Any) -> "_Check | None":
    return next((check for known, check in _CHECKS if issubclass(kind, known)), None)


def refusal(model: type, name: str, reason: str, value: object = None) -> InvalidDataError:
    """The error for a value that cannot be compared with the column `name`."""
    return InvalidDataError(
        model=model.__name__, operation="select", columns=(name,), values={name: value}, reason=reason
    )


def beyond_32_bits(type_: TypeEngine[Any], value: object) -> bool:
    """An integer for which PostgreSQL needs a wider type than the column's."""
    return isinstance(type_, Integer) and not isinstance(type_, BigInteger) and not _fits(value, 31)


def _fits(value: object, bits: int) -> bool:
    return not isinstance(value, int) or -(1 << bits) <= value < 1 << bits


def _needs(*kinds: type, no: type | tuple[type, ...] = ()) -> _Check:
    words = " or ".join(kind.__name__ for kind in kinds)

    def check(_type: object, value: object) -> str | None:
        if isinstance(value, kinds) and not isinstance(value, no):
            return None
        return f"{words} is needed, not {type(value).__name__}"

    return check


def _check_integer(_type: object, value: object) -> str | None:
    if not isinstance(value, int):
        return f"int is needed, not {type(value).__name__}"
    return None if _fits(value, 63) else "it is beyond 64 bits"


def _check_boolean(_type: object, value: object) -> str | None:
    fits = isinstance(value, bool) or (isinstance(value, int) and value in {0, 1})
    return None if fits else f"bool is needed, not {type(value).__name__}"


def _check_text(_type: object, value: object) -> str | None:
    if not isinstance(value, str):
        return f"str is needed, not {type(value).__name__}"
    if "\0" in value:
        return "text cannot hold the NUL character"
    if not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
        return "text cannot hold half of a surrogate pair"
    return None


def _check_enum(type_: Enum, value: object) -> str | None:
    enum_class = type_.enum_class
    names = type_.enums
    if (enum_class is not None and isinstance(value, enum_class)) or (isinstance(value, str) and value in names):
        return None
    return f"one of {', '.join(names)} is needed"


def _check_uuid(type_: Uuid[Any], value: object) -> str | None:
    return _needs(uuid.UUID if type_.as_uuid else str)(type_, value)


def _check_moment(_type: object, value: object) -> str | None:
    try:
        in_utc(value)
    except InvalidDataError as error:
        return error.reason
    return None


_number = _needs(int, float, Decimal)
_CHECKS: Final[tuple[tuple[type[TypeEngine[Any]], _Check], ...]] = (
    (UTCDateTime, _check_moment),
    (Interval, _needs(timedelta)),
    # A type of the user's own knows best which values it takes.
    (TypeDecorator, lambda _type, _value: None),
    (Enum, _check_enum),
    (Boolean, _check_boolean),
    (Integer, _check_integer),
    (String, _check_text),
    (Uuid, _check_uuid),
    (DateTime, _needs(datetime)),
    (Date, _needs(date, no=datetime)),
    (Time, _needs(time)),
    (Float, _number),
    (Numeric, _number),
    (LargeBinary, _needs(bytes, bytearray, memoryview)),
)
