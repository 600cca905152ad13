"""Values that `annotate` computes for each row: what may be computed, and lookups on it.

They stand under names of the query's own. Each is one SQL expression of the row; related rows are counted in a
subquery, so that neither two of them nor a condition on related rows multiply each other.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from inspect import getattr_static
from typing import Any, Final, cast

from sqlalchemy import ColumnElement, Over, SelectBase
from sqlalchemy.sql.functions import FunctionElement

from activerow.errors import UsageError
from activerow.mapping import mapper_of
from activerow.q import Q
from activerow.query.lookups.aggregation import over_related
from activerow.query.lookups.columns import Column, Named, column_at, sort_key
from activerow.query.lookups.conditions import condition_of, unlabelled

_MISSING: Final = object()

_OF_MANY_ROWS: Final = frozenset(
    {
        *("count", "sum", "avg", "total", "array_agg", "string_agg", "group_concat", "listagg", "every"),
        *("bool_and", "bool_or", "json_agg", "jsonb_agg", "json_object_agg", "json_arrayagg", "json_group_array"),
        *("stddev", "stddev_pop", "stddev_samp", "variance", "var_pop", "var_samp", "percentile_cont", "mode"),
    }
)
_OF_MANY_ROWS_WITH_ONE_ARGUMENT: Final = frozenset({"min", "max"})


def with_computed(model: type, named: Named, given: Mapping[str, object]) -> Named:
    """What is computed by name, with more of it.

    Raises:
        UsageError: A name is the model's own, or taken; or something is no SQL of a row.
        UnknownFieldError, UnknownLookupError: As `filter_by`.
    """
    found = dict(named)
    for name, value in given.items():
        _check_name(model, name, found)
        found[name] = _computed(model, name, value, tuple(found.items()))
    return tuple(found.items())


def computed_at(model: type, named: Named, path: object) -> Column:
    """`column_at`, where a name may be that of something computed."""
    return (_of_name(named, path) if isinstance(path, str) else None) or column_at(model, path)


def sorted_by(model: type, named: Named, key: object) -> Column:
    """`sort_key`, where a name may be that of something computed."""
    column = _of_name(named, key.removeprefix("-")) if isinstance(key, str) else None
    if column is None:
        return sort_key(model, key)
    return Column(column.expression.desc()) if cast("str", key).startswith("-") else column


def check_windows(named: Named, call: str) -> None:
    """Accept what is the same for a row, whatever other rows are read along with it.

    Raises:
        UsageError: A window function computes it.
    """
    for name, column in named:
        if any(isinstance(part, Over) for part in _parts(column.expression)):
            raise UsageError(
                f"{call}() reads some rows at a time, and {name} is a window function, which needs them all"
            )


def by_instance(row: Sequence[Any]) -> int:
    """What is the same of two rows that show one instance; values beside it need not be hashable."""
    return id(row[0])


def put_on(rows: Iterable[Sequence[Any]], named: Named) -> list[Any]:
    """The instances that rows begin with, once they have what is computed, which stands behind them."""
    names = [name for name, _ in named]
    found: list[Any] = []
    for row in rows:
        # No attributes of the mapping: not expired, not flushed, not undone.
        values: dict[str, Any] = row[0].__dict__
        values.update(zip(names, row[1 : len(names) + 1], strict=True))
        found.append(row[0])
    return found


def _of_name(named: Named, name: str) -> Column | None:
    return next((column for known, column in named if known == name), None)


def _check_name(model: type, name: str, taken: Mapping[str, object]) -> None:
    if name in taken:
        raise UsageError(f"annotate({name}=...) is given twice: give the second one another name")
    if not name.isidentifier() or name.startswith("_") or "__" in name:
        raise UsageError(f"annotate() cannot call a value {name!r}: a name has no _ before it and no __ within")
    for mapper in mapper_of(model).self_and_descendants:
        if getattr_static(mapper.class_, name, _MISSING) is not _MISSING:
            raise UsageError(f"annotate({name}=...): {mapper.class_.__name__} has a {name} of its own; choose another")


def _computed(model: type, name: str, value: object, named: Named) -> Column:
    if isinstance(value, Q):
        condition = condition_of(model, value, named=named)
        if condition is None:
            raise UsageError(f"annotate({name}=Q()) says nothing")
        return Column(condition.label(name))
    if isinstance(value, str):
        cure = f"values({value!r}), or of related rows Count({value!r})"
        raise UsageError(f"annotate({name}=...) takes aggregates and SQL, not a name: write {cure}")
    column = column_at(model, over_related(model, value))
    expression: Any = column.expression
    element: Any = expression.__clause_element__() if hasattr(expression, "__clause_element__") else expression
    if not isinstance(element, ColumnElement):
        raise UsageError(f"annotate({name}=...) takes one value for each row; of text, literal_column(...)")
    if column.foreign:
        raise UsageError(
            f"annotate({name}=...) speaks of other tables than {model.__name__}'s: take Count, Max, Exists, or a"
            f" select(...).scalar_subquery()"
        )
    for part in _parts(element):
        if _is_of_many_rows(part):
            raise UsageError(
                f"annotate({name}=...): {part.name}() is one value of many rows; of related rows write"
                f' Count("relation"), of all rows group_by() or .over()'
            )
    return Column(unlabelled(element).label(name))


def _is_of_many_rows(part: Any) -> bool:
    if not isinstance(part, FunctionElement):
        return False
    part = cast("Any", part)
    name = str(getattr(part, "name", "")).lower()
    return name in _OF_MANY_ROWS or (name in _OF_MANY_ROWS_WITH_ONE_ARGUMENT and len(list(part.clauses)) == 1)


def _parts(expression: Any) -> Iterator[Any]:
    """What an expression is made of, without what subqueries and window functions have inside."""
    parts = [expression]
    while parts:
        part = parts.pop()
        yield part
        if not isinstance(part, Over | SelectBase):
            parts += part.get_children()
