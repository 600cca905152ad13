"""Lookups that are data: a column of the model itself, compared with a plain value.

Their SQL does not depend on the value, so a statement with them is made once per shape, and the values are its
parameters. Everything else (NULL, lists, texts, paths across relations, SQL) is made into SQL when it is given.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import JSON, ColumnElement, bindparam
from sqlalchemy.types import TypeEngine

from activerow.mapping import Entity, beyond_32_bits, comparable_check
from activerow.query.lookups.comparison import compare, is_expression
from activerow.query.lookups.operands import Lookup
from activerow.query.lookups.paths import Field, implementation, lookup_at

_WORDS: Final = frozenset({"exact", "ne", "gt", "gte", "lt", "lte"})


@dataclass(frozen=True, slots=True, eq=False)
class Simple:
    """A comparison with a column, without the value.

    Attributes:
        path: As it was written, `age__gte`.
        name: The attribute.
        kind: The column's type, which says what a value may be.
    """

    path: str
    name: str
    kind: TypeEngine[Any]
    field: Field
    word: str

    def takes(self, value: object) -> bool:
        """Whether the value is plain and could be in the column; what is not is refused, or understood, elsewhere."""
        if value is None:
            return False
        check = comparable_check(self.kind)
        if check is not None and check(self.kind, value) is not None:
            return False
        return not beyond_32_bits(self.kind, value) and not is_expression(value)

    def condition(self, model: type, value: object) -> ColumnElement[bool]:
        """The SQL of the comparison."""
        return compare(model, Lookup(self.field, None, self.word, value))

    def place(self, model: type, name: str) -> ColumnElement[bool]:
        """The SQL of the comparison with a parameter of that name."""
        return self.condition(model, bindparam(name, type_=self.kind))


def simple_lookups(entity: Entity, given: Iterable[tuple[str, object]]) -> tuple[tuple[Simple, object], ...] | None:
    """The lookups and their values; None where one of them is not simple, or its value is not.

    Raises:
        UnknownFieldError, UnknownLookupError: A name does not exist.
    """
    memory, found = entity.memory, list[tuple[Simple, object]]()
    for path, value in given:
        lookup: Simple | None = memory.get(path) or (_remember(entity, path) if type(path) is str else None)
        if lookup is None or not lookup.takes(value):
            return None
        found.append((lookup, value))
    return tuple(found)


def _remember(entity: Entity, path: str) -> Simple | None:
    field, part, word = lookup_at(entity.model, path)
    type_ = field.type
    own = not field.hops and field.relation is None and part is None and field.name in entity.columns
    if not own or type_ is None or word not in _WORDS or isinstance(implementation(type_), JSON):
        return None
    simple = Simple(path, field.name, type_, field, word)
    entity.memory[path] = simple
    return simple
