"""Paths like `posts__created_at__year__gte`: relations to cross, and a field at the end."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, cast

from sqlalchemy.orm import RelationshipProperty, aliased

from activerow.errors import UnknownFieldError
from activerow.lookups import LOOKUPS
from activerow.mapping import Type, fields_of, kind_of, mapper_of


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """What a path leads to.

    Attributes:
        hops: The relations to cross.
        name: An attribute of `owner`: a column, a hybrid, or a relation itself.
        owner: The model at the end of `hops`.
        rest: The words that are left: a part of a date, keys into a document, a lookup.
        relation: The relation that `name` is, when it is no column.
        type: The SQL type; None for what is not one column, such as a composite.
    """

    hops: tuple[str, ...]
    name: str
    owner: type
    rest: tuple[str, ...]
    relation: RelationshipProperty[Any] | None
    type: Type | None

    @property
    def path(self) -> str:
        """The field's name with the relations before it."""
        return "__".join((*self.hops, self.name))

    @property
    def is_document(self) -> bool:
        """It holds JSON, which further words lead into."""
        return self.type is not None and kind_of(self.type).name == "json"


@lru_cache(maxsize=2048)
def field_at(model: type, path: str) -> Field:
    """Resolve a path of words joined by `__`.

    Raises:
        UnknownFieldError: A name is not a field of the model it stands on.
    """
    owner, hops = model, list[str]()
    while True:
        name, path = _take_name(owner, path)
        relation = mapper_of(owner).relationships.get(name)
        if relation is None or not path or (path in LOOKUPS and path not in relation.mapper.attrs):
            type_ = cast("Type | None", getattr(getattr(owner, name), "type", None))
            return Field(tuple(hops), name, owner, tuple(path.split("__")) if path else (), relation, type_)
        hops.append(name)
        owner = relation.mapper.class_


def _take_name(model: type, path: str) -> tuple[str, str]:
    """The field that the path begins with, and what follows it.

    Names may end in `_` and contain `__` themselves, so the longest one wins.
    """
    fields = fields_of(model)
    names = (*mapper_of(model).attrs.keys(), *fields.hybrids)
    found = max((name for name in names if path == name or path.startswith(f"{name}__")), key=len, default=None)
    if found is None:
        word = path.partition("__")[0] or path
        raise UnknownFieldError(model.__name__, word, choices=fields.columns + fields.relations + fields.hybrids)
    return found, path[len(found) + 2 :]


@lru_cache(maxsize=1024)
def related_alias(model: type, hops: tuple[str, ...], purpose: Literal["exists", "join"]) -> Any:  # noqa: ARG001
    """The alias under which the end of `hops` stands in statements on `model`.

    One per purpose: a subquery would take an alias that is joined outside of it for that one.
    """
    owner = model
    for name in hops:
        owner = mapper_of(owner).relationships[name].mapper.class_
    return aliased(cast("Any", owner))
