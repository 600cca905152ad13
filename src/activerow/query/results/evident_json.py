"""Rows as the JSON of a schema without its objects, where nobody could tell the difference.

A schema of plain fields (numbers, texts, moments, or None) validates a value of exactly that type as it is, and
writes it as Pydantic writes any value of the type. So the values of a column are looked at together, and where each has
the field's type, the rows are written at once. Anything else about the schema, or about a value, needs its objects.
"""

import datetime as dt
import sys
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from types import NoneType, UnionType
from typing import Any, Final, cast
from uuid import UUID
from weakref import WeakKeyDictionary

_EXACT: Final = frozenset({int, str, bool, dt.datetime, dt.date, Decimal, UUID})
_HARMLESS: Final = frozenset({"from_attributes", "title", "json_schema_extra", "validate_by_name", "populate_by_name"})
"""What a schema's configuration may say without an effect on plain values."""


@dataclass(frozen=True, slots=True)
class PlainFields:
    """The fields of a schema that has no others.

    Attributes:
        names: In the order of the schema.
        types: What a value may be, exactly.
    """

    names: tuple[str, ...]
    types: tuple[frozenset[type], ...]

    def json(self, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> bytes | None:
        """A JSON array of the rows, whose cells begin with those of `names`; None where a value is of another type."""
        pydantic: Any = sys.modules["pydantic_core"]  # it has made the schema
        if not set(names) >= set(self.names):
            return None  # a field that the model lacks
        places = [names.index(name) for name in self.names]
        columns = list(zip(*rows, strict=True)) or [()] * len(names)
        for place, exact in zip(places, self.types, strict=True):
            if not exact.issuperset(map(type, columns[place])):
                return None
            if Decimal in exact and not all(value is None or value.is_finite() for value in columns[place]):
                return None
        own = zip(*[columns[place] for place in places], strict=True)
        try:
            text: bytes = pydantic.to_json([dict(zip(self.names, row, strict=True)) for row in own])
        except pydantic.PydanticSerializationError:  # half of a surrogate pair, which validation knows how to refuse
            return None
        return text


_known: "WeakKeyDictionary[type, PlainFields | None]" = WeakKeyDictionary()


def plain_fields(schema: type) -> PlainFields | None:
    """The fields of a schema, if all are plain and nothing else is said of them."""
    if schema not in _known:
        _known[schema] = _read(schema)
    return _known[schema]


def _read(schema: Any) -> PlainFields | None:
    base: Any = next((cls for cls in schema.__mro__ if cls.__module__ == "pydantic.main"), None)
    if base is None or schema.__pydantic_root_model__ or schema.__pydantic_computed_fields__:
        return None
    changed = any(
        getattr(schema, name) != getattr(base, name)
        for name in ("model_post_init", "__init__", "__new__", "model_dump_json")
    ) or any(
        getattr(schema, name).__func__ is not getattr(base, name).__func__
        for name in ("model_validate", "__get_pydantic_core_schema__")
    )
    decorators = schema.__pydantic_decorators__
    decorated = any(getattr(decorators, name) for name in decorators.__dataclass_fields__)
    settings: Mapping[str, object] = schema.model_config
    fields: dict[str, Any] = schema.model_fields
    if changed or decorated or not fields or not _HARMLESS.issuperset(settings):
        return None
    types = [_types_of(field) for field in fields.values()]
    if None in types:
        return None
    return PlainFields(tuple(fields), tuple(cast("list[frozenset[type]]", types)))


def _types_of(field: Any) -> frozenset[type] | None:
    """What a field takes as it is; None where it does something with a value."""
    silent = field.alias is None and field.validation_alias is None and field.serialization_alias is None
    if not silent or field.metadata or field.exclude or getattr(field, "exclude_if", None) is not None:
        return None
    annotation = field.annotation
    parts = typing.get_args(annotation) if typing.get_origin(annotation) in (UnionType, typing.Union) else (annotation,)
    if not set(parts) <= _EXACT | {NoneType} or len(set(parts) - {NoneType}) != 1:
        return None
    return frozenset(parts)
