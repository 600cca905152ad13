"""Aggregates as SQL: over the rows of a group, or over the related rows of each row."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from sqlalchemy import ColumnElement, Integer, Select, case, distinct, func, literal_column, select, type_coerce
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import RelationshipProperty, aliased
from sqlalchemy.types import NullType, TypeDecorator

from activerow.aggregates import Aggregate, Avg, Count, Exists
from activerow.backends import Exact
from activerow.errors import UsageError
from activerow.mapping import Type, implementation, kind_of, mapper_of, primary_key_names
from activerow.q import Q
from activerow.query.lookups.columns import Column, column_at, speaks_of_others
from activerow.query.lookups.conditions import condition_of
from activerow.query.lookups.paths import Field, field_at, related_alias

# --- types ----------------------------------------------------------------------------------------------------------


class _Converted(TypeDecorator[Any]):
    """A number that a type of the program's own makes something of, counted as Python counts."""

    impl = NullType
    cache_ok = True

    def __init__(self, counted: Type, made: Type) -> None:
        super().__init__()
        self.counted, self.made = counted, made

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        """The number, and then what the type makes of it."""
        steps = [type_.dialect_impl(dialect).result_processor(dialect, coltype) for type_ in (self.counted, self.made)]

        def process(value: Any) -> Any:
            for step in steps:
                value = value if step is None else step(value)
            return value

        return process


def applied(function: str, expression: Any, *, once: bool = False) -> ColumnElement[Any]:
    """An SQL aggregate function of an expression, with a result of the same type on every backend.

    Args:
        function: Its name in SQL.
        expression: What it is applied to.
        once: To every value once.

    Raises:
        UsageError: It means nothing of values of that type, or not the same on every backend.
    """
    type_ = cast("Type", getattr(expression, "type", NullType()))
    kind, stored = kind_of(type_), implementation(type_)
    summed = Exact(expression) if function == "avg" and kind.name in {"integer", "float"} else expression
    value: ColumnElement[Any] = getattr(func, function)(distinct(summed) if once else summed)
    if function in {"min", "max"} and not kind.has_least:
        raise _meaningless(function, expression, kind.name)
    if function not in {"sum", "avg"}:
        return value
    result = kind.sums if function == "sum" else kind.averages
    if result is None:
        raise _meaningless(function, expression, kind.name)
    counted = result(stored)
    return type_coerce(value, counted if stored is type_ else _Converted(counted, type_))


def _meaningless(function: str, expression: object, kind: str) -> UsageError:
    name = getattr(expression, "key", None) or "it"
    cure = f"; count() the rows for which {name} is true" if kind == "boolean" else ""
    return UsageError(f"{function}() of {name}, which is {kind}, does not mean the same on every database{cure}")


# --- SQL ------------------------------------------------------------------------------------------------------------


def over_group(model: type, aggregate: Aggregate[Any], *, is_single: bool) -> Column:
    """The aggregate over the rows of a group; `is_single` says that a group is one row.

    Raises:
        UnknownFieldError, UnknownLookupError: A name does not exist.
        UsageError: The path ends at no column, or the values of several rows' related ones cannot be told apart.
    """
    related = _related(model, aggregate)
    if related is None:
        return _direct(model, aggregate)
    if aggregate.distinct and not is_single:
        raise UsageError(
            f"{aggregate!r} with distinct=True is of the related rows of one {model.__name__}: group by its primary key"
        )
    if isinstance(aggregate, Avg) and not is_single:
        total, count = related.value("sum"), related.value("count")
        quotient = applied("sum", total) / func.nullif(applied("sum", count), 0)
        return Column(type_coerce(quotient, applied("avg", related.column).type))
    function = aggregate.function
    if is_single:
        return Column(applied("max", related.value(function)))
    if function == "count":
        return Column(func.coalesce(applied("sum", related.value("count")), 0))
    return Column(applied(function, related.value(function)))


def over_related(model: type, computed: object) -> Any:
    """What `values` computes for each row: SQL as it is, or an aggregate over the row's related rows.

    Raises:
        UnknownFieldError, UnknownLookupError: A name does not exist.
        UsageError: It is an aggregate over the rows themselves.
    """
    if isinstance(computed, Exists):
        return _existence(model, computed)
    if not isinstance(computed, Aggregate):
        return computed
    aggregate = cast("Any", computed)
    related = _related(model, aggregate)
    if related is None:
        raise UsageError(f"{aggregate!r} is one value of many rows: say of which, with group_by(...)")
    return related.value(aggregate.function)


def _existence(model: type, computed: Exists) -> Any:
    """Whether a row has a related one for which the lookups hold."""
    field = field_at(model, _path(computed.of) or "*")
    if field.relation is None or field.rest:
        raise UsageError(f"{computed!r} asks for related rows, and {field.path} is no relation: write Q(...)")
    relations = _relations(model, field)
    source, entity = _joined(model, relations)
    condition = _narrowing(computed, relations[-1].mapper.class_, entity)
    rows = source.with_only_columns(literal_column("1", Integer()), maintain_column_froms=True)
    return (rows if condition is None else rows.where(condition)).exists()


def _narrowing(computed: Aggregate[Any] | Exists, model: type, entity: Any) -> Any:
    """The condition on the related rows; None where there is none.

    Raises:
        UsageError: It is SQL.
    """
    if computed.where is None:
        return None
    where = Q(computed.where)
    if any(True for _ in where.expressions()):
        # Related rows stand under a name of their own, which SQL from outside does not speak of.
        raise UsageError(f"where= of {computed!r} takes lookups on the related rows, like Q(age__gte=18), not SQL")
    return condition_of(model, where, entity)


def _direct(model: type, aggregate: Aggregate[Any]) -> Column:
    """The aggregate of a column of the group's rows, or of rows that each refers to."""
    where = Q() if aggregate.where is None else Q(aggregate.where)
    condition = condition_of(model, where)
    foreign = any(speaks_of_others(model, part) for part in where.expressions())
    if isinstance(aggregate.of, str) and aggregate.of == "*":
        _refuse_distinct(aggregate)
        return Column(func.count() if condition is None else func.count(case((condition, 1))), foreign=foreign)
    column = _column(model, aggregate.of)
    expression = column.expression if condition is None else case((condition, column.expression))
    value = applied(aggregate.function, expression, once=aggregate.distinct)
    return replace(column, expression=value, key=None, foreign=foreign or column.foreign)


def _refuse_distinct(aggregate: Aggregate[Any]) -> None:
    if aggregate.distinct:
        raise UsageError(f"{aggregate!r} counts rows, which differ: name the column whose values to count once")


def _column(model: type, of: object) -> Column:
    """The column of a path across to-one relations; of a relation at its end the key, which is NULL without a row."""
    if not isinstance(of, str):
        return column_at(model, of)
    field = field_at(model, of)
    if field.relation is None or field.rest:
        return column_at(model, of)
    hops = (*field.hops, field.name)
    entity = related_alias(model, hops, "join")
    return Column(getattr(entity, primary_key_names(field.relation.mapper.class_)[0]), hops)


@dataclass(frozen=True, slots=True)
class _Related:
    """An aggregate over rows that are found along relations from each row: a subquery."""

    aggregate: Aggregate[Any]
    source: Select[Any]
    column: Any

    def value(self, function: str) -> ColumnElement[Any]:
        """A function of the related rows of one row."""
        once = self.aggregate.distinct
        value = func.count() if self.column is None else applied(function, self.column, once=once)
        return self.source.with_only_columns(value, maintain_column_froms=True).scalar_subquery()


def _related(model: type, aggregate: Aggregate[Any]) -> _Related | None:
    """The related rows that an aggregate is over; None when its path crosses no to-many relation."""
    path = _path(aggregate.of)
    if path is None or path == "*":
        return None
    field = field_at(model, path)
    relations = list(_relations(model, field))
    if not any(relation.uselist for relation in relations):
        return None
    if field.rest:
        raise UsageError(f"{model.__name__}.{path} must end at a column or a relation, not at {'__'.join(field.rest)}")
    if field.relation is not None and not isinstance(aggregate, Count):
        raise UsageError(f"{aggregate!r} needs a column of the related rows, like {path}__id")
    source, entity = _joined(model, relations)
    condition = _narrowing(aggregate, relations[-1].mapper.class_, entity)
    source = source if condition is None else source.where(condition)
    if field.relation is not None:
        _refuse_distinct(aggregate)
        return _Related(aggregate, source, None)
    return _Related(aggregate, source, getattr(entity, field.name))


def _path(of: object) -> str | None:
    """The path that an aggregate takes; `User.posts` is the path of its name."""
    if isinstance(of, str):
        return of
    relation: object = getattr(of, "property", None)
    return relation.key if isinstance(relation, RelationshipProperty) else None


def _relations(model: type, field: Field) -> Sequence[RelationshipProperty[Any]]:
    relations: list[RelationshipProperty[Any]] = []
    for name in (*field.hops, *((field.name,) if field.relation is not None else ())):
        relations.append(mapper_of(model).relationships[name])
        model = relations[-1].mapper.class_
    return relations


def _joined(model: type, relations: Sequence[RelationshipProperty[Any]]) -> tuple[Select[Any], Any]:
    """A SELECT along relations that starts from a row outside of it, and the entity at its end."""
    # New aliases each time: a subquery would take one that stands outside of it for that one.
    entity = aliased(relations[0].mapper.class_)
    link = getattr(model, relations[0].key).of_type(entity)
    statement = cast("Select[Any]", select(func.count()).select_from(entity).where(link))
    for relation in relations[1:]:
        target = aliased(relation.mapper.class_)
        statement = statement.join(getattr(entity, relation.key).of_type(target))
        entity = target
    return statement, entity
