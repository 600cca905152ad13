"""Lookups as Python: what a tree of conditions says of rows in memory, in SQL's logic of true, false and unknown."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, date
from typing import Any

from activerow import Q

Row = dict[str, Any]
Truth = bool | None


@dataclass(frozen=True)
class Leaf:
    """One lookup; `hops` are relations to cross."""

    hops: tuple[str, ...]
    field: str
    word: str
    value: Any

    def q(self) -> Q:
        """The same as a `Q`."""
        return Q({"__".join((*self.hops, self.field, self.word)): self.value})


@dataclass(frozen=True)
class Group:
    """Conditions that all hold, or of which one holds, or the opposite of that."""

    connector: str
    negated: bool
    members: "tuple[Node, ...]"

    def q(self) -> Q:
        """The same as a `Q`."""
        group = self.members[0].q()
        for member in self.members[1:]:
            group = group & member.q() if self.connector == "and" else group | member.q()
        return ~group if self.negated else group


Node = Leaf | Group


class Tables:
    """Rows in memory, and how to get from one to those it is related to."""

    def __init__(self, related: Callable[[str, Row, str], tuple[str, list[Row]]], to_one: Collection[str] = ()) -> None:
        self._related, self._to_one = related, to_one

    def holds(self, node: Node, table: str, row: Row, depth: int = 0) -> Truth:
        """Whether the condition is true, false or unknown of the row."""
        if isinstance(node, Leaf):
            if len(node.hops) == depth:
                return compare(node, row)
            return self._exists([node], node.hops[depth], table, row, depth)
        if node.connector == "or":
            found = _any(self.holds(member, table, row, depth) for member in node.members)
        else:
            found = _all(self._conjunction(node, table, row, depth))
        return _opposite(found) if node.negated else found

    def _conjunction(self, group: Group, table: str, row: Row, depth: int) -> Iterable[Truth]:
        # What crosses the same relation speaks of the same related row.
        crossing: dict[str, list[Node]] = {}
        for member in _flattened(group):
            hop = _hop(member, depth)
            if hop is None:
                yield self.holds(member, table, row, depth)
            else:
                crossing.setdefault(hop, []).append(member)
        for hop, members in crossing.items():
            yield self._exists(members, hop, table, row, depth)

    def _exists(self, members: list[Node], hop: str, table: str, row: Row, depth: int) -> bool:
        there, rows = self._related(table, row, hop)
        inner = Group("and", negated=False, members=tuple(members))
        if not rows and hop in self._to_one:
            return self._of_nulls(inner, depth + 1) is True
        return any(self.holds(inner, there, other, depth + 1) is True for other in rows)

    def _of_nulls(self, node: Node, depth: int) -> Truth:
        """What is said of a row that is not there: all of its columns are NULL, and nothing refers to it."""
        if isinstance(node, Leaf):
            leads_on = all(hop in self._to_one for hop in node.hops[depth:])
            return compare(node, {node.field: None}) if leads_on else False
        members = [self._of_nulls(member, depth) for member in node.members]
        found = _any(members) if node.connector == "or" else _all(members)
        return _opposite(found) if node.negated else found


def _flattened(group: Group) -> Iterable[Node]:
    for member in group.members:
        if isinstance(member, Group) and member.connector == "and" and not member.negated:
            yield from _flattened(member)
        else:
            yield member


def _hop(node: Node, depth: int) -> str | None:
    if isinstance(node, Leaf):
        return node.hops[depth] if len(node.hops) > depth else None
    hops = {_hop(member, depth) for member in node.members}
    return hops.pop() if not node.negated and len(hops) == 1 else None


def _any(truths: Iterable[Truth]) -> Truth:
    found = list(truths)
    return True if True in found else None if None in found else False


def _all(truths: Iterable[Truth]) -> Truth:
    found = list(truths)
    return False if False in found else None if None in found else True


def _opposite(truth: Truth) -> Truth:
    return None if truth is None else not truth


# --- one comparison -------------------------------------------------------------------------------------------------


def compare(leaf: Leaf, row: Row) -> Truth:
    """What one lookup says of a row."""
    *part, word = leaf.word.split("__")
    value = row[leaf.field]
    if part and value is not None:
        value = _part(value, part[0])
    asked = leaf.value
    if word == "isnull":
        return (value is None) is asked
    if asked is None:
        return (value is None) is (word == "exact")
    if word in {"in", "not_in"}:
        found = _in(value, asked)
        return found if word == "in" else _opposite(found)
    if value is None:
        return None
    return bool(COMPARISONS[word](value, asked))


def _part(value: Any, part: str) -> Any:
    if part == "date":
        return value.astimezone(UTC).date()
    return getattr(value if type(value) is date else value.astimezone(UTC), part)


def _in(value: Any, asked: list[Any]) -> Truth:
    if value is None:
        return True if None in asked else None if asked else False
    return value in asked


COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "exact": lambda value, asked: value == asked,
    "ne": lambda value, asked: value != asked,
    "gt": lambda value, asked: value > asked,
    "gte": lambda value, asked: value >= asked,
    "lt": lambda value, asked: value < asked,
    "lte": lambda value, asked: value <= asked,
    "between": lambda value, asked: asked[0] <= value <= asked[1],
    "within": lambda value, asked: asked[0] <= value < asked[1],
    "contains": lambda value, asked: asked in value,
    "startswith": lambda value, asked: value.startswith(asked),
    "endswith": lambda value, asked: value.endswith(asked),
    "icontains": lambda value, asked: asked.lower() in value.lower(),
    "istartswith": lambda value, asked: value.lower().startswith(asked.lower()),
    "iendswith": lambda value, asked: value.lower().endswith(asked.lower()),
    "iexact": lambda value, asked: value.lower() == asked.lower(),
}
