"""Joins by hand: `Query.join`, for what lookups, paths and `include` do not say.

A join repeats rows; a query is about rows of its model. So whatever is asked of the model alone comes once for each of
its rows, and only columns of the joined tables come once for each joined row.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from sqlalchemy import BooleanClauseList, ColumnElement, Select, SelectBase, and_
from sqlalchemy import Join as SqlJoin
from sqlalchemy.sql import operators
from sqlalchemy.sql.functions import FunctionElement

from activerow.errors import UsageError
from activerow.mapping import mapper_of, primary_key_names
from activerow.query.lookups import Column, bare, directed, tables_in


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


def once(
    statement: Select[Any],
    model: type,
    found: Select[Any],
    order: Sequence[Column],
    conditions: Iterable[ColumnElement[bool]],
) -> tuple[Select[Any], tuple[Column, ...]]:
    """`statement` for the rows of `found`, each once, and the sort keys for it.

    Args:
        statement: Of columns of the model.
        found: A SELECT of the model with its joins and conditions.
        order: How the rows are to be sorted; what is joined takes an aggregate, `func.max(Post.created_at)`.
        conditions: Those of `found`.

    Raises:
        UsageError: Another table is spoken of, and not joined.
    """
    names = primary_key_names(model)
    keys = [getattr(model, name).label(f"activerow_key_{place}") for place, name in enumerate(names)]
    joined = {place: key for place, key in enumerate(order) if is_of_joined(key)}
    sorts = [bare(key.expression).label(f"activerow_sort_{place}") for place, key in joined.items()]
    selected = found.with_only_columns(*keys, *sorts).group_by(*[getattr(model, name) for name in names])
    check_sources(cast("Select[Any]", selected), model, conditions, order)
    rows = selected.subquery()
    same = [getattr(model, name) == rows.c[f"activerow_key_{place}"] for place, name in enumerate(names)]
    directions = (
        replace(key, expression=directed(key.expression, rows.c[f"activerow_sort_{place}"])) if place in joined else key
        for place, key in enumerate(order)
    )
    return statement.join(rows, and_(*same)), tuple(directions)


def is_of_joined(key: Column) -> bool:
    """The key has a value for the joined rows, or of all of them together."""
    if key.foreign or key.hops or key.key is not None:
        return key.foreign
    parts = [_clause(key.expression)]
    while parts:
        part = parts.pop()
        if isinstance(part, FunctionElement):
            return True
        # What a subquery takes together are rows of its own.
        parts += () if isinstance(part, SelectBase) else part.get_children()
    return False


def are_own(columns: Sequence[Column]) -> bool:
    """Whether the columns are the model's own, or of rows that it refers to, rather than of a joined table."""
    return not any(column.foreign for column in columns)


def check_sources(
    statement: Select[Any], model: type, conditions: Iterable[ColumnElement[bool]], columns: Iterable[Column]
) -> None:
    """Accept a statement that reads rows of the model, and of tables that a join or a condition ties to it.

    Raises:
        UsageError: It speaks of another table: each row would meet each row of that.
    """
    parts = [_tables_of(source) for source in statement.get_final_froms()]
    named = {hash(table): table for column in columns if column.foreign for table in tables_in(column.expression)}
    parts += [{hash_: table} for hash_, table in named.items() if not any(hash_ in part for part in parts)]
    for condition in conditions if len(parts) > 1 else ():
        for term in _terms(condition):
            spoken_of = {hash(table): table for table in tables_in(term)}
            tied = [part for part in parts if part.keys() & spoken_of.keys()]
            if len(tied) > 1:
                merged = {hash_: table for part in tied for hash_, table in part.items()}
                parts = [merged, *(part for part in parts if part not in tied)]
    if len(parts) > 1:
        own = {hash(table) for table in mapper_of(model).tables}
        strange = [table for part in parts if not part.keys() & own for table in part.values()]
        names = " and ".join(str(table.name) for table in strange if getattr(table, "name", None))
        raise UsageError(
            f"a query of {model.__name__} speaks of {names or 'another table'}, which is not joined to it: write"
            " join(...), or a lookup across a relation; what is to be loaded along, include() says"
        )


def _tables_of(source: Any) -> dict[int, Any]:
    """The tables in a FROM, by their hashes: those of annotated ones are the same."""
    if isinstance(source, SqlJoin):
        return {**_tables_of(source.left), **_tables_of(source.right)}
    return {hash(source): source}


def _terms(condition: Any) -> Iterator[Any]:
    """What AND holds together."""
    if isinstance(condition, BooleanClauseList) and condition.operator is operators.and_:
        for part in condition.clauses:
            yield from _terms(part)
    else:
        yield condition


def _clause(expression: Any) -> Any:
    clause: Any = expression.__clause_element__() if hasattr(expression, "__clause_element__") else expression
    return clause
