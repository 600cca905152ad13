"""What rows with the same names write: which columns, and how each column gets its values for a whole batch at once.

A bulk write asks the mapper its questions once per set of names. After that a batch is worked on column by column, not
row by row: take the values, check them, convert them for the driver.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, cast
from weakref import WeakKeyDictionary

from sqlalchemy import Column, ColumnElement, Table
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import Mapper

from activerow.errors import UsageError
from activerow.mapping import (
    Check,
    attribute_of,
    check_for,
    fields_of,
    mapper_of,
    primary_key_names,
    refused_name,
    tables_of,
)
from activerow.model.bulk.class_defaults import class_default

Row = Mapping[str, Any]
Values = Sequence[Any]
Convert = Callable[[Any], Any]

_MOST_KEPT: Final = 200

_known: "WeakKeyDictionary[Dialect, dict[Hashable, Layout]]" = WeakKeyDictionary()


def refuse_several_tables(model: type, call: str) -> None:
    """Accept a model whose rows are rows of one table.

    Raises:
        UsageError: Its rows are spread over several, or it is mapped to something else than a table.
    """
    mapper = mapper_of(model)
    if len(tables_of(mapper)) != 1 or not isinstance(mapper.local_table, Table):
        raise UsageError(
            f"{model.__name__} is not stored in one table, which {call}() needs; write its rows one by one"
        )


class RowContext:
    """What a default that asks for its context is given: the values of its row, as far as they are known."""

    def __init__(self) -> None:
        self._columns: dict[str, Values] = {}
        self._index = 0

    def add(self, column: Column[Any], values: Values) -> None:
        """Let later defaults see the values of a column."""
        self._columns[column.key] = values

    def at(self, index: int) -> "RowContext":
        """The same for another row."""
        self._index = index
        return self

    @property
    def current_parameters(self) -> dict[str, Any]:
        """Column to value."""
        return {key: values[self._index] for key, values in self._columns.items()}

    def get_current_parameters(self, isolate_multiinsert_groups: bool = True) -> dict[str, Any]:  # noqa: ARG002
        """Column to value."""
        return self.current_parameters

    def __getattr__(self, name: str) -> Any:
        raise UsageError(
            f"a default asks its context for {name!r}; many rows at once have get_current_parameters() only"
        )


@dataclass(frozen=True, slots=True)
class Source:
    """A column that is written, and where its values come from.

    Attributes:
        column: Of the table.
        name: Its attribute.
        convert: What the column's type does to a value for the driver.
        check: Whether a value fits.
        given: Rows give it.
        optional: A row that does not give it gives None.
        constant: What rows have that cannot give it, and for which there is no `default`.
        default: What makes the value of such a row.
    """

    column: Column[Any]
    name: str
    convert: Convert | None = None
    check: Check | None = None
    given: bool = False
    optional: bool = False
    constant: object = None
    default: Callable[[RowContext], Any] | None = None

    def values(self, rows: Sequence[Row], context: RowContext) -> Values:
        """The column's values for `rows`, as the program has them."""
        if self.given:
            name = self.name
            return [row.get(name) for row in rows] if self.optional else [row[name] for row in rows]
        if self.default is None:
            return [self.constant] * len(rows)
        return [self.default(context.at(index)) for index in range(len(rows))]

    def converted(self, values: Values) -> Values:
        """The same as the driver takes them."""
        convert = self.convert
        if convert is None or not values:
            return values
        if not self.given and self.default is None:
            return [convert(values[0])] * len(values)
        return [convert(value) for value in values]


@dataclass(frozen=True, eq=False)
class Layout:
    """The columns that rows with one set of names write.

    Attributes:
        model: The class of the rows.
        table: Their table.
        names: Attribute names that the rows give; without those that a row of this layout may give or not.
        generated: The one of them that the database generates where it is None.
        sources: The columns that are sent; those that are given first, as defaults may depend on them.
        computed: Columns whose value is SQL of the model, which stands in the statement itself.
        by: The attributes by which an UPDATE finds its rows.
        hidden_too: It finds hidden ones as well.
    """

    model: type
    table: Table
    names: frozenset[str]
    generated: str | None
    sources: tuple[Source, ...]
    computed: Mapping[Column[Any], ColumnElement[Any]] = field(default_factory=dict[Column[Any], ColumnElement[Any]])
    by: tuple[str, ...] = ()
    hidden_too: bool = False
    texts: dict[Hashable, Any] = field(default_factory=dict[Hashable, Any])
    """What the statements for it look like, kept by those who send them."""

    @cached_property
    def columns(self) -> dict[str, Column[Any]]:
        """Attribute to column, of what is sent."""
        return {source.name: source.column for source in self.sources}

    @cached_property
    def given(self) -> tuple[str, ...]:
        """The attributes that rows give."""
        return tuple(source.name for source in self.sources if source.given)

    @cached_property
    def overrides(self) -> bool:
        """A column is given that the database lets nobody give without being asked to: GENERATED ALWAYS."""
        return any(getattr(source.column.server_default, "always", False) for source in self.sources)

    @cached_property
    def refers_to_itself(self) -> bool:
        """Rows may refer to other rows of the table."""
        return any(key.references(self.table) for column in self.table.c for key in column.foreign_keys)


# --- asking the mapper ----------------------------------------------------------------------------------------------


def insert_layout(model: type, names: frozenset[str], dialect: Dialect, *, filled: bool) -> Layout:
    """The layout of rows that are new, or may be.

    Args:
        model: The class of the rows.
        names: Attribute names.
        dialect: Of the connection that they are sent to.
        filled: Rows that differ only in columns that are NULL when nothing is given have one layout.

    Raises:
        UnknownFieldError, ReadOnlyFieldError: A name is no column that can be given.
    """

    def make() -> Layout:
        layout = _insert_layout(model, names, dialect, filled=filled)
        again = filled and names - layout.names
        return insert_layout(model, layout.names, dialect, filled=True) if again else layout

    return _remembered(dialect, ("insert", model, names, filled), make)


def update_layout(
    model: type, by: tuple[str, ...], names: frozenset[str], dialect: Dialect, *, hidden_too: bool = False
) -> Layout:
    """The layout of rows that are there: found by `by`, and set to the others of `names`.

    Raises:
        UnknownFieldError, ReadOnlyFieldError: A name is no column that an UPDATE sets.
    """

    def make() -> Layout:
        settable = fields_of(model).settable_columns
        for name in sorted(names.difference(by)):
            if name not in settable:
                raise refused_name(model, name, settable, columns_only="an UPDATE sets")
        mapper = mapper_of(model)
        columns = {name: mapper.column_attrs[name].columns[0] for name in (*by, *sorted(names.difference(by)))}
        sources = tuple(_given(cast("Column[Any]", column), name, dialect) for name, column in columns.items())
        return Layout(model, cast("Table", mapper.local_table), names, None, sources, by=by, hidden_too=hidden_too)

    return _remembered(dialect, ("update", model, by, names, hidden_too), make)


def _remembered(dialect: Dialect, key: Hashable, make: Callable[[], Layout]) -> Layout:
    known = _known.setdefault(dialect, {})
    layout = known.get(key)
    if layout is None:
        layout = make()
        if len(known) >= _MOST_KEPT:
            known.clear()
        known[key] = layout
    return layout


def _insert_layout(model: type, names: frozenset[str], dialect: Dialect, *, filled: bool) -> Layout:
    mapper = mapper_of(model)
    fields = fields_of(model)
    allowed = (*primary_key_names(model), *fields.insert_only, *fields.settable_columns)
    for given in sorted(names):
        if given not in allowed:
            raise refused_name(model, given, allowed, columns_only="many rows at once set")
    sources: list[Source] = []
    computed: dict[Column[Any], ColumnElement[Any]] = {}
    table = cast("Table", mapper.local_table)
    for column in table.c:
        name = attribute_of(mapper, column)
        optional = filled and name is not None and _is_optional(mapper, column, name)
        if name is not None and (name in names or optional):
            sources.append(_given(column, name, dialect, optional=optional))
        elif (source := _made(mapper, column, name or column.key, dialect)) is not None:
            sources.append(source)
        elif (expression := _in_statement(column, dialect)) is not None:
            computed[column] = expression
        elif name is not None and _is_null(column):
            # A type that has a None of its own, as JSON has, gets NULL here: nothing was given.
            convert = None if column.type.should_evaluate_none else _converter(column, dialect)
            sources.append(Source(column, name, convert))
    auto = table.autoincrement_column
    generated = attribute_of(mapper, auto) if auto is not None else None
    return Layout(
        model,
        table,
        names=names - {source.name for source in sources if source.optional},
        generated=generated if generated in names else None,
        sources=tuple(sorted(sources, key=lambda source: not source.given)),
        computed=computed,
    )


def _given(column: Column[Any], name: str, dialect: Dialect, *, optional: bool = False) -> Source:
    return Source(column, name, _converter(column, dialect), check_for(column.type), given=True, optional=optional)


def _converter(column: Column[Any], dialect: Dialect) -> Convert | None:
    return column.type.dialect_impl(dialect).bind_processor(dialect)


def _made(mapper: Mapper[Any], column: Column[Any], name: str, dialect: Dialect) -> Source | None:
    """The source of a column whose values Python makes."""
    convert = _converter(column, dialect)
    default: Any = column.default
    of_class = class_default(mapper.class_, name)
    if column is mapper.polymorphic_on and mapper.polymorphic_identity is not None:
        return Source(column, name, convert, constant=mapper.polymorphic_identity)
    if column is mapper.version_id_col and callable(mapper.version_id_generator):
        generator: Any = mapper.version_id_generator
        return Source(column, name, convert, default=lambda _context: generator(None))
    if of_class is not None:
        return Source(column, name, convert, default=lambda _context: of_class())
    if default is not None and default.is_scalar:
        return Source(column, name, convert, constant=default.arg)
    if default is not None and default.is_callable:
        return Source(column, name, convert, default=default.arg)
    return None


def _in_statement(column: Column[Any], dialect: Dialect) -> ColumnElement[Any] | None:
    """The SQL of a column's default; a sequence counts only where there are sequences."""
    default: Any = column.default
    if default is None or default.is_scalar or default.is_callable:
        return None
    if default.is_sequence:
        return cast("ColumnElement[Any]", default.next_value()) if dialect.supports_sequences else None
    return cast("ColumnElement[Any]", default.arg)


def _is_null(column: Column[Any]) -> bool:
    """Neither the model nor the database has a value for the column."""
    made = column.default is not None or column.server_default is not None
    return not made and column is not column.table.autoincrement_column


def _is_optional(mapper: Mapper[Any], column: Column[Any], name: str) -> bool:
    """What is not given is NULL, the same as a None that is given."""
    special = column is mapper.polymorphic_on or column is mapper.version_id_col or class_default(mapper.class_, name)
    return not (special or column.primary_key or column.type.should_evaluate_none) and _is_null(column)
