"""Values that do not fit their columns, found before a statement is sent.

The same values are refused on every backend. SQLite would store a text that is too long, a number that is out of range
or a value of the wrong type without a word; PostgreSQL refuses them without naming the column; MySQL sees them only
when the row arrives. So a column takes what PostgreSQL takes there, and nothing else.
"""

import datetime as dt
import math
import uuid
from collections.abc import Callable, Iterable, Mapping
from decimal import Context, Decimal, InvalidOperation
from typing import Any, Final
from weakref import WeakKeyDictionary

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Enum,
    Float,
    Integer,
    Interval,
    LargeBinary,
    Numeric,
    SmallInteger,
    String,
    Time,
    Uuid,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import InstanceState, Mapper
from sqlalchemy.sql.elements import ClauseElement
from sqlalchemy.types import TypeDecorator, TypeEngine

from activerow.backends import backend_named
from activerow.errors import InvalidDataError
from activerow.mapping.inspection import discriminator_of, says_own_class
from activerow.mapping.read_only import refused_name
from activerow.types import UTCDateTime, in_utc

Check = Callable[[Any, str | None], str | None]
"""Takes a value and the name of the backend; says what is wrong with the value, without repeating it, or None."""

_CONVERSIONS: Final = ("process_bind_param", "bind_processor")
_checks: "WeakKeyDictionary[Mapper[Any], tuple[tuple[str, Check], ...]]" = WeakKeyDictionary()


def check_row(state: InstanceState[Any], *, backend: str | None = None) -> None:
    """Refuse values of a row that would be sent and do not fit: all of a new row, the changed ones of a stored row.

    Raises:
        InvalidDataError: For the first such value.
        ReadOnlyFieldError: The row says that it is of another class of its hierarchy.
    """
    if state.mapper.polymorphic_on is not None:
        check_class(state)
    if state.key is None:
        check_values(state.mapper, state.dict, operation="insert", backend=backend)
    elif state.modified:
        changed = {name: state.dict.get(name) for name in state.committed_state}
        check_values(state.mapper, changed, operation="update", backend=backend)


def check_class(state: InstanceState[Any]) -> None:
    """Accept a row that says of itself what it is.

    Raises:
        ReadOnlyFieldError: It says that it is of another class of its hierarchy.
    """
    name = discriminator_of(state.mapper)
    said = state.dict.get(name) if name is not None else None
    if name is not None and said is not None and not says_own_class(state.class_, name, said):
        raise refused_name(state.class_, name, ())


def check_values(
    mapper: Mapper[Any], values: Mapping[str, object], *, operation: str | None = None, backend: str | None = None
) -> None:
    """Refuse a value that does not fit its column; None and SQL expressions always pass.

    Args:
        mapper: Of the model whose row is written.
        values: Attribute to value; what is no column is passed over.
        operation: `insert` or `update`, for the error.
        backend: Name of the dialect, for the few values that only some backends can store.

    Raises:
        InvalidDataError: For the first such value, in the order of the columns.
    """
    for name, check in _checks_of(mapper):
        value = values.get(name)
        if value is None:
            continue
        reason = check(value, backend)
        if reason is not None and not _is_expression(value):
            raise InvalidDataError(
                model=mapper.class_.__name__,
                operation=operation,
                table=getattr(mapper.local_table, "name", None),
                columns=(name,),
                values={name: value},
                reason=reason,
            )


def _is_expression(value: object) -> bool:
    return isinstance(value, ClauseElement) or hasattr(value, "__clause_element__")


def _checks_of(mapper: Mapper[Any]) -> tuple[tuple[str, Check], ...]:
    checks = _checks.get(mapper)
    if checks is None:
        checks = _checks[mapper] = tuple(_compiled(mapper))
    return checks


def _compiled(mapper: Mapper[Any]) -> Iterable[tuple[str, Check]]:
    for name, attribute in mapper.column_attrs.items():
        column = attribute.columns[0]
        check = check_for(column.type) if isinstance(column, Column) else None
        if check is not None:
            yield name, check


def check_for(kind: TypeEngine[Any]) -> Check | None:
    """The check for a column type; None for types that know best themselves."""
    variants: Mapping[str, TypeEngine[Any]] = getattr(kind, "_variant_mapping", {})
    if not variants:
        return _check_for_one(kind)
    checks = [_check_for_one(variant) for variant in (kind, *variants.values())]
    known = [check for check in checks if check is not None]
    return _any_of(known) if len(known) == len(checks) else None


def _any_of(checks: list[Check]) -> Check:
    """A type with variants takes what one of them takes; the server still has the last word."""

    def check(value: object, backend: str | None) -> str | None:
        first: str | None = None
        for one in checks:
            reason = one(value, backend)
            if reason is None:
                return None
            first = first or reason
        return first

    return check


def _check_for_one(kind: TypeEngine[Any]) -> Check | None:
    if isinstance(kind, UTCDateTime):
        return _moment
    if isinstance(kind, TypeDecorator) and not isinstance(kind, Interval):
        decorator: Any = kind
        return None if _converts(decorator) else check_for(decorator.impl_instance)
    return next((make(kind) for known, make in _MAKERS if isinstance(kind, known)), None)


def _converts(decorator: Any) -> bool:
    """What converts its values may take anything."""
    own: Any = decorator.__class__
    return any(getattr(own, name) is not getattr(TypeDecorator, name) for name in _CONVERSIONS)


# --- texts ----------------------------------------------------------------------------------------------------------


def _text(kind: Any) -> Check:
    longest: int | float = math.inf if kind.length is None else kind.length

    def check(value: object, _backend: str | None) -> str | None:
        if not isinstance(value, str):
            return _not_a("str", value)
        if len(value) > longest:
            return f"too long, at most {longest} characters"
        return None if value.isprintable() else _unstorable(value)

    return check


def _unstorable(value: str) -> str | None:
    if "\0" in value:
        return "a NUL character, which PostgreSQL cannot store"
    if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        return "half of a surrogate pair, which is no character"
    return None


def _enum(kind: Any) -> Check:
    choices: frozenset[object] = frozenset([*(kind.enum_class or ()), *kind.enums])
    reason = f"not one of the choices {', '.join(kind.enums)}"

    def check(value: object, _backend: str | None) -> str | None:
        return None if isinstance(value, str | int | kind.enum_class) and value in choices else reason

    return check


# --- numbers --------------------------------------------------------------------------------------------------------


def _integer(bits: int, advice: str = "") -> Callable[[Any], Check]:
    def make(kind: Any) -> Check:
        unsigned = getattr(kind, "unsigned", False)
        least, most = (0, 2**bits - 1) if unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)

        def check(value: object, _backend: str | None) -> str | None:
            if not isinstance(value, int):
                return _not_a("int", value)
            return None if least <= value <= most else f"out of range, from {least} to {most}{advice}"

        return check

    return make


def _boolean(_kind: Any) -> Check:
    def check(value: object, _backend: str | None) -> str | None:
        return None if isinstance(value, int) and value in {0, 1} else _not_a("bool", value)

    return check


def _numeric(kind: Any) -> Check:
    most = _most(kind.precision, kind.scale)
    out_of_range = f"out of range for {kind.precision} digits, {kind.scale or 0} of them a fraction"

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


def _float(_kind: Any) -> Check:
    def check(value: object, backend: str | None) -> str | None:
        if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
            return _not_a("float", value)
        server = backend_named(backend)
        lost = not server.infinity or (not server.nan and value != value)
        return "not a finite number" if lost and not math.isfinite(value) else None

    return check


# --- moments and the rest -------------------------------------------------------------------------------------------


def _moment(value: object, _backend: str | None) -> str | None:
    try:
        in_utc(value)
    except InvalidDataError as error:
        return error.reason
    return None


def _datetime(kind: Any) -> Check:
    def check(value: object, _backend: str | None) -> str | None:
        if not isinstance(value, dt.datetime):
            return _not_a("datetime", value)
        # The zone would be dropped, and with it the moment that is meant.
        zoned = not kind.timezone and value.utcoffset() is not None
        return "a time zone, which this column cannot store; use UTCDateTime" if zoned else None

    return check


def _instance_of(name: str, *kinds: type) -> Callable[[Any], Check]:
    def make(_kind: Any) -> Check:
        def check(value: object, _backend: str | None) -> str | None:
            return None if isinstance(value, kinds) else _not_a(name, value)

        return check

    return make


def _uuid(kind: Any) -> Check:
    return _instance_of("UUID", uuid.UUID)(kind) if kind.as_uuid else _instance_of("str", str)(kind)


def _not_a(needed: str, value: object) -> str:
    return f"wrong type, {needed} is needed and not {type(value).__name__}"


def _unknown(_kind: Any) -> None:
    return None


# The first that fits: subclasses before their bases.
_MAKERS: Final[tuple[tuple[type[TypeEngine[Any]], Callable[[Any], Check | None]], ...]] = (
    (mysql.SET, _unknown),
    (Enum, _enum),
    (String, _text),
    (mysql.TINYINT, _integer(8)),
    (mysql.MEDIUMINT, _integer(24)),
    (SmallInteger, _integer(16)),
    (BigInteger, _integer(64)),
    (Integer, _integer(32, "; BigInteger holds more")),
    (Boolean, _boolean),
    (Float, _float),
    (Numeric, _numeric),
    (DateTime, _datetime),
    (Date, _instance_of("date", dt.date)),
    (Time, _instance_of("time", dt.time)),
    (Interval, _instance_of("timedelta", dt.timedelta)),
    (LargeBinary, _instance_of("bytes", bytes, bytearray, memoryview)),
    (Uuid, _uuid),
)
