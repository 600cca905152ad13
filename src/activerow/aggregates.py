"""Aggregates by name: `Count("posts")`, `Sum("balance")`, `Avg("boss__age")`.

An aggregate is over the rows of a group, or, where its path crosses a to-many relation, over the related rows of those.
Related rows are counted in a subquery of their own: none makes zero, and two relations do not multiply each other.

`Exists("posts")` says whether there is one.

Numbers have the same type on every backend: counts and sums of integers are `int`; averages are `float`, of `Numeric`
columns `Decimal`, like their sums. Nothing to take makes None, of `Count` 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from sqlalchemy import ColumnExpressionArgument

from activerow.q import Q

T = TypeVar("T")

Taken = str | ColumnExpressionArgument[Any]
"""What an aggregate takes: a path like `"posts__views"`, or SQL."""


@dataclass(frozen=True, slots=True, eq=False)
class Aggregate(Generic[T]):
    """One value of many rows.

    Attributes:
        of: The column, as a name, a path across relations, or SQL.
        where: Only rows for which these lookups hold; of related rows, lookups on those.
        distinct: Every value once.
    """

    function: ClassVar[str]

    of: Taken
    where: Q | None = None
    distinct: bool = False

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.of if isinstance(self.of, str) else 'SQL'})"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Count(Aggregate[int]):
    """How many rows, values (`Count("name")` passes over NULL) or related rows (`Count("posts")`) there are."""

    function = "count"

    of: Taken = "*"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Sum(Aggregate[Any]):
    """The sum of the values."""

    function = "sum"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Avg(Aggregate[Any]):
    """The average of the values."""

    function = "avg"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Min(Aggregate[Any]):
    """The smallest value."""

    function = "min"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Max(Aggregate[Any]):
    """The largest value."""

    function = "max"


class Exists:
    """Whether there is a related row: `Exists("favorited_by", id=me.id)`, `Exists("posts", Q(published=True))`.

    For `annotate` and `values`, of each row. All lookups ask for the same related row.

    Attributes:
        of: The relation, as a name, a path across relations, or an attribute.
        where: Lookups on the related row; None where any will do.
    """

    __slots__ = ("of", "where")

    def __init__(self, of: Taken, /, *where: Q | Mapping[str, object], **lookups: object) -> None:
        self.of = of
        self.where = Q(*where, **lookups) if where or lookups else None

    def __repr__(self) -> str:
        return f"Exists({self.of if isinstance(self.of, str) else 'SQL'})"
