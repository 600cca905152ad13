"""`Q`: lookups that must all hold, and groups of them; data, until a query makes SQL of it."""

from collections.abc import Iterable, Mapping
from typing import Literal

from sqlalchemy import ColumnElement

Condition = ColumnElement[bool]
Connector = Literal["and", "or"]


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
