"""Lookups that are data: a column of the model itself, compared with a plain value.

Their SQL does not depend on the value, so a statement with them is made once per shape, and the values are its
parameters. Everything else (NULL, lists, texts, paths across relations, SQL) is made into SQL when it is given.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import ColumnElement, bindparam

from activerow.mapping import Entity, Type, bound_as, evident, is_expression
from activerow.mapping.evident import NONE
from activerow.query.lookups.comparison import ColumnComparison, Given
from activerow.query.lookups.resolving import lookup_at

_WORDS: Final = frozenset({"exact", "ne", "gt", "gte", "lt", "lte"})


@dataclass(frozen=True, slots=True, eq=False)
class Simple:
    """A comparison with a column, without the value.

    Attributes:
        path: As it was written, `age__gte`.
        name: The attribute.
        kind: The type that values are bound as.
        exact: The type of values that `fits` can be asked about; of all others, and where it says no, `takes` knows.
        fits: Whether the column could hold such a value, without a call of a function of ours.
    """

    path: str
    name: str
    kind: Type
    comparison: ColumnComparison
    exact: type
    fits: Callable[[Any], object]

    def takes(self, value: object) -> bool:
        """Whether the value is plain and could be in the column; what is not is refused, or understood, elsewhere."""
        if value is None:
            return False
        check = self.comparison.operand.check
        return (check is None or check(value, None) is None) and not is_expression(value)

    def condition(self, model: type, value: object) -> ColumnElement[bool]:
        """The SQL of the comparison."""
        return self.comparison.condition(model, Given(self.comparison.lookup, value))

    def place(self, model: type, name: str) -> ColumnElement[bool]:
        """The SQL of the comparison with a parameter of that name."""
        return self.comparison.sql(model, self.comparison.lookup, bindparam(name, type_=self.kind))


def simple_lookups(entity: Entity, given: Iterable[tuple[str, object]]) -> tuple[tuple[Simple, object], ...] | None:
    """The lookups and their values; None where one of them is not simple, or its value is not.

    Raises:
        UnknownFieldError, UnknownLookupError: A name does not exist.
    """
    known, found = entity.lookups, list[tuple[Simple, object]]()
    for path, value in given:
        lookup: Simple | None = known.get(path) or (_remember(entity, path) if type(path) is str else None)
        if lookup is None or not lookup.takes(value):
            return None
        found.append((lookup, value))
    return tuple(found)


def _remember(entity: Entity, path: str) -> Simple | None:
    comparison = lookup_at(entity.model, path)
    operand = comparison.operand
    own = not operand.field.hops and operand.part is None and operand.field.name in entity.columns
    if not own or not isinstance(comparison, ColumnComparison) or comparison.lookup.word not in _WORDS:
        return None
    column: Any = entity.columns[operand.field.name]
    known = evident(column.type, operand.check)
    known = known if known.zone is False else NONE
    simple = Simple(path, operand.field.name, bound_as(column.type, None), comparison, known.exact, known.fits)
    entity.lookups[path] = simple
    return simple


def remember_key(entity: Entity, lookup: Simple) -> None:
    """Know the lookup of a primary key of one column again, for values that the column evidently could hold.

    A key that is compared with more than that is wide: see `is_wide`.
    """
    if Simple not in entity.memory:
        known = entity.evident[lookup.name]
        known = known if known.is_whole else NONE
        entity.memory[Simple] = replace(lookup, exact=known.exact, fits=known.fits)
