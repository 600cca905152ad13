"""What becomes of the values when a column gets another type: how they are converted, and which of them do not fit."""

from dataclasses import dataclass
from typing import Any, Final

from alembic.operations import ops

from activerow.migrations.schema.kinds import KINDS, Kind, actual, kind_of

_NUMBERS: Final[tuple[Kind, ...]] = ("integer", "float", "numeric")

# What every value survives; all else loses something, or is refused where a value does not fit.
_KEEPS_ALL: Final[frozenset[tuple[Kind, Kind]]] = frozenset(
    {
        ("integer", "numeric"),
        ("integer", "float"),
        ("boolean", "integer"),
        ("date", "datetime"),
        *((before, "text") for before in ("enum", "uuid", "integer", "boolean", "json", "date", "datetime", "time")),
        *((before, "text") for before in ("float", "numeric", "interval", "array")),
    }
)

_LOSSES: Final[dict[tuple[Kind, Kind], str]] = {
    ("float", "integer"): "decimals are lost",
    ("numeric", "integer"): "decimals are lost",
    ("numeric", "float"): "it becomes inexact",
    ("float", "numeric"): "it is rounded to the digits of the new type",
    ("datetime", "date"): "the time of day is lost",
    ("datetime", "time"): "the day is lost",
    ("text", "integer"): "texts become numbers: what is no number is refused, leading zeros are lost",
}


def loss(before: object, after: object, dialect: Any) -> str | None:
    """What the type `after` holds less of than `before`; None where every value survives."""
    kinds = kind_of(before, dialect), kind_of(after, dialect)
    if "other" in kinds:
        return None
    if kinds[0] != kinds[1]:
        if kinds in _KEEPS_ALL:
            return _shorter(before, after) if kinds[0] == "enum" else None
        return _LOSSES.get(kinds, f"it holds another kind of values ({kinds[0]} to {kinds[1]})")
    return _narrower(kinds[0], actual(before, dialect), actual(after, dialect))


def _narrower(kind: Kind, before: Any, after: Any) -> str | None:
    if kind == "enum":
        lost = sorted(set(before.enums) - set(after.enums))
        return f"it loses {', '.join(map(repr, lost))}" if lost else None
    if kind in {"text", "binary"}:
        return _shorter(before, after)
    if kind == "integer" and _bytes(after) < _bytes(before):
        return f"it becomes smaller ({_bytes(before)} to {_bytes(after)} bytes)"
    if kind == "numeric" and any(new < old for new, old in zip(_digits(after), _digits(before), strict=True)):
        return f"it has fewer digits ({before!r} to {after!r})"
    if kind == "datetime" and getattr(before, "timezone", False) and not getattr(after, "timezone", False):
        return "the time zone is lost"
    return None


def _shorter(before: Any, after: Any) -> str | None:
    old, new = getattr(before, "length", None), getattr(after, "length", None)
    if new is None or (old is not None and new >= old):
        return None
    return f"it becomes shorter ({old or 'unlimited'} to {new})"


_BYTES: Final = {"TINYINT": 1, "SMALLINT": 2, "MEDIUMINT": 3, "BIGINT": 8, "SMALLINTEGER": 2, "BIGINTEGER": 8}


def _bytes(kind: Any) -> int:
    names = (known.__name__.upper() for known in type(kind).__mro__)
    return next((_BYTES[name] for name in names if name in _BYTES), 4)


def _digits(kind: Any) -> tuple[int, int]:
    """Digits before and behind the point; without a precision there is no limit."""
    scale = kind.scale or 0
    return (1000, 1000) if kind.precision is None else (kind.precision - scale, scale)


@dataclass(frozen=True, slots=True)
class Conversion:
    """How the values of a column come into another type.

    Attributes:
        expression: SQL that makes the new value, of the old column.
        unfit: SQL that is true of an old value that cannot be converted; None where each can.
    """

    expression: str
    unfit: str | None = None


# --- PostgreSQL, which converts little by itself --------------------------------------------------------------------

_BY_ITSELF: Final[frozenset[tuple[Kind, Kind]]] = frozenset(
    {
        *((before, "text") for before in KINDS if before != "binary"),
        *((before, after) for before in _NUMBERS for after in _NUMBERS),
        *((kind, kind) for kind in KINDS if kind not in {"enum", "array", "datetime"}),
        ("date", "datetime"),
        ("datetime", "date"),
        ("datetime", "time"),
    }
)
_USING: Final[dict[tuple[Kind, Kind], str]] = {
    **{(kind, "boolean"): "{0} <> 0" for kind in _NUMBERS},
    **{("boolean", kind): "{0}::integer::{1}" for kind in _NUMBERS},
    ("text", "binary"): "convert_to({0}, 'UTF8')",
    ("binary", "text"): "convert_from({0}, 'UTF8')::{1}",
    ("array", "json"): "to_jsonb({0})::{1}",
    ("time", "datetime"): "DATE '1970-01-01' + {0}",
    ("time", "interval"): "{0}::{1}",
    ("interval", "time"): "{0}::{1}",
    ("interval", "integer"): "extract(epoch from {0})::{1}",
    ("integer", "interval"): "make_interval(secs => {0})",
}


def using(column: str, before: object, after: object, dialect: Any) -> str | None:
    """What PostgreSQL must be told to convert a column's values, None where it needs nothing."""
    kinds = kind_of(before, dialect), kind_of(after, dialect)
    old, new = actual(before, dialect), actual(after, dialect)
    if kinds == ("datetime", "datetime"):
        zones = bool(getattr(old, "timezone", False)), bool(getattr(new, "timezone", False))
        return f"{column} AT TIME ZONE 'UTC'" if zones[0] != zones[1] else None
    if kinds in _BY_ITSELF or "other" in kinds:
        return None
    compiler = dialect.type_compiler_instance
    if kinds == ("enum", "enum") and compiler.process(old) == compiler.process(new):
        return None
    through_text = "{0}::{1}" if kinds[0] == "text" else "{0}::text::{1}"  # which there is for each type
    return _USING.get(kinds, through_text).format(column, compiler.process(new))


def convert(changes: Any, dialect: Any) -> None:
    """Note with each change of a type how PostgreSQL converts its values."""
    for table in changes.ops if dialect.name == "postgresql" else ():
        for op in getattr(table, "ops", ()):
            if isinstance(op, ops.AlterColumnOp) and op.modify_type is not None:
                column = dialect.identifier_preparer.quote(op.column_name)
                needed = using(column, op.existing_type, op.modify_type, dialect)
                if needed is not None:
                    op.kw["postgresql_using"] = needed


# --- SQLite, which stores anything anywhere -------------------------------------------------------------------------

_REWRITTEN: Final[dict[tuple[Kind, Kind], str]] = {
    ("date", "datetime"): "{0} || ' 00:00:00.000000'",
    ("datetime", "date"): "substr({0}, 1, 10)",
    ("datetime", "time"): "substr({0}, 12)",
    ("text", "uuid"): "lower(replace({0}, '-', ''))",
    ("text", "binary"): "CAST({0} AS BLOB)",
    ("json", "binary"): "CAST({0} AS BLOB)",
    ("binary", "text"): "CAST({0} AS TEXT)",
    ("binary", "json"): "CAST({0} AS TEXT)",
}
# A comparison converts texts to numbers only where nothing is lost, as storing them does.
_UNFIT: Final[dict[Kind, str]] = {
    "integer": "CAST({0} AS INTEGER) IS NOT {0}",
    "boolean": "{0} NOT IN (0, 1)",
    "float": "CAST({0} AS NUMERIC) IS NOT {0}",
    "numeric": "CAST({0} AS NUMERIC) IS NOT {0}",
    "date": "date({0}) IS NOT {0}",
    "datetime": "{0} NOT LIKE '____-__-__%' OR datetime({0}) IS NULL",
    "time": "{0} NOT LIKE '__:__%' OR time({0}) IS NULL",
    "interval": "{0} NOT LIKE '____-__-__%' OR datetime({0}) IS NULL",
    "json": "NOT json_valid({0})",
    "uuid": "length({1}) <> 32 OR {1} GLOB '*[^0-9a-f]*'",
    "binary": "typeof({1}) <> 'blob'",
}
_UNFIT_FROM: Final[dict[tuple[Kind, Kind], str]] = {
    ("datetime", "date"): "date({0}) IS NULL OR time({0}) <> '00:00:00' OR {0} GLOB '*.*[1-9]*'",
    ("datetime", "time"): "datetime({0}) IS NULL",
    ("date", "datetime"): "datetime({0}) IS NULL",
}


def on_sqlite(column: str, before: object, after: object, dialect: Any) -> Conversion:
    """The conversion of a column there, whose name is quoted already: no CAST to a type that SQLite does not store."""
    kinds = kind_of(before, dialect), kind_of(after, dialect)
    new: Any = actual(after, dialect)
    expression = _REWRITTEN.get(kinds, "{0}").format(column)
    unfit: list[str] = []
    if kinds[0] != kinds[1] and (rule := _UNFIT_FROM.get(kinds) or _UNFIT.get(kinds[1])):
        unfit.append(rule.format(column, expression))
    if kinds[1] == "enum":
        unfit.append(f"{column} NOT IN ({', '.join(_text(value) for value in new.enums)})")
    elif kinds[1] == "text" and new.length is not None and (kinds[0] != "text" or loss(before, after, dialect)):
        unfit.append(f"length({expression}) > {new.length}")
    return Conversion(expression, " OR ".join(unfit) or None)


def rewriting(before: object, after: object, dialect: Any) -> str | None:
    """How values that all survive are stored in another form; None where they stay as they are."""
    kinds = kind_of(before, dialect), kind_of(after, dialect)
    if dialect.name == "sqlite" and kinds in _REWRITTEN:
        return f"values are rewritten: {_REWRITTEN[kinds].format('value')}"
    needed = using("value", before, after, dialect) if dialect.name == "postgresql" else None
    return f"values are converted: USING {needed}" if needed else None


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
