"""Joins by hand: `Query.join`, for what lookups, paths and `include` do not say.

A join repeats rows; a query is about rows of its model. So whatever is asked of the model alone comes once for each of
its rows (GROUP BY its key), and only columns of the joined tables come once for each joined row.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select
from sqlalchemy.sql.visitors import iterate

from activerow.mapping import mapper_of
from activerow.query.lookups import Column, bare


@dataclass(frozen=True, slots=True)
class Join:
    """One JOIN: what is joined, on which condition, and whether rows without a match stay."""

    target: Any
    on: Any = None
    outer: bool = False


def with_joins(statement: Select[Any], joins: Iterable[Join]) -> Select[Any]:
    """`statement` with the joins, in their order."""
    for join in joins:
        statement = statement.join(join.target, join.on, isouter=join.outer)
    return statement


def once(statement: Select[Any], model: type, columns: Iterable[Column]) -> Select[Any]:
    """`statement` with each row of the model once, however often a join repeats it."""
    keys = [column for table in mapper_of(model).tables for column in table.primary_key]
    crossed = [bare(column.expression) for column in columns if column.hops]
    return statement.group_by(*keys, *crossed)


def are_own(model: type, columns: Sequence[Column]) -> bool:
    """Whether the columns are the model's own, or of rows that it refers to, rather than of a joined table."""
    tables = {hash(table) for table in mapper_of(model).tables}
    for column in columns:
        if not column.hops and any(_is_foreign(part, tables) for part in iterate(_clause(column.expression))):
            return False
    return True


def _clause(expression: Any) -> Any:
    return expression.__clause_element__() if hasattr(expression, "__clause_element__") else expression


def _is_foreign(part: Any, tables: set[int]) -> bool:
    table: Any = getattr(part, "table", None)
    return table is not None and hash(table) not in tables
