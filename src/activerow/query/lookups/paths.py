"""Paths like `posts__created_at__year__gte`: relations to cross, a field at the end, and what is asked of it."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal, cast

from sqlalchemy import JSON, Date, DateTime, Enum, String, Time
from sqlalchemy.orm import RelationshipProperty, aliased
from sqlalchemy.types import NullType, TypeEngine

from activerow.errors import UnknownFieldError, UnknownLookupError
from activerow.mapping import fields_of, mapper_of

SENSITIVE: Final = frozenset({"contains", "startswith", "endswith", "like"})
INSENSITIVE: Final = frozenset({"icontains", "istartswith", "iendswith", "iexact", "ilike"})
TEXT: Final = (*sorted(SENSITIVE | INSENSITIVE), "regex")
_COMPARISONS: Final = ("exact", "ne", "gt", "gte", "lt", "lte", "in", "not_in", "between", "isnull")
_MOMENTS: Final = (*_COMPARISONS, "within")
_LOOKUPS: Final = frozenset({*_MOMENTS, *TEXT})
_RELATION: Final = ("exact", "ne", "in", "not_in", "isnull")
_DOCUMENT: Final = (*_COMPARISONS, *TEXT, "has_key")
_DATE_PARTS: Final = ("year", "month", "day")
_TIME_PARTS: Final = ("hour", "minute")


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """What a path leads to.

    Attributes:
        hops: The relations to cross.
        name: An attribute of `owner`: a column, a hybrid, or a relation itself.
        owner: The model at the end of `hops`.
        rest: The words that are left: a part of a date, a lookup.
        relation: The relation that `name` is, when it is no column.
        type: The SQL type; None for what is not one column, such as a composite.
    """

    hops: tuple[str, ...]
    name: str
    owner: type
    rest: tuple[str, ...]
    relation: RelationshipProperty[Any] | None
    type: TypeEngine[Any] | None

    @property
    def path(self) -> str:
        """The field's name with the relations before it."""
        return "__".join((*self.hops, self.name))

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys that lead into the field's JSON document: all of `rest` but a lookup at its end."""
        if self.type is None or not isinstance(implementation(self.type), JSON):
            return ()
        return self.rest[:-1] if self.rest and self.rest[-1] in _DOCUMENT else self.rest


@lru_cache(maxsize=2048)
def field_at(model: type, path: str) -> Field:
    """Resolve a path of words joined by `__`.

    Raises:
        UnknownFieldError: A name is not a field of the model it stands on.
    """
    owner, hops, words = model, list[str](), path.split("__")
    while True:
        name, words = _take_name(owner, words)
        relation = mapper_of(owner).relationships.get(name)
        if relation is None or not words or _is_lookup(relation, words):
            type_ = cast("TypeEngine[Any] | None", getattr(getattr(owner, name), "type", None))
            return Field(tuple(hops), name, owner, tuple(words), relation, type_)
        hops.append(name)
        owner = relation.mapper.class_


def _take_name(model: type, words: list[str]) -> tuple[str, list[str]]:
    """Split off the words that name a field; names may contain `__` themselves."""
    fields, attributes = fields_of(model), mapper_of(model).attrs
    for length in range(1, len(words) + 1):
        name = "__".join(words[:length])
        if name in attributes or name in fields.hybrids:
            return name, words[length:]
    raise UnknownFieldError(model.__name__, words[0], choices=fields.columns + fields.relations + fields.hybrids)


def _is_lookup(relation: RelationshipProperty[Any], words: list[str]) -> bool:
    """The words after a relation compare it, rather than lead further."""
    return len(words) == 1 and words[0] in _LOOKUPS and words[0] not in relation.mapper.attrs


@lru_cache(maxsize=2048)
def lookup_at(model: type, path: str) -> tuple[Field, str | None, str]:
    """Resolve a path with the comparison at its end: the field, the part of its date if any, and the comparison.

    Raises:
        UnknownFieldError: A name is not a field of the model it stands on.
        UnknownLookupError: The field has no such part or comparison.
    """
    field = field_at(model, path)
    words = list(field.rest[len(field.keys) :])
    parts, lookups = _offered(field)
    part = words.pop(0) if words and words[0] in parts else None
    if part is not None:
        parts, lookups = (), _COMPARISONS
    word = words.pop(0) if words else "exact"
    if words or word not in lookups:
        name = field.path if part is None else f"{field.path}__{part}"
        raise UnknownLookupError(model.__name__, name, "__".join((word, *words)), choices=(*lookups, *parts))
    return field, part, word


def _offered(field: Field) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The date parts and the comparisons that a field offers."""
    if field.relation is not None:
        return (), _RELATION
    if field.type is None:
        return (), ("exact", "ne")
    impl = implementation(field.type)
    if isinstance(impl, JSON):
        return (), _DOCUMENT
    if isinstance(impl, DateTime):
        return ("date", *_DATE_PARTS, *_TIME_PARTS), _MOMENTS
    if isinstance(impl, Date):
        return _DATE_PARTS, _COMPARISONS
    if isinstance(impl, Time):
        return _TIME_PARTS, _COMPARISONS
    # An expression whose type nobody declared may be anything.
    is_text = isinstance(impl, String | NullType) and not isinstance(impl, Enum)
    return (), (*_COMPARISONS, *TEXT) if is_text else _COMPARISONS


def implementation(type_: TypeEngine[Any]) -> TypeEngine[Any]:
    """The type under the decorators."""
    under = cast("TypeEngine[Any] | None", getattr(type_, "impl_instance", None))
    return type_ if under is None else implementation(under)


@lru_cache(maxsize=1024)
def related_alias(model: type, hops: tuple[str, ...], purpose: Literal["exists", "join"]) -> Any:  # noqa: ARG001
    """The alias under which the end of `hops` stands in statements on `model`.

    One per purpose: a subquery would take an alias that is joined outside of it for that one.
    """
    owner = model
    for name in hops:
        owner = mapper_of(owner).relationships[name].mapper.class_
    return aliased(cast("Any", owner))
