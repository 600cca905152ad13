"""Lookups: `age__gte=18`, `posts__title__icontains="async"` and groups of them, turned into SQL conditions.

A lookup speaks SQL: a comparison with NULL is neither true nor false, so `ne`, `not_in` and `~Q(...)` on a column do
not find its NULL rows (ask for them with `isnull`). `exact` and `in` compare as the column's collation does; `contains`
and its like mind letter case on every backend, and those with an `i` before them on none.

A path across a relation asks whether there is a related row (`EXISTS`). All lookups of one call on one path ask for the
same related row, except those under a `~`, which ask that there is no such row. Where a to-one relation leads to none,
the columns beyond it are NULL.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Final, cast

from sqlalchemy import Boolean, Integer, Label, Over, and_, literal_column, not_, or_, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.operators import OperatorType
from sqlalchemy.types import NullType

from activerow.errors import UsageError
from activerow.mapping import mapper_of
from activerow.q import Condition, Connector, Q
from activerow.query.lookups.columns import Named
from activerow.query.lookups.comparison import Comparison, Given
from activerow.query.lookups.paths import Field, related_alias
from activerow.query.lookups.resolving import comparison_of, lookup_at

_ONE: Final = literal_column("1", Integer())
_MOST_IN_A_ROW: Final = 500


def condition_of(model: type, group: Q, entity: Any = None, named: Named = ()) -> Condition | None:
    """The SQL of a group, on the model or an alias of it; None when it says nothing.

    Args:
        model: The model.
        group: The lookups.
        entity: The alias.
        named: What else lookups may name: computed values of the rows.

    Raises:
        UnknownFieldError, UnknownLookupError: A name does not exist.
        UsageError: A value does not fit its lookup.
        InvalidDataError: A value could not be in its column.
    """
    entity = model if entity is None else entity
    return _sql(_Place(model, entity, ()), _resolved(model, group, named)) if group.parts else None


# --- names ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Asked:
    """A comparison, with a value that it accepted."""

    comparison: Comparison
    given: Given
    computed: Any = None
    """Where it is asked of a computed value: what has that as an attribute."""

    @property
    def hops(self) -> tuple[str, ...]:
        """The relations that lead to its field."""
        return self.comparison.operand.field.hops


@dataclass(frozen=True, slots=True)
class _Group:
    """A `Q` whose names are resolved."""

    connector: Connector
    negated: bool
    members: "tuple[_Node, ...]"


_Node = _Asked | _Group | Condition


def _resolved(model: type, part: Q | tuple[str, object] | Condition, named: Named) -> _Node:
    if isinstance(part, Q):
        return _Group(part.connector, part.negated, tuple(_resolved(model, member, named) for member in part.parts))
    if not isinstance(part, tuple):
        return part
    path, value = part
    for name, column in named:
        if path == name or path.startswith(f"{name}__"):
            comparison, source = on_computed(model, path, name, column.expression)
            return _Asked(comparison, comparison.given(value), source)
    comparison = lookup_at(model, path)
    return _Asked(comparison, comparison.given(value))


def unlabelled(expression: Any) -> Any:
    """What an expression stands for, without the name it may have."""
    return cast("Any", expression).element if isinstance(expression, Label) else expression


def on_computed(model: type, path: str, name: str, expression: Any) -> tuple[Comparison, Any]:
    """The comparison that a path beginning with the name of a computed value asks for, and what to compare it on.

    Raises:
        UnknownLookupError: Values of its type have no such lookup.
        UsageError: It is a window function's.
    """
    bare = unlabelled(expression)
    if isinstance(bare, Over):
        raise UsageError(f"{path}: a window function is computed after all conditions, and cannot be one of them")
    words = tuple(path[len(name) + 2 :].split("__")) if path != name else ()
    field = Field((), name, model, words, None, getattr(bare, "type", NullType()))
    return comparison_of(model, field), SimpleNamespace(**{name: bare})


# --- SQL ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a condition stands: on `entity`, which is `model` or the alias at the end of `hops` from it."""

    model: type
    entity: Any
    hops: tuple[str, ...]

    def beyond(self, hop: str) -> "_Place":
        """The place at the other end of a relation."""
        hops = (*self.hops, hop)
        return _Place(self.model, related_alias(self.model, hops, "exists"), hops)


def _sql(place: _Place, node: _Node) -> Condition:
    if isinstance(node, _Asked):
        hop = _next_hop(place, node)
        if node.computed is not None:
            return node.comparison.condition(node.computed, node.given)
        return node.comparison.condition(place.entity, node.given) if hop is None else _exists(place, hop, node)
    if not isinstance(node, _Group):
        return node
    if node.connector == "or":
        joined = _joined(or_, [_sql(place, member) for member in node.members])
    else:
        joined = _joined(and_, list(_conjunction(place, node)))
    return not_(joined) if node.negated else joined


def _joined(connect: Callable[..., Condition], conditions: Sequence[Condition]) -> Condition:
    """The conditions in one, in brackets where they are so many that SQLite could not descend into them."""
    if len(conditions) == 1:
        return conditions[0]
    while len(conditions) > _MOST_IN_A_ROW:
        chunks = [conditions[start : start + _MOST_IN_A_ROW] for start in range(0, len(conditions), _MOST_IN_A_ROW)]
        conditions = [_Brackets(connect(*chunk)) for chunk in chunks]
    return connect(*conditions)


class _Brackets(FunctionElement[bool]):
    """A condition in brackets that SQLAlchemy does not take off."""

    inherit_cache = True
    type = Boolean()

    def self_group(self, against: OperatorType | None = None) -> "_Brackets":  # noqa: ARG002
        """Stand as a condition of its own."""
        return self


@compiles(_Brackets)
def _write_brackets(element: _Brackets, compiler: SQLCompiler, **options: Any) -> str:
    return f"({compiler.process(element.clauses, **options)})"


def _conjunction(place: _Place, group: _Group) -> Iterable[Condition]:
    """The conditions of an AND group: one EXISTS for all members that cross the same relation."""
    crossing: dict[str, list[_Node]] = {}
    for member in _flattened(group):
        hop = _next_hop(place, member)
        if hop is None:
            yield _sql(place, member)
        else:
            crossing.setdefault(hop, []).append(member)
    for hop, members in crossing.items():
        yield _exists(place, hop, _Group("and", negated=False, members=tuple(members)))


def _flattened(group: _Group) -> Iterable[_Node]:
    for member in group.members:
        if isinstance(member, _Group) and member.connector == "and" and not member.negated:
            yield from _flattened(member)
        else:
            yield member


def _next_hop(place: _Place, node: _Node) -> str | None:
    """The relation that the whole of `node` crosses next; None when it crosses none, or not one alone."""
    if isinstance(node, _Asked):
        depth = len(place.hops)
        return node.hops[depth] if len(node.hops) > depth else None
    if not isinstance(node, _Group) or node.negated:
        return None
    hops = {_next_hop(place, member) for member in node.members}
    return hops.pop() if len(hops) == 1 else None


def _exists(place: _Place, hop: str, inner: _Node) -> Condition:
    """There is a related row for which `inner` holds; or, of a to-one relation, none, where NULL in its place would do.

    So `author__name=None` finds the rows for which `values("author__name")` shows None.
    """
    there = place.beyond(hop)
    relation = getattr(place.entity, hop)
    rows = select(_ONE).select_from(there.entity).where(relation.of_type(there.entity))
    found = rows.where(_sql(there, inner)).exists()
    if relation.property.uselist or not _of_nulls(relation.property.mapper.class_, inner, len(there.hops)):
        return found
    return or_(not_(rows.exists()), found)


def _of_nulls(model: type, node: _Node, depth: int) -> bool | None:
    """What is said of a row of `model` that is not there, whose columns are all NULL; None is unknown, as in SQL."""
    if isinstance(node, _Asked):
        for hop in node.hops[depth:]:
            relation = mapper_of(model).relationships[hop]
            if relation.uselist:
                return False
            model = relation.mapper.class_
        return node.given.of_null
    if not isinstance(node, _Group):
        return None
    found = {_of_nulls(model, member, depth) for member in node.members}
    decided = node.connector == "or"
    said = decided if decided in found else None if None in found else not decided
    return (None if said is None else not said) if node.negated else said
