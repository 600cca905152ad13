"""One lookup as SQL: a column or a relation, compared with a value."""

import operator
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any, Final, cast

from sqlalchemy import (
    JSON,
    BigInteger,
    Date,
    DateTime,
    Integer,
    and_,
    bindparam,
    extract,
    false,
    literal_column,
    not_,
    or_,
    select,
)
from sqlalchemy.orm import Mapper, RelationshipProperty, aliased
from sqlalchemy.orm.base import instance_state
from sqlalchemy.types import TypeEngine

from activerow.backends import DateOf, Utc
from activerow.mapping import beyond_32_bits, check_comparable, hiding_of, refusal
from activerow.q import Condition
from activerow.query.lookups.documents import compare_document
from activerow.query.lookups.operands import Lookup, kind_of
from activerow.query.lookups.paths import TEXT, implementation
from activerow.query.lookups.text import match

_ORDERED: Final = {"gt": operator.gt, "gte": operator.ge, "lt": operator.lt, "lte": operator.le}
_MOST_PARAMETERS: Final = 10_000
_ONE: Final = literal_column("1", Integer())


def compare(entity: Any, lookup: Lookup) -> Condition:
    """The condition on `entity`, the field's model or an alias of it.

    Raises:
        UsageError: The value does not fit the comparison.
        InvalidDataError: The value could not be in the column.
    """
    column = getattr(entity, lookup.field.name)
    relation = lookup.field.relation
    if relation is not None:
        return _compare_relation(column, relation, lookup)
    type_ = lookup.field.type
    if type_ is not None and isinstance(implementation(type_), JSON):
        return compare_document(column, lookup)
    if lookup.part is not None:
        column, type_ = _part_of(column, cast("TypeEngine[Any]", type_), lookup.part)
    if lookup.word in TEXT:
        return match(column, lookup)
    return cast("Condition", _comparison(column, type_, lookup))


def _part_of(column: Any, type_: TypeEngine[Any], part: str) -> tuple[Any, TypeEngine[Any]]:
    moment = Utc(column) if isinstance(implementation(type_), DateTime) else column
    return (DateOf(moment), Date()) if part == "date" else (extract(part, moment), Integer())


def _comparison(column: Any, type_: TypeEngine[Any] | None, lookup: Lookup) -> Any:
    word, value = lookup.word, lookup.value

    def bound(item: object) -> Any:
        return _bound(lookup, type_, item)

    if word == "isnull":
        return column.is_(None) if lookup.flag() else column.is_not(None)
    if word == "exact":
        return column.is_(None) if value is None else column == bound(value)
    if word == "ne":
        return column.is_not(None) if value is None else column != bound(value)
    if word == "between":
        low, high = lookup.pair()
        return column.between(bound(low), bound(high))
    if word == "within":
        start, end = lookup.pair()
        return and_(column >= bound(start), column < bound(end))
    if word in _ORDERED:
        return _ORDERED[word](column, bound(value))
    return _membership(column, lookup, bound)


def _membership(column: Any, lookup: Lookup, bound: Callable[[object], Any]) -> Any:
    """`in` and `not_in`; None in the list means NULL."""
    if is_expression(lookup.value):
        return column.in_(lookup.value) if lookup.word == "in" else column.not_in(lookup.value)
    items = lookup.items()
    values = [bound(item) for item in items if item is not None]
    if len(values) > _MOST_PARAMETERS:
        # Drivers count parameters in 15 or 16 bits; rendered and escaped in the statement there is no such limit.
        found = column.in_(bindparam(None, values, expanding=True, literal_execute=True, unique=True))
    else:
        found = column.in_(values)
    if len(values) < len(items):
        found = or_(found, column.is_(None)) if values else column.is_(None)
    return found if lookup.word == "in" else not_(found)


# --- relations ------------------------------------------------------------------------------------------------------


def _compare_relation(column: Any, relation: RelationshipProperty[Any], lookup: Lookup) -> Condition:
    word, value = lookup.word, lookup.value
    if word == "isnull" or (value is None and word in {"exact", "ne"}):
        absent = lookup.flag() if word == "isnull" else word == "exact"
        # Of a key of several columns SQLAlchemy asks whether any is set; half a key refers to nothing.
        asked = relation.uselist or len(relation.local_columns) > 1 or hiding_of(relation.mapper.class_) is not None
        present = _refers(column, relation) if asked else cast("Condition", operator.ne(column, None))
        return not_(present) if absent else present
    rows = lookup.items() if word in {"in", "not_in"} else [value]
    found = [_refers_to(column, relation, row, _identity(lookup, relation, row)) for row in rows]
    condition = or_(*found) if found else false()
    return condition if word in {"exact", "in"} else not_(condition)


def _refers_to(column: Any, relation: RelationshipProperty[Any], row: object, key: Mapping[str, object]) -> Condition:
    """The relation leads to the given row."""
    return _refers(column, relation, key) if relation.uselist else cast("Condition", column == row)


def _refers(column: Any, relation: RelationshipProperty[Any], key: Mapping[str, object] | None = None) -> Condition:
    """The to-many relation leads to some row, or to the one with this primary key."""
    target: Any = aliased(relation.mapper.class_)
    rows = select(_ONE).select_from(target).where(column.of_type(target))
    return rows.where(*[getattr(target, name) == value for name, value in (key or {}).items()]).exists()


def _identity(lookup: Lookup, relation: RelationshipProperty[Any], row: object) -> dict[str, object]:
    """The primary key of a row that is given as a relation's value."""
    mapper: Mapper[Any] = relation.mapper
    names = [mapper.get_property_by_column(column).key for column in mapper.primary_key]
    if not isinstance(row, mapper.class_):
        remedy = f"to compare its key, write {lookup.field.path}__{names[0]}=..."
        raise lookup.refused(f"takes a {mapper.class_.__name__} row, not {kind_of(row)}; {remedy}")
    state = instance_state(row)
    values = mapper.primary_key_from_instance(row) if state.key is None else state.key[1]
    if any(value is None for value in values):
        raise lookup.refused(f"was given a {mapper.class_.__name__} that is not stored: save() it first")
    return dict(zip(names, values, strict=True))


# --- values ---------------------------------------------------------------------------------------------------------


def is_expression(value: object) -> bool:
    """SQL, rather than a value to bind."""
    return hasattr(value, "__clause_element__") or hasattr(value, "get_children")


def _bound(lookup: Lookup, type_: TypeEngine[Any] | None, value: object) -> Any:
    """The value as the column compares with it."""
    if is_expression(value):
        return value
    if value is None:
        raise lookup.refused(f"cannot compare with None; ask for NULL with {lookup.field.path}__isnull=True")
    field = lookup.field
    if lookup.part is not None:
        kind = date if lookup.part == "date" else int
        if not isinstance(value, kind) or isinstance(value, datetime | bool):
            reason = f"its {lookup.part} is compared with {kind.__name__}, not {kind_of(value)}"
            raise refusal(field.owner, field.name, reason, value)
        return value
    if type_ is not None:
        check_comparable(field.owner, field.name, type_, value)
        if beyond_32_bits(type_, value):
            # PostgreSQL refuses it as a value of the column's type, where others find no such row.
            return bindparam(None, value, BigInteger(), unique=True)
    return value
