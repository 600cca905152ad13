"""Sort keys: `"-created_at"`, `"author__name"` or SQL expressions; and the columns that paths lead to."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from sqlalchemy import ColumnElement, Select, SelectBase, TextClause, UnaryExpression
from sqlalchemy.orm import RelationshipProperty
from sqlalchemy.sql import operators

from activerow.errors import UsageError
from activerow.mapping import entity_of, mapper_of, primary_key_names
from activerow.query.lookups.paths import field_at, related_alias

Hops = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """An SQL expression, and the to-one relations that a statement has to join for it."""

    expression: Any
    hops: Hops = ()
    key: str | None = None
    """How it was written, where that says all: the name of a column of the model itself, `-created_at`."""
    foreign: bool = False
    """It is SQL that speaks of other tables than the model's, which are to be joined."""


Named = tuple[tuple[str, Column], ...]
"""What a query computes for its rows, by name."""


def column_at(model: type, path: object) -> Column:
    """The column that a name, a path across to-one relations, or an SQL expression stands for.

    Raises:
        UnknownFieldError: A name is not a field of the model it stands on.
        UsageError: The path leads to a relation, or to several rows.
    """
    if not isinstance(path, str):
        expression = _expression(path)
        return Column(expression, foreign=speaks_of_others(model, expression))
    field = field_at(model, path)
    owner = model
    for name in field.hops:
        relation = mapper_of(owner).relationships[name]
        if relation.uselist:
            raise UsageError(f"{model.__name__}.{path}: {name} leads to many rows, of which no one value can be taken")
        owner = relation.mapper.class_
    if field.relation is not None or field.rest:
        wrong = field.name if field.relation is not None else "__".join(field.rest)
        raise UsageError(f"{model.__name__}.{path} must end at a column, not at {wrong}")
    entity = related_alias(model, field.hops, "join") if field.hops else model
    return Column(getattr(entity, field.name), field.hops)


def speaks_of_others(model: type, expression: Any) -> bool:
    """Whether SQL has columns of other tables than the model's own; those inside of a subquery are its affair."""
    own = {hash(table) for table in mapper_of(model).tables}
    return any(hash(table) not in own for table in tables_in(expression))


def tables_in(expression: Any) -> Iterator[Any]:
    """The tables whose columns SQL speaks of, outside of its subqueries."""
    parts = [expression.__clause_element__() if hasattr(expression, "__clause_element__") else expression]
    while parts:
        part = parts.pop()
        table = getattr(part, "table", None)
        if table is not None:
            yield table
        elif not isinstance(part, SelectBase):
            parts += part.get_children()


def _expression(value: Any) -> Any:
    if isinstance(getattr(value, "property", None), RelationshipProperty):
        raise UsageError(f"{value} is a relation, not a column; name a column of the related row")
    if hasattr(value, "__clause_element__") or isinstance(value, ColumnElement | TextClause):
        return cast("Any", value)
    raise UsageError(f"a column is named by a string or an SQL expression, not by a {type(value).__name__}")


def name_of(column: Any) -> str:
    """The name under which a column is given back: its path, its attribute's name, or its label.

    Raises:
        UsageError: It is SQL without a label, or nothing that names a column.
    """
    name = column if isinstance(column, str) else getattr(_expression(column), "key", None)
    if not isinstance(name, str):
        raise UsageError(f"an SQL expression has no name to be given back under: {column}.label('name') gives it one")
    return name


def sort_key(model: type, key: object) -> Column:
    """`column_at`, where a name may have a `-` before it: descending.

    Raises:
        UnknownFieldError, UsageError: As `column_at`.
    """
    if not isinstance(key, str):
        return column_at(model, key)
    name = key.removeprefix("-")
    column = column_at(model, name)
    expression = column.expression.desc() if key.startswith("-") else column.expression
    # The SQL of a hybrid is what its code answers this time.
    return Column(expression, column.hops, key if name in entity_of(model).columns else None)


def by_primary_key(model: type) -> tuple[Column, ...]:
    """The sort keys that put rows in the order of their primary key."""
    memory = entity_of(model).memory
    if by_primary_key not in memory:
        memory[by_primary_key] = tuple(Column(getattr(model, name), (), name) for name in primary_key_names(model))
    keys: tuple[Column, ...] = memory[by_primary_key]
    return keys


def reverse(keys: Iterable[Column]) -> tuple[Column, ...]:
    """The sort keys that put rows in the opposite order.

    Raises:
        UsageError: A key is plain text.
    """
    return tuple(
        replace(key, expression=_reversed(key.expression), key=key.key and f"reversed {key.key}") for key in keys
    )


def _reversed(key: Any) -> Any:
    expression = key.__clause_element__() if hasattr(key, "__clause_element__") else key
    if isinstance(expression, TextClause):
        raise UsageError(f"last() cannot reverse the text {str(expression)!r}; give order_by() columns")
    modifier, inner = _modifier(expression)
    if modifier is operators.desc_op:
        return inner.asc()
    if modifier is operators.asc_op:
        return inner.desc()
    if modifier is operators.nulls_first_op:
        return _reversed(inner).nulls_last()
    if modifier is operators.nulls_last_op:
        return _reversed(inner).nulls_first()
    return expression.desc()


def bare(key: Any) -> Any:
    """What a sort key sorts by, without its direction."""
    modifier, inner = _modifier(key)
    return bare(inner) if modifier is not None else key


def directed(key: Any, by: Any) -> Any:
    """`by`, sorted in the direction of another key."""
    modifier, inner = _modifier(key)
    if modifier is None:
        return by
    sorted_by: UnaryExpression[Any] = UnaryExpression(directed(inner, by), modifier=cast("Any", modifier))
    return sorted_by


def _modifier(expression: ColumnElement[Any]) -> tuple[object, Any]:
    """`desc`, `nulls_last` and the like, and what they are said of."""
    if not isinstance(expression, UnaryExpression):
        return None, expression
    return expression.modifier, expression.element


def joined(statement: Select[Any], model: type, columns: Sequence[Column]) -> Select[Any]:
    """`statement` with the relations that `columns` cross; a row without a related one stays."""
    done: set[Hops] = set()
    for column in columns:
        for length in range(1, len(column.hops) + 1):
            hops = column.hops[:length]
            if hops not in done:
                done.add(hops)
                source = related_alias(model, hops[:-1], "join") if length > 1 else model
                target = related_alias(model, hops, "join")
                statement = statement.outerjoin(getattr(source, hops[-1]).of_type(target))
    return statement
