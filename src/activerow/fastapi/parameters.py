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
from sqlalchemy import Column, Enum, Numeric
from sqlalchemy.types import TypeDecorator, TypeEngine

from activerow.errors import UnknownLookupError, UsageError
from activerow.lookups import LOOKUPS
from activerow.mapping import Type, implementation, kind_of, mapper_of
from activerow.query.lookups import Comparison, lookup_at
from activerow.query.lookups import Field as FieldPath

_EQUAL: Final = "eq"

_MOST_ITEMS: Final = 100
_MOST_DIGITS: Final = 40

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
        path = field.path if word == _EQUAL else f"{field.path}__{word}"
        comparison = lookup_at(model, path)
        lookup, part = comparison.lookup, comparison.operand.part
        if not lookup.summary:
            choices = sorted(each.word for each in LOOKUPS.values() if each.summary)
            raise UnknownLookupError(model.__name__, field.path, word, choices=choices)
        name = f"{field.path}__{part}" if part is not None else field.path
        name = name if lookup.word == "exact" else f"{name}__{lookup.word}"
        annotation, sentence = _annotation(model, comparison), _sentence(comparison)
        yield Parameter(name, path, annotation, sentence, lookup.takes == "list")
        if word == _EQUAL:
            # Whoever writes `price__gte` may write `price__eq` as well.
            yield Parameter(f"{name}__{_EQUAL}", f"{path}__exact", annotation, sentence, is_shown=False)


def _sentence(comparison: Comparison) -> str:
    operand, lookup = comparison.operand, comparison.lookup
    if operand.part is not None:
        prefix = "" if operand.part == "date" else f"The {operand.part}: "
        is_day = operand.part == "date" and lookup.word == "exact"
        return f"{prefix}{'On this day (UTC).' if is_day else lookup.summary}"
    is_moment = operand.type is not None and kind_of(operand.type).name == "datetime"
    return _MOMENTS.get(lookup.word, lookup.summary) if is_moment else lookup.summary


# --- lookups --------------------------------------------------------------------------------------------------------


def _suggested(field: FieldPath) -> tuple[str, ...]:
    """The lookups that make sense for a field, by its type."""
    if field.relation is not None:
        return ("isnull",)
    suggested = () if field.type is None else kind_of(field.type).suggests
    return (*suggested, *(("isnull",) if _is_nullable(field) else ()))


def _is_nullable(field: FieldPath) -> bool:
    attribute = mapper_of(field.owner).column_attrs.get(field.name)
    column = attribute.columns[0] if attribute is not None else None
    return isinstance(column, Column) and bool(column.nullable)


# --- values ---------------------------------------------------------------------------------------------------------


def _annotation(model: type, comparison: Comparison) -> Any:
    operand, lookup = comparison.operand, comparison.lookup
    if lookup.takes == "flag":
        return bool
    if isinstance(lookup.takes, TypeEngine):
        value = _value_type(model, operand.field, lookup.takes)
    elif operand.part is not None and operand.part != "date":
        value = Annotated[int, Field(ge=0, le=9999)]
    else:
        value = _value_type(model, operand.field, operand.type)
    return Annotated[_list_of(value), _COMMAS, Field(max_length=_MOST_ITEMS)] if lookup.takes == "list" else value


def _list_of(value: Any) -> Any:
    return list[value]


def _value_type(model: type, field: FieldPath, type_: Type | None) -> Any:
    """What a value of that type is read as.

    Raises:
        UsageError: Such values have no form in a query string.
    """
    found = None if type_ is None else _declared(type_) or _known(type_)
    if found is None:
        kind = "a relation" if field.relation is not None else f"of the type {type_!r}"
        remedy = "list a column of the related model, or offer isnull" if field.relation is not None else "leave it out"
        raise UsageError(f"filters: {model.__name__}.{field.path} is {kind}, which has no form in a URL: {remedy}")
    return found


def _declared(type_: Type) -> Any:
    """What a type of the user's own says its values are, with SQLAlchemy's `python_type`."""
    if not isinstance(type_, TypeDecorator) or implementation(type_) is type_:
        return None
    own, plain = cast("Any", type(type_)), cast("Any", TypeEngine)
    if own.python_type is plain.python_type:
        return None
    python_type = cast("Any", type_).python_type
    return _FORMS.get(python_type, python_type)


def _known(type_: Type) -> Any:
    stored: Any = implementation(type_)
    python = kind_of(stored).python
    if isinstance(stored, Enum):
        return stored.enum_class if stored.enum_class is not None else _one_of(stored.enums)
    if datetime in python:
        return _AWARE if stored.timezone else _NAIVE
    if uuid.UUID in python:
        return uuid.UUID if stored.as_uuid else _TEXT
    if isinstance(stored, Numeric) and stored.asdecimal:
        return _decimal(cast("Any", stored))
    return _FLOAT if Decimal in python else next((_FORMS[each] for each in python if each in _FORMS), None)


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

_FORMS: Final[dict[Any, Any]] = {
    bool: bool,
    int: _WHOLE,
    float: _FLOAT,
    Decimal: _NUMBER,
    str: _TEXT,
    datetime: _AWARE,
    date: date,
    time: time,
    timedelta: timedelta,
}
"""What Pydantic reads the text of a Python value as."""
