"""What a column holds, in a word that is the same for models and for what a server says of its columns."""

from typing import Any, Final, Literal, get_args

from sqlalchemy import (
    ARRAY,
    Boolean,
    Date,
    DateTime,
    Enum,
    Float,
    Integer,
    Interval,
    Numeric,
    String,
    Time,
    TypeDecorator,
    Uuid,
    types,
)
from sqlalchemy.types import JSON

Kind = Literal[
    "text",
    "enum",
    "integer",
    "boolean",
    "float",
    "numeric",
    "date",
    "datetime",
    "time",
    "interval",
    "json",
    "uuid",
    "binary",
    "array",
    "other",
]

KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

_types: Any = types  # BINARY and BLOB have a parent that is private
_OF: Final[tuple[tuple[type[Any], Kind], ...]] = (
    (Enum, "enum"),
    (Boolean, "boolean"),
    (Integer, "integer"),
    (Float, "float"),
    (Numeric, "numeric"),
    (DateTime, "datetime"),
    (Date, "date"),
    (Time, "time"),
    (Interval, "interval"),
    (JSON, "json"),
    (Uuid, "uuid"),
    (_types._Binary, "binary"),
    (ARRAY, "array"),
    (String, "text"),
)


def kind_of(column_type: object, dialect: Any) -> Kind:
    """What values of the type are."""
    plain = actual(column_type, dialect)
    affinity: Any = getattr(plain, "_type_affinity", None)
    for known, kind in _OF:
        if isinstance(plain, known):
            return kind
    for known, kind in _OF:
        if isinstance(affinity, type) and issubclass(affinity, known):
            return kind
    return "other"


def actual(column_type: Any, dialect: Any) -> Any:
    """The type without decorators and variants."""
    kind = column_type() if isinstance(column_type, type) else column_type
    if kind is None:
        return None
    variants: Any = getattr(kind, "_variant_mapping", {})
    kind = variants.get(dialect.name, kind)
    while isinstance(kind, TypeDecorator) and not isinstance(kind, Interval):
        kind = kind.load_dialect_impl(dialect)
    return kind
