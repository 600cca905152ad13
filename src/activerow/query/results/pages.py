"""What `page` and `after` read, and the pages it becomes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncSession

from activerow.database import database_of
from activerow.errors import InvalidPageError, UsageError
from activerow.paging import CursorPage, Page
from activerow.query.lookups import by_instance, check_windows, put_on
from activerow.query.plan import Plan, is_of_joined
from activerow.query.related import load_ranked
from activerow.query.results.cursors import Cursors, Position
from activerow.query.results.keyset import Keyset, sort_keys, stable

T = TypeVar("T")

_MOST: Final = 2**31 - 1
"""More rows than a page can have, or lie before it; drivers refuse a LIMIT or OFFSET beyond."""


def _checked(call: str, argument: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InvalidPageError(call, argument)
    return value


# --- numbered pages -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Numbered:
    """A page of the rows that `plan` selects, by its number.

    Attributes:
        model: The model whose rows they are.
        plan: The query; its limit and offset bound all pages together.
        number: From 1 on.
        size: How many rows a page has at most.
    """

    model: type
    plan: Plan
    number: int
    size: int

    @classmethod
    def of(cls, model: type, plan: Plan, number: object, size: object) -> "Numbered":
        """The page with this number.

        Raises:
            InvalidPageError: Number or size is below 1.
        """
        return cls(model, plan, _checked("page()", "number", number), min(_checked("page()", "size", size), _MOST))

    @property
    def count(self) -> Select[int]:
        """SELECT of the number of rows of all pages."""
        return self.plan.but(lock=None).count(self.model)

    @property
    def rows(self) -> Plan | None:
        """The query for the rows of the page; None where it lies beyond all that could be."""
        plan, before = self.plan, (self.number - 1) * self.size
        most = self.size if plan.most is None else min(self.size, plan.most - before)
        skip = before + (plan.skip or 0)
        if most <= 0 or skip > _MOST:
            return None
        return plan.but(order=stable(self.model, plan.order), most=most, skip=skip or None)

    def page(self, items: list[T], total: int) -> Page[T]:
        """The page of these rows."""
        return Page(items, self.number, self.size, total, math.ceil(total / self.size))


# --- pages that follow each other -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Step:
    """One step through the rows that a plan selects, from a position or from the first row on.

    Attributes:
        plan: The query for the rows, and for one more that tells whether it goes on.
        keyset: What the rows are sorted by, in the direction of the step.
        position: Where it starts; None at the end of the rows.
    """

    model: type
    plan: Plan
    keyset: Keyset
    cursors: Cursors
    position: Position | None
    size: int

    @classmethod
    def of(cls, model: type, plan: Plan, session: AsyncSession, cursor: str | None, size: int) -> "Step":
        """The step that `cursor` stands for.

        Raises:
            InvalidCursorError: The cursor is damaged, or was made for another query.
            UsageError: The rows cannot be walked in their order.
        """
        keyset = Keyset.of(sort_keys(model, plan.order), session.get_bind(model).dialect)
        cursors = Cursors.of(database_of(model), f"{model.__qualname__}\n{keyset.purpose}")
        position = cursors.read(cursor) if cursor else None
        if position is not None and position.backwards:
            keyset = keyset.turned()
        narrowed = plan if position is None else plan.also(keyset.beyond(position))
        plan = narrowed.but(order=keyset.order, most=size + 1)
        return cls(model, plan, keyset, cursors, position, size)

    @property
    def statement(self) -> Select[Any]:
        """SELECT of these rows and, behind them, of their sort keys."""
        return self.plan.rows(self.model).add_columns(*self.keyset.selected)

    async def read(self, session: AsyncSession) -> CursorPage[Any]:
        """The page at the end of the step."""
        result = await session.execute(self.statement)
        # joinedload of a to-many relation repeats the row.
        found: Sequence[Any] = list(result.unique(by_instance))
        rows, goes_on = list(found[: self.size]), len(found) > self.size
        shown = [row[0] for row in rows]
        await session.run_sync(load_ranked, shown, self.plan.include, self.plan.shown)
        backwards = self.position is not None and self.position.backwards
        if backwards:
            rows.reverse()
        # On the side that the step came from there was a row when its cursor was made.
        has_next = goes_on or backwards
        has_previous = goes_on if backwards else self.position is not None
        return CursorPage(
            put_on(rows, self.plan.computed),
            self._cursor(rows[-1:], backwards=False) if has_next else None,
            self._cursor(rows[:1], backwards=True) if has_previous else None,
        )

    def _cursor(self, edge: Sequence[Any], *, backwards: bool) -> str | None:
        """The cursor of what lies beyond the row at the edge, or behind the step's own position without rows."""
        if edge:
            position = Position(tuple(edge[0][-len(self.keyset.keys) :]), backwards)
        elif self.position is not None:
            position = replace(self.position, backwards=backwards, inclusive=not self.position.inclusive)
        else:
            return None
        return self.cursors.write(position)


def check_walk(plan: Plan, size: object) -> int:
    """The size of a page of `after`.

    Raises:
        InvalidPageError: It is below 1.
        UsageError: The query has a limit or offset, of which one page knows nothing; or is sorted by what is joined.
    """
    if any(is_of_joined(key) for key in plan.order if plan.joins or key.foreign):
        raise UsageError(
            "after() of a query that sorts by another table: a cursor holds the model's own columns, and paths"
        )
    check_windows(plan.computed, "after")
    if plan.most is not None or plan.skip is not None:
        raise UsageError("after() of a query with limit or offset: leave these out, size is the limit of each page")
    return min(_checked("after()", "size", size), _MOST - 1)
