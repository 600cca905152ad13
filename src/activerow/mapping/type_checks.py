"""What a value must be for columns of a type, one function per kind: each makes the check for a type of its kind."""

import datetime as dt
import math
from collections.abc import Callable
from decimal import Context, Decimal, InvalidOperation
from typing import Any, Final
from uuid import UUID

from sqlalchemy import BigInteger, SmallInteger
from sqlalchemy.dialects import mysql

from activerow.backends import backend_named, in_utc
from activerow.errors import InvalidDataError

Check = Callable[[Any, str | None], str | None]
"""Takes a value and the name of the backend; says what is wrong with the value, without repeating it, or None."""

MakeCheck = Callable[[Any], Check]

# --- texts ----------------------------------------------------------------------------------------------------------


def text(type_: Any) -> Check:
    """A string that every backend can store, no longer than the column."""
    longest: int | float = math.inf if type_.length is None else type_.length

    def check(value: object, _backend: str | None) -> str | None:
        if not isinstance(value, str):
            return _not_a("str", value)
        if len(value) > longest:
            return f"too long, at most {longest} characters"
        return None if value.isprintable() else _unstorable(value)

    return check


def any_text(_type: object) -> Check:
    """The same of any length."""

    def check(value: object, _backend: str | None) -> str | None:
        if not isinstance(value, str):
            return _not_a("str", value)
        return None if value.isprintable() else _unstorable(value)

    return check


def _unstorable(value: str) -> str | None:
    if "\0" in value:
        return "a NUL character, which PostgreSQL cannot store"
    if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        return "half of a surrogate pair, which is no character"
    return None


def choice(type_: Any) -> Check:
    """A member of the enum, or the word that is stored for one."""
    choices: frozenset[object] = frozenset([*(type_.enum_class or ()), *type_.enums])
    reason = f"not one of the choices {', '.join(type_.enums)}"

    def check(value: object, _backend: str | None) -> str | None:
        return None if isinstance(value, str | int | type_.enum_class) and value in choices else reason

    return check


# --- numbers --------------------------------------------------------------------------------------------------------

_BITS: Final = ((mysql.TINYINT, 8), (mysql.MEDIUMINT, 24), (SmallInteger, 16), (BigInteger, 64))


def integer(type_: Any) -> Check:
    """A whole number of as many bits as the column has."""
    bits = next((bits for known, bits in _BITS if isinstance(type_, known)), 32)
    advice = "; BigInteger holds more" if bits == 32 else ""
    unsigned = getattr(type_, "unsigned", False)
    least, most = (0, 2**bits - 1) if unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)

    def check(value: object, _backend: str | None) -> str | None:
        if not isinstance(value, int):
            return _not_a("int", value)
        return None if least <= value <= most else f"out of range, from {least} to {most}{advice}"

    return check


def any_integer(_type: object) -> Check:
    """A whole number of 64 bits; True is none, although Python would let it pass."""

    def check(value: object, _backend: str | None) -> str | None:
        if not isinstance(value, int) or isinstance(value, bool):
            return _not_a("int", value)
        return None if -(2**63) <= value < 2**63 else "beyond 64 bits"

    return check


def boolean(_type: object) -> Check:
    """A truth value, or 0 or 1."""

    def check(value: object, _backend: str | None) -> str | None:
        return None if isinstance(value, int) and value in {0, 1} else _not_a("bool", value)

    return check


def numeric(type_: Any) -> Check:
    """A number that has no more digits than the column once it is rounded to its scale."""
    most = _most(type_.precision, type_.scale)
    out_of_range = f"out of range for {type_.precision} digits, {type_.scale or 0} of them a fraction"

    def check(value: object, _backend: str | None) -> str | None:
        number = _decimal(value)
        if number is None:
            return _not_a("number", value)
        if not number.is_finite():
            return "not a finite number"
        return None if number.copy_abs() < most else out_of_range

    return check


def _most(precision: int | None, scale: int | None) -> Decimal:
    """The first number that is too large, seen that a fraction is rounded to the scale."""
    if precision is None:
        return Decimal("Infinity")
    exact = Context(prec=2 * precision + 10)
    half_of_last_digit = Decimal(5).scaleb(-(scale or 0) - 1, exact)
    return exact.subtract(Decimal(10) ** (precision - (scale or 0)), half_of_last_digit)


def _decimal(value: object) -> Decimal | None:
    if isinstance(value, Decimal):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return None


def floating(_type: object) -> Check:
    """A number; NaN and the infinities where the backend has them."""

    def check(value: object, backend: str | None) -> str | None:
        if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
            return _not_a("float", value)
        server = backend_named(backend)
        lost = not server.infinity or (not server.nan and value != value)
        return "not a finite number" if lost and not math.isfinite(value) else None

    return check


def any_number(_type: object) -> Check:
    """A finite number, of any size."""

    def check(value: object, _backend: str | None) -> str | None:
        if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
            return _not_a("number", value)
        return None if math.isfinite(value) else "not a finite number"

    return check


# --- moments and the rest -------------------------------------------------------------------------------------------


def moment(_type: object) -> Check:
    """An aware datetime."""

    def check(value: object, _backend: str | None) -> str | None:
        try:
            in_utc(value)
        except InvalidDataError as error:
            return error.reason
        return None

    return check


def datetime(type_: Any) -> Check:
    """A datetime, with a zone where the column has one, and without where it has none."""
    if type_.timezone:
        return moment(type_)

    def check(value: object, _backend: str | None) -> str | None:
        if not isinstance(value, dt.datetime):
            return _not_a("datetime", value)
        # The zone would be dropped, and with it the moment that is meant.
        zoned = value.utcoffset() is not None
        return "a time zone, which this column cannot store; use UTCDateTime" if zoned else None

    return check


def day(_type: object) -> Check:
    """A date, and not a datetime, of which no one would know whose day it is."""

    def check(value: object, _backend: str | None) -> str | None:
        fits = isinstance(value, dt.date) and not isinstance(value, dt.datetime)
        return None if fits else _not_a("date", value)

    return check


def instance_of(name: str, *kinds: type) -> MakeCheck:
    """An instance of one of the classes."""

    def check(value: object, _backend: str | None) -> str | None:
        return None if isinstance(value, kinds) else _not_a(name, value)

    return lambda _type: check


def uuid(type_: Any) -> Check:
    """A UUID, or its text where the column gives it back as that."""
    return instance_of("UUID", UUID)(type_) if type_.as_uuid else _uuid_text


def _uuid_text(value: object, _backend: str | None) -> str | None:
    if not isinstance(value, str):
        return _not_a("str", value)
    try:
        UUID(value)
    except ValueError:
        return "no UUID"
    return None


def _not_a(needed: str, value: object) -> str:
    return f"wrong type, {needed} is needed and not {type(value).__name__}"
