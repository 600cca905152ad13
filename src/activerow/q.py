"""`Q`: conditions that must all hold, and groups of them; data, until a query makes SQL of it."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, cast

from sqlalchemy import ClauseElement, ColumnElement, ColumnExpressionArgument

from activerow.errors import UsageError

Condition = ColumnElement[bool]
Connector = Literal["and", "or"]
Lookups = Mapping[str, object]


class Q:
    """Conditions that must all hold; groups combine with `&`, `|` and `~`.

    `Q(age__gte=18) | ~Q(posts__published=True)`. SQL may stand in a group, and on the right of one:
    `Q(User.name == "x", age=1) | (User.age > 18)`. An empty `Q()` is no condition.
    """

    __slots__ = ("connector", "negated", "parts")

    parts: "tuple[Q | tuple[str, object] | Condition, ...]"
    connector: Connector
    negated: bool

    def __init__(self, *conditions: "Lookups | Q | ColumnExpressionArgument[bool]", **lookups: object) -> None:
        """Group the conditions.

        Raises:
            UsageError: One of them is none.
        """
        members = [part for condition in conditions for part in _parts(condition, "and")]
        self.parts = (*members, *lookups.items())
        self.connector = "and"
        self.negated = False

    def __and__(self, other: "Q | Lookups | ColumnExpressionArgument[bool]") -> "Q":
        return _combined("and", (self, other))

    def __or__(self, other: "Q | Lookups | ColumnExpressionArgument[bool]") -> "Q":
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

    def expressions(self) -> Iterable[Any]:
        """The SQL in the group: conditions, and values of lookups."""
        for part in self.parts:
            if isinstance(part, Q):
                yield from part.expressions()
            elif not isinstance(part, tuple):
                yield part
            else:
                value: Any = part[1]
                several = isinstance(value, list | tuple | set | frozenset)
                for each in cast("Iterable[Any]", value) if several else (value,):
                    if hasattr(each, "__clause_element__") or isinstance(each, ClauseElement):
                        yield each


def _word(part: Q | tuple[str, object] | Condition) -> str:
    if isinstance(part, tuple):
        return part[0]
    return repr(part) if isinstance(part, Q) else "SQL"


def _parts(condition: object, connector: Connector) -> Iterable[Q | tuple[str, object] | Condition]:
    """What a condition adds to a group with that connector.

    Raises:
        UsageError: It is none: it would be dropped, and with it the rows that it leaves out would come back.
    """
    if isinstance(condition, Q):
        # A group of the same kind is not nested: of a thousand conditions one after the other Python could not
        # descend into each.
        is_same = condition.connector == connector and not condition.negated
        return condition.parts if is_same or not condition.parts else (condition,)
    if isinstance(condition, Mapping):
        lookups = tuple(lookups_of(cast("Mapping[Any, object]", condition)))
        return lookups if connector == "and" or len(lookups) < 2 else (_group("and", lookups),)
    return (clause(condition),)


def lookups_of(given: Mapping[Any, object]) -> Iterable[tuple[str, object]]:
    """The lookups of a mapping.

    Raises:
        UsageError: A name is no string.
    """
    for name in given:
        if not isinstance(name, str):
            kind = getattr(name, "__name__", None) or type(name).__name__
            raise UsageError(
                f"a lookup is named by a string, like 'age__gte', not by {kind}; groups are Q(...) | Q(...)"
            )
    return given.items()


def clause(condition: object) -> Condition:
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


def _group(connector: Connector, parts: Iterable[Q | tuple[str, object] | Condition], *, negated: bool = False) -> Q:
    group = Q()
    group.parts, group.connector, group.negated = tuple(parts), connector, negated
    return group


def _combined(connector: Connector, members: Iterable[object]) -> Q:
    """One group of `members`; empty ones are left out."""
    parts = [part for member in members for part in _parts(member, connector)]
    if len(parts) == 1 and isinstance(parts[0], Q):
        return parts[0]
    return _group(connector, parts)
