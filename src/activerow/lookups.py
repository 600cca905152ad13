"""Lookups: `age__gte=18`, `posts__title__icontains="async"` and groups of them, turned into SQL conditions.

A lookup speaks SQL: a comparison with NULL is neither true nor false, so `ne`, `not_in` and `~Q(...)` on a column do
not find its NULL rows (ask for them with `isnull`). `exact` and `in` compare as the column's collation does; `contains`
and its like mind letter case on every backend, and those with an `i` before them on none.

A path across a relation asks whether there is a related row (`EXISTS`). All lookups of one call on one path ask for the
same related row, except those under a `~`, which ask that there is no such row.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

from sqlalchemy import ColumnElement, Integer, and_, literal_column, not_, or_, select

from activerow.comparisons import Condition, compare
from activerow.errors import UsageError
from activerow.fieldpaths import lookup_at, related_alias
from activerow.operands import Lookup

Connector = Literal["and", "or"]

_ONE: Final = literal_column("1", Integer())


class Q:
    """Lookups that must all hold; groups combine with `&`, `|` and `~`.

    `Q(age__gte=18) | ~Q(posts__published=True)`. SQL may stand on the right: `Q(age=1) | (User.name == "x")`.
    An empty `Q()` is no condition.
    """

    __slots__ = ("connector", "negated", "parts")

    parts: "tuple[Q | tuple[str, object] | Condition, ...]"
    connector: Connector
    negated: bool

    def __init__(self, values: Mapping[str, object] | None = None, /, **lookups: object) -> None:
        self.parts = (*(values or {}).items(), *lookups.items())
        self.connector = "and"
        self.negated = False

    def __and__(self, other: "Q | Condition") -> "Q":
        return _combined("and", (self, other))

    def __or__(self, other: "Q | Condition") -> "Q":
        return _combined("or", (self, other))

    def __invert__(self) -> "Q":
        return _group(self.connector, self.parts, negated=not self.negated) if self.parts else self

    def __bool__(self) -> bool:
        # `Q(...) and Q(...)` would silently be the second one.
        raise TypeError("a Q is neither true nor false: combine with & | ~ instead of and, or, not")

    def __repr__(self) -> str:
        # Names only: values do not belong into logs.
        words = [_word(part) for part in self.parts]
        return f"{'~' if self.negated else ''}Q({f' {self.connector} '.join(words)})"

    def criteria(self) -> Iterable[tuple[str, object]]:
        """The lookups of the group and of the groups in it, for messages."""
        for part in self.parts:
            if isinstance(part, tuple):
                yield part
            elif isinstance(part, Q):
                yield from part.criteria()


def _word(part: Q | tuple[str, object] | Condition) -> str:
    if isinstance(part, tuple):
        return part[0]
    return repr(part) if isinstance(part, Q) else "SQL"


def _group(connector: Connector, parts: Iterable[Q | tuple[str, object] | Condition], *, negated: bool = False) -> Q:
    group = Q()
    group.parts, group.connector, group.negated = tuple(parts), connector, negated
    return group


def _combined(connector: Connector, members: Iterable[Q | Condition]) -> Q:
    """One group of `members`; empty ones are left out."""
    parts = [member for member in members if not isinstance(member, Q) or member.parts]
    if len(parts) == 1 and isinstance(parts[0], Q):
        return parts[0]
    return _group(connector, parts)


def all_of(members: Iterable[Q | Condition]) -> Q:
    """One group in which every member must hold."""
    return _combined("and", members)


def condition_of(model: type, group: Q, entity: Any = None) -> Condition | None:
    """The SQL of a group, on the model or an alias of it; None when it says nothing.

    Raises:
        UnknownFieldError, UnknownLookupError: A name does not exist.
        UsageError: A value does not fit its lookup, or something is no condition.
        InvalidDataError: A value could not be in its column.
    """
    entity = model if entity is None else entity
    return _sql(_Place(model, entity, ()), _resolved(model, group)) if group.parts else None


# --- names ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Group:
    """A `Q` whose names are resolved."""

    connector: Connector
    negated: bool
    members: "tuple[_Node, ...]"


_Node = Lookup | _Group | Condition


def _resolved(model: type, part: Q | tuple[str, object] | Condition) -> _Node:
    if isinstance(part, Q):
        return _Group(part.connector, part.negated, tuple(_resolved(model, member) for member in part.parts))
    if not isinstance(part, tuple):
        return _clause(part)
    path, value = part
    return Lookup(*lookup_at(model, path), value)


def _clause(condition: object) -> Condition:
    """An SQL condition as it is.

    Raises:
        UsageError: It is none; most likely a row's attribute was compared instead of the class's.
    """
    attribute = getattr(condition, "__clause_element__", None)
    element: object = attribute() if attribute is not None else condition
    if not isinstance(element, ColumnElement):
        kind = type(condition).__name__
        raise UsageError(f"where() takes SQL conditions, like User.age > 18, and Q(...), not a {kind}")
    return cast("Condition", element)


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
    if isinstance(node, Lookup):
        hop = _next_hop(place, node)
        return compare(place.entity, node) if hop is None else _exists(place, hop, node)
    if not isinstance(node, _Group):
        return node
    if node.connector == "or":
        joined = or_(*[_sql(place, member) for member in node.members])
    else:
        conditions = list(_conjunction(place, node))
        joined = conditions[0] if len(conditions) == 1 else and_(*conditions)
    return not_(joined) if node.negated else joined


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
    if isinstance(node, Lookup):
        depth = len(place.hops)
        return node.field.hops[depth] if len(node.field.hops) > depth else None
    if not isinstance(node, _Group) or node.negated:
        return None
    hops = {_next_hop(place, member) for member in node.members}
    return hops.pop() if len(hops) == 1 else None


def _exists(place: _Place, hop: str, inner: _Node) -> Condition:
    there = place.beyond(hop)
    rows = select(_ONE).select_from(there.entity)
    return rows.where(getattr(place.entity, hop).of_type(there.entity), _sql(there, inner)).exists()
