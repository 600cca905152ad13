"""What of a field can be asked in a query string: its lookups, and how the text of their values is read."""

import re
import uuid
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, cast

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, NaiveDatetime
from pydantic_core import PydanticCustomError
from sqlalchemy import (
    Boolean,
    Column,
    Date,
    DateTime,
    Enum,
    Float,
    Integer,
    Interval,
    Numeric,
    String,
    Time,
    Uuid,
)
from sqlalchemy.types import TypeDecorator, TypeEngine

from activerow.errors import UnknownLookupError, UsageError
from activerow.mapping import mapper_of
from activerow.query.lookups import INSENSITIVE, SENSITIVE, implementation, lookup_at
from activerow.query.lookups import Field as FieldPath
from activerow.types import UTCDateTime

_EQUAL: Final = "eq"
_ORDER: Final = ("gt", "gte", "lt", "lte")
_LISTS: Final = frozenset({"in", "not_in"})
# `like` takes wildcards and `regex` a program: neither is for strangers.
_TEXTS: Final = (SENSITIVE | INSENSITIVE) - {"like", "ilike"}
_WORDS: Final = frozenset({"exact", "ne", "isnull", *_ORDER, *_LISTS, *_TEXTS})

_MOST_ITEMS: Final = 100
_MOST_DIGITS: Final = 40

_SENTENCES: Final = {
    "exact": "Exactly this.",
    "ne": "Anything but this; rows without a value are left out.",
    "gt": "More than this.",
    "gte": "This or more.",
    "lt": "Less than this.",
    "lte": "This or less.",
    "in": "One of these, separated by commas.",
    "not_in": "None of these, separated by commas; rows without a value are left out.",
    "isnull": "`true`: without a value; `false`: with one.",
    "iexact": "This text, in upper or lower case.",
    "contains": "With this text in it.",
    "icontains": "With this text in it, in upper or lower case.",
    "startswith": "Beginning with this text.",
    "istartswith": "Beginning with this text, in upper or lower case.",
    "endswith": "Ending with this text.",
    "iendswith": "Ending with this text, in upper or lower case.",
}
_MOMENTS: Final = {
    "gt": "After this moment.",
    "gte": "At this moment or after it.",
    "lt": "Before this moment.",
    "lte": "At this moment or before it.",
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a query string.

    Attributes:
        name: Its name there: `price__gte`.
        lookup: What `filter_by` is given: `price__gte`.
        annotation: What Pydantic makes of its text.
        description: A sentence for readers.
        is_list: It may be given several times.
        is_shown: The documentation lists it.
    """

    name: str
    lookup: str
    annotation: Any
    description: str
    is_list: bool = False
    is_shown: bool = True


def parameters_of(model: type, field: FieldPath, words: Iterable[str] | None) -> Iterator[Parameter]:
    """The parameters for a field: those that its type suggests, or those for the lookups in `words`.

    Raises:
        UnknownLookupError: The field has no such lookup.
        UsageError: The values of the field, or of the lookup, cannot be written in a query string.
    """
    for word in _suggested(field) if words is None else words:
        lookup = field.path if word == _EQUAL else f"{field.path}__{word}"
        _, part, comparison = lookup_at(model, lookup)
        if comparison not in _WORDS:
            raise UnknownLookupError(model.__name__, field.path, word, choices=sorted(_WORDS))
        name = f"{field.path}__{part}" if part is not None else field.path
        name = name if comparison == "exact" else f"{name}__{comparison}"
        annotation = _annotation(model, field, part, comparison)
        sentence = _sentence(field, part, comparison)
        yield Parameter(name, lookup, annotation, sentence, comparison in _LISTS)
        if word == _EQUAL:
            # Whoever writes `price__gte` may write `price__eq` as well.
            yield Parameter(f"{name}__{_EQUAL}", f"{lookup}__exact", annotation, sentence, is_shown=False)


def _sentence(field: FieldPath, part: str | None, comparison: str) -> str:
    sentence = _SENTENCES[comparison]
    if part is not None:
        prefix = "" if part == "date" else f"The {part}: "
        return f"{prefix}{'On this day (UTC).' if (part, comparison) == ('date', 'exact') else sentence}"
    is_moment = field.type is not None and isinstance(implementation(field.type), DateTime)
    return _MOMENTS.get(comparison, sentence) if is_moment else sentence


# --- lookups --------------------------------------------------------------------------------------------------------


def _suggested(field: FieldPath) -> tuple[str, ...]:
    """The lookups that make sense for a field, by its type."""
    if field.relation is not None:
        return ("isnull",)
    return (*_suggested_by_type(_kind(field)), *(("isnull",) if _is_nullable(field) else ()))


def _suggested_by_type(kind: TypeEngine[Any] | None) -> tuple[str, ...]:
    if isinstance(kind, Boolean):
        return (_EQUAL,)
    if isinstance(kind, Enum | Uuid):
        return (_EQUAL, "ne", "in")
    if isinstance(kind, String):
        return (_EQUAL, "ne", "in", "icontains", "istartswith")
    if isinstance(kind, DateTime):
        return (_EQUAL, *_ORDER, "date")
    return (_EQUAL, "ne", *_ORDER, "in")


def _is_nullable(field: FieldPath) -> bool:
    attribute = mapper_of(field.owner).column_attrs.get(field.name)
    column = attribute.columns[0] if attribute is not None else None
    return isinstance(column, Column) and bool(column.nullable)


def _kind(field: FieldPath) -> TypeEngine[Any] | None:
    return None if field.type is None else implementation(field.type)


# --- values ---------------------------------------------------------------------------------------------------------


def _annotation(model: type, field: FieldPath, part: str | None, comparison: str) -> Any:
    if comparison == "isnull":
        return bool
    if part is not None:
        value: Any = date if part == "date" else Annotated[int, Field(ge=0, le=9999)]
    elif comparison in _TEXTS:
        value = _TEXT
    else:
        value = _value_type(model, field)
    return Annotated[_list_of(value), _COMMAS, Field(max_length=_MOST_ITEMS)] if comparison in _LISTS else value


def _list_of(value: Any) -> Any:
    return list[value]


def _value_type(model: type, field: FieldPath) -> Any:
    """What a value of the field's type is read as.

    Raises:
        UsageError: Such values have no form in a query string.
    """
    type_ = field.type
    found = None if type_ is None else _declared(type_) or _known(type_)
    if found is None:
        kind = "a relation" if field.relation is not None else f"of the type {type_!r}"
        remedy = "list a column of the related model, or offer isnull" if field.relation is not None else "leave it out"
        raise UsageError(f"filters: {model.__name__}.{field.path} is {kind}, which has no form in a URL: {remedy}")
    return found


def _declared(type_: TypeEngine[Any]) -> Any:
    """What a type of the user's own says its values are, with SQLAlchemy's `python_type`."""
    if not isinstance(type_, TypeDecorator) or isinstance(type_, UTCDateTime):
        return None
    own, plain = cast("Any", type(type_)), cast("Any", TypeEngine)
    if own.python_type is plain.python_type:
        return None
    python_type = cast("Any", type_).python_type
    return _BY_PYTHON_TYPE.get(python_type, python_type)


def _known(type_: TypeEngine[Any]) -> Any:
    kind = implementation(type_)
    if isinstance(kind, Enum):
        return kind.enum_class if kind.enum_class is not None else _one_of(kind.enums)
    if isinstance(kind, DateTime):
        aware = isinstance(type_, UTCDateTime) or kind.timezone
        return _AWARE if aware else _NAIVE
    if isinstance(kind, Uuid):
        return uuid.UUID if kind.as_uuid else _TEXT
    if isinstance(kind, Numeric):
        return _decimal(kind) if kind.asdecimal else _FLOAT
    return next((value for known, value in _BY_TYPE if isinstance(kind, known)), None)


def _decimal(kind: Numeric[Any]) -> Any:
    """As many digits as the column holds: PostgreSQL rounds what it compares to that, or refuses it, others do not."""
    limits = Field(max_digits=kind.precision, decimal_places=kind.scale) if kind.precision else None
    return Annotated[_NUMBER, limits] if limits is not None else _NUMBER


def _one_of(words: Collection[str]) -> Any:
    return Literal[tuple(words)]


def _split(value: object) -> object:
    """`1,2` and `3` as one list; a value with a comma in it cannot be asked for."""
    if not isinstance(value, list):
        return value
    texts = cast("list[object]", value)
    return [item for text in texts for item in (text.split(",") if isinstance(text, str) else (text,))]


def _with_plus(value: object) -> object:
    """`10:00+02:00` as it was meant: in a query string `+` is a space, and few remember to write `%2B`."""
    return re.sub(r"(\d\d:\d\d\S*) (\d\d:?\d\d)$", r"\1+\2", value) if isinstance(value, str) else value


def _utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise PydanticCustomError("datetime_range", "Input should be a moment of the years 1 to 9999 in UTC") from None


def _storable(value: str) -> str:
    if "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
        raise PydanticCustomError("text", "Input should be text without NUL characters or halves of characters")
    return value


def _countable(value: int) -> int:
    if not -(2**63) <= value < 2**63:
        raise PydanticCustomError("integer_range", "Input should be an integer of at most 64 bits")
    return value


_COMMAS: Final = BeforeValidator(_split)
COMMA_SEPARATED: Final = _COMMAS
"""Reads `1,2` as a list."""

_TEXT: Final = Annotated[str, AfterValidator(_storable)]
_NUMBER: Final = Annotated[Decimal, Field(max_digits=_MOST_DIGITS, examples=["9.99"])]
_FLOAT: Final = Annotated[float, Field(allow_inf_nan=False, examples=[9.5])]
_WHOLE: Final = Annotated[int, AfterValidator(_countable), Field(examples=[10])]
_AWARE: Final = Annotated[
    AwareDatetime, BeforeValidator(_with_plus), AfterValidator(_utc), Field(examples=["2026-01-31T12:00:00Z"])
]
_NAIVE: Final = Annotated[NaiveDatetime, Field(examples=["2026-01-31T12:00:00"])]

_BY_TYPE: Final[tuple[tuple[type[TypeEngine[Any]], Any], ...]] = (
    (Boolean, bool),
    (Integer, _WHOLE),
    (Float, _FLOAT),
    (String, _TEXT),
    (Date, date),
    (Time, time),
    (Interval, timedelta),
)
_BY_PYTHON_TYPE: Final[dict[Any, Any]] = {
    int: _WHOLE,
    float: _FLOAT,
    Decimal: _NUMBER,
    str: _TEXT,
    datetime: _AWARE,
}
