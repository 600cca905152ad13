"""Sort keys that tell every row from every other, and the condition that a row lies beyond one of them."""

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    Double,
    Enum,
    Exists,
    Integer,
    Numeric,
    Over,
    ScalarSelect,
    String,
    and_,
    bindparam,
    literal_column,
    or_,
    tuple_,
    type_coerce,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.schema import Column as TableColumn
from sqlalchemy.sql import operators
from sqlalchemy.sql.expression import cast as sql_cast
from sqlalchemy.sql.functions import count
from sqlalchemy.sql.visitors import iterate
from sqlalchemy.types import NullType

from activerow.backends import backend_of
from activerow.errors import UsageError
from activerow.mapping import Type, bound_as, implementation, kind_of, mapper_of, primary_key_names, tables_of
from activerow.query.lookups import Column, Hops
from activerow.query.results.cursors import Position

Condition = ColumnElement[bool]


# --- in the model's words -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SortKey:
    """What rows are sorted by, without the words around it.

    Attributes:
        expression: A column of the model, of a related one, or any SQL.
        hops: The to-one relations to join for it.
        descending: The largest first.
        nulls_first: Where NULL goes; None leaves it to the server.
        nullable: There may be NULL.
    """

    expression: Any
    hops: Hops = ()
    descending: bool = False
    nulls_first: bool | None = None
    nullable: bool = True


def stable(model: type, order: Sequence[Column]) -> tuple[Column, ...]:
    """`order` with the primary key behind it, in the direction of its last key, so that it is the same every time."""
    keys = [_stripped(key) for key in order]
    descending = keys[-1].descending if keys else False
    missing = [key for key in _primary_key(model) if not _holds(keys, key)]
    return (*order, *[Column(key.desc() if descending else key) for key in missing])


def sort_keys(model: type, order: Sequence[Column]) -> tuple[SortKey, ...]:
    """The keys of `stable`, as far as they matter: behind the whole primary key nothing does.

    Raises:
        UsageError: A key is no single SQL expression that a row can be compared by.
    """
    not_null = {hash(column) for table in tables_of(mapper_of(model)) for column in table.c if not column.nullable}
    keys: list[SortKey] = []
    for column in stable(model, order):
        key = _stripped(column)
        _check(model, key.expression)
        keys.append(replace(key, nullable=bool(key.hops) or not _is_never_null(key.expression, not_null)))
        if all(_holds(keys, part) for part in _primary_key(model)):
            break
    return tuple(keys)


def _is_never_null(expression: Any, not_null: Container[int]) -> bool:
    if isinstance(expression, ScalarSelect):
        selected: Any = expression.element
        return isinstance(next(iter(selected.selected_columns)), count)
    return isinstance(expression, Exists) or hash(expression) in not_null


def _primary_key(model: type) -> Iterator[ColumnElement[Any]]:
    for name in primary_key_names(model):
        yield getattr(model, name).__clause_element__()


def _holds(keys: Iterable[SortKey], part: ColumnElement[Any]) -> bool:
    # Columns are compared by their hashes: an annotated one, of a mapped attribute, has that of the table's.
    return any(not key.hops and hash(key.expression) == hash(part) for key in keys)


def _stripped(key: Column) -> SortKey:
    """The key without `desc`, `nulls_last` and the like around it, and the name it may have."""
    expression: Any = key.expression
    if hasattr(expression, "__clause_element__"):
        expression = expression.__clause_element__()
    descending, nulls_first = False, None
    while True:
        if getattr(expression, "__visit_name__", "") in {"label", "label_reference"}:
            expression = expression.element
            continue
        modifier: Any = getattr(expression, "modifier", None)
        if modifier is None:
            return SortKey(expression, key.hops, descending, nulls_first)
        if modifier in {operators.nulls_first_op, operators.nulls_last_op}:
            nulls_first = modifier is operators.nulls_first_op
        elif modifier is operators.desc_op:
            descending = True
        expression = expression.element


def _check(model: type, expression: Any) -> None:
    order = f"rows of {model.__name__} cannot be walked in the order of"
    is_text = getattr(expression, "__visit_name__", "") == "textual_label_reference"
    if is_text or not isinstance(expression, ColumnElement):
        raise UsageError(f"{order} text or of several columns at once: order_by() takes names and SQL expressions")
    column: Any = cast("object", expression)
    if any(isinstance(part, Over) for part in iterate(column)):
        raise UsageError(f"{order} a window function: WHERE cannot compare it")
    if not kind_of(column.type).walks:
        raise UsageError(f"{order} {type(column.type).__name__} values: a cursor does not hold them")


# --- in the server's words ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Key:
    """A sort key on one kind of server.

    Attributes:
        key: The key.
        selected: Its value for the cursor.
        compared: What that value is compared with.
        type: How that value is bound.
        nulls_first: Where NULL goes.
    """

    key: SortKey
    selected: ColumnElement[Any]
    compared: ColumnElement[Any]
    type: Type
    nulls_first: bool

    def turned(self) -> "_Key":
        """The key for the way back."""
        key = replace(self.key, descending=not self.key.descending)
        return replace(self, key=key, nulls_first=not self.nulls_first)

    def bound(self, value: object) -> ColumnElement[Any]:
        return bindparam(None, value, bound_as(self.type, value), unique=True)

    def equals(self, value: object) -> Condition:
        return self.key.expression.is_(None) if value is None else self.compared == self.bound(value)

    def may_follow_null(self, value: object) -> bool:
        """NULLs come after `value`, or it is one."""
        return self.key.nullable and (value is None or not self.nulls_first)

    def beyond(self, value: object, *, or_equal: bool = False) -> Condition | None:
        """The rows after `value`; None where there can be none."""
        if value is None:
            return self.key.expression.is_not(None) if self.nulls_first else None
        bound = self.bound(value)
        if self.key.descending:
            found = self.compared <= bound if or_equal else self.compared < bound
        else:
            found = self.compared >= bound if or_equal else self.compared > bound
        return or_(found, self.key.expression.is_(None)) if self.may_follow_null(value) else found


@dataclass(frozen=True, slots=True)
class Keyset:
    """The sort keys of a query on one kind of server, for one way through its rows."""

    keys: tuple[_Key, ...]
    dialect: Dialect

    @classmethod
    def of(cls, keys: Iterable[SortKey], dialect: Dialect) -> "Keyset":
        """The sort keys as the server of `dialect` sorts and compares them."""
        return cls(tuple(_on_server(key, dialect) for key in keys), dialect)

    def turned(self) -> "Keyset":
        """The keyset of the way back."""
        return Keyset(tuple(key.turned() for key in self.keys), self.dialect)

    @property
    def purpose(self) -> str:
        """What the rows are sorted by, as text that is the same in every process."""
        return "\n".join(_described(key, self.dialect) for key in self.keys)

    @property
    def selected(self) -> list[ColumnElement[Any]]:
        """The columns to read for a position."""
        return [key.selected.label(f"activerow_key_{place}") for place, key in enumerate(self.keys)]

    @property
    def order(self) -> tuple[Column, ...]:
        """What to sort by."""
        return tuple(Column(part, key.key.hops) for key in self.keys for part in _ordering(key, self.dialect))

    def beyond(self, position: Position) -> Condition:
        """The rows on the other side of `position`."""
        pairs = list(zip(self.keys, position.values, strict=True))
        if len(pairs) > 1 and self._one_comparison(position):
            row = tuple_(*[key.compared for key in self.keys])
            values = tuple_(*[key.bound(value) for key, value in pairs])
            if self.keys[0].key.descending:
                return row <= values if position.inclusive else row < values
            return row >= values if position.inclusive else row > values
        return _beyond(pairs, inclusive=position.inclusive)

    def _one_comparison(self, position: Position) -> bool:
        """`(a, b) > (x, y)` says the same: one direction, and no NULL on the other side."""
        directions = {key.key.descending for key in self.keys}
        nulls = any(key.may_follow_null(value) for key, value in zip(self.keys, position.values, strict=True))
        return backend_of(self.dialect).row_values and len(directions) == 1 and not nulls


def _beyond(pairs: Sequence[tuple[_Key, object]], *, inclusive: bool) -> Condition:
    """`a > x OR (a = x AND (b > y ...))`, in the form of `a >= x AND (a > x OR b > y ...)` where that is the same.

    In that form the first key alone bounds what has to be read: servers find an index for it.
    """
    (key, value), *rest = pairs
    if not rest:
        return cast("Condition", key.beyond(value, or_equal=inclusive))
    strictly, further = key.beyond(value), _beyond(rest, inclusive=inclusive)
    if strictly is None:
        return and_(key.equals(value), further)
    if key.may_follow_null(value) or value is None:
        return or_(strictly, and_(key.equals(value), further))
    return and_(cast("Condition", key.beyond(value, or_equal=True)), or_(strictly, further))


def _on_server(key: SortKey, dialect: Dialect) -> _Key:
    default = backend_of(dialect).sorts_nulls_first(descending=key.descending)
    nulls_first = default if key.nulls_first is None else key.nulls_first
    return _Key(key, *_compared(key.expression, dialect), nulls_first)


def _ordering(key: _Key, dialect: Dialect) -> Iterator[ColumnElement[Any]]:
    expression, descending = key.key.expression, key.key.descending
    sorted_ = expression.desc() if descending else expression.asc()
    backend = backend_of(dialect)
    if not key.key.nullable or key.nulls_first is backend.sorts_nulls_first(descending=descending):
        yield sorted_
    elif backend.nulls_first:
        yield sorted_.nulls_first() if key.nulls_first else sorted_.nulls_last()
    else:
        is_null = expression.is_(None)
        yield is_null.desc() if key.nulls_first else is_null.asc()
        yield sorted_


def _compared(expression: ColumnElement[Any], dialect: Dialect) -> tuple[ColumnElement[Any], ColumnElement[Any], Type]:
    """What is read of a key, what it is compared with, and the type of its values: exactly what the server compares.

    Values as Python code sees them will not do. They may be rounded (DECIMAL on SQLite, REAL and FLOAT elsewhere), and
    a type of the user's own may make anything of them.
    """
    if backend_of(dialect).untyped:
        raw: ColumnElement[Any] = type_coerce(expression, NullType())
        return raw, raw, NullType()
    type_ = implementation(expression.type, dialect)
    kind = kind_of(type_).name
    if isinstance(type_, Enum):
        return _compared_enum(expression, type_, dialect)
    if kind == "float":
        # A single-precision number is printed with fewer digits than it has.
        return sql_cast(expression, Double()), type_coerce(expression, Double()), Double()
    if kind == "decimal":
        type_ = Numeric()
    same: ColumnElement[Any] = type_coerce(expression, type_)
    return same, same, type_


def _compared_enum(
    expression: ColumnElement[Any], type_: Enum, dialect: Dialect
) -> tuple[ColumnElement[Any], ColumnElement[Any], Type]:
    text = type_coerce(expression, String())
    compared = backend_of(dialect).enums if type_.native_enum else "text"
    if compared == "typed":
        return text, type_coerce(expression, type_), type_
    if compared == "text" or not isinstance(expression, TableColumn):
        return text, text, String()
    number = type_coerce(expression, Integer()) + literal_column("0", Integer())
    return number, number, Integer()


def _described(key: _Key, dialect: Dialect) -> str:
    sort = key.key
    compiled = sort.expression.compile(dialect=dialect)
    words = (
        "__".join(sort.hops),
        str(compiled),
        repr(sorted(compiled.params.items())),
        type(key.type).__name__,
        "desc" if sort.descending else "asc",
        "nulls first" if key.nulls_first and sort.nullable else "",
    )
    return "\t".join(words)
