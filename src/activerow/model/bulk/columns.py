"""What rows with the same names write: which columns, and how each column gets its values for a whole batch at once.

A bulk write asks the mapper its questions once per set of names. After that a batch is worked on column by column, not
row by row: take the values, check them, convert them for the driver.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, cast
from weakref import WeakKeyDictionary

from sqlalchemy import Column, Identity, Table
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import Mapper
from sqlalchemy.orm.exc import UnmappedColumnError

from activerow.errors import InvalidDataError, UsageError
from activerow.mapping import (
    CREATED_AT,
    Check,
    check_for,
    fields_of,
    is_expression,
    mapper_of,
    primary_key_names,
    refused_name,
    tables_of,
)

Row = Mapping[str, Any]
Values = Sequence[Any]
Convert = Callable[[Any], Any]

# What a column type raises when it cannot convert a value.
_CONVERSION_ERRORS: Final = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError)
_NEVER_SQL: Final = frozenset({str, int, float, bool, bytes, dict, list, tuple, type(None)})
_KEPT_SHAPES: Final = 200

_shapes: "WeakKeyDictionary[Dialect, dict[tuple[type, frozenset[str], bool], Shape]]" = WeakKeyDictionary()


def refuse_several_tables(model: type, terminal: str) -> None:
    """Accept a model whose rows are rows of one table.

    Raises:
        UsageError: Its rows are spread over several, or it is mapped to something else than a table.
    """
    mapper = mapper_of(model)
    if len(tables_of(mapper)) != 1 or not isinstance(mapper.local_table, Table):
        raise UsageError(
            f"{model.__name__} is not stored in one table, which {terminal}() needs; create() its rows one by one"
        )


def writable_names(model: type) -> tuple[str, ...]:
    """The columns that a bulk write may be given: all but what the database computes."""
    fields = fields_of(model)
    first = (*primary_key_names(model), *({CREATED_AT} & set(fields.columns)))
    return (*first, *(name for name in fields.settable_columns if name not in first))


def shape_of(model: type, names: frozenset[str], dialect: Dialect, *, filled: bool) -> "Shape":
    """The shape of rows that give `names`; answered from memory after the first time.

    Args:
        model: The class of the rows.
        names: Attribute names.
        dialect: Of the connection that they are sent to.
        filled: Rows that differ only in columns that are NULL when nothing is given have one shape.

    Raises:
        UnknownFieldError, ReadOnlyFieldError: A name is no column that can be given.
    """
    known = _shapes.setdefault(dialect, {})
    shape = known.get((model, names, filled))
    if shape is None:
        if len(known) >= _KEPT_SHAPES:
            known.clear()
        shape = _shape(model, names, dialect, filled=filled)
        if filled and names - shape.names:
            shape = shape_of(model, shape.names, dialect, filled=True)
        known[model, names, filled] = shape
    return shape


@dataclass(frozen=True, slots=True)
class Source:
    """A column that is written, and where its values come from."""

    column: Column[Any]
    name: str
    convert: Convert | None = None
    check: Check | None = None
    given: bool = False
    optional: bool = False
    constant: object = None
    default: Callable[[Any], Any] | None = None

    def values(self, rows: Sequence[Row], context: "RowContext") -> Values:
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


@dataclass(frozen=True, eq=False)
class Shape:
    """The columns that rows with one set of names write.

    Attributes:
        names: Attribute names that the rows give; without those that a row of this shape may give or not.
        generated: The one of them that the database generates where it is None.
        sources: The columns that are sent; those that are given first, as defaults may depend on them.
        inlined: A column is computed by SQL of the model, which stands in the statement itself.
        forced: A column is given that only COPY would let past the server's own numbers.
    """

    model: type
    mapper: Mapper[Any]
    table: Table
    names: frozenset[str]
    generated: str | None
    sources: tuple[Source, ...]
    inlined: bool
    forced: bool
    texts: dict[object, Any] = field(default_factory=dict[object, Any])
    """What the statements for it look like, kept by those who send them."""

    @property
    def columns(self) -> tuple[Column[Any], ...]:
        """The columns that are sent."""
        return tuple(source.column for source in self.sources)

    @cached_property
    def refers_to_itself(self) -> bool:
        """Rows may refer to other rows of the table."""
        return any(key.references(self.table) for column in self.table.c for key in column.foreign_keys)

    def take(self, rows: Sequence[Row], backend: str) -> "Taken":
        """The values of `rows`, checked; those with SQL among them are told apart.

        Raises:
            Misfit: A value does not fit its column.
        """
        context = RowContext()
        columns: list[Values] = []
        misfits: list[tuple[int, Source, str]] = []
        with_sql: set[int] = set()
        for source in self.sources:
            values = source.values(rows, context)
            context.add(source.column, values)
            columns.append(values)
            if source.given:
                misfits += _misfits(source, values, backend, with_sql)
        if misfits:
            index, source, reason = min(misfits, key=lambda misfit: misfit[0])
            raise Misfit(index, source, reason, rows[index].get(source.name))
        return Taken(self, columns, frozenset(with_sql), len(rows))


def _misfits(source: Source, values: Values, backend: str, with_sql: set[int]) -> list[tuple[int, Source, str]]:
    """The first value that does not fit, if any; rows with SQL are added to `with_sql`."""
    check = source.check
    for index, value in enumerate(values):
        if value is None:
            continue
        if check is None:
            if value.__class__ not in _NEVER_SQL and is_expression(value):
                with_sql.add(index)
        elif (reason := check(value, backend)) is not None:
            if not is_expression(value):
                return [(index, source, reason)]
            with_sql.add(index)
    return []


class Misfit(Exception):  # noqa: N818  (never leaves the package: `bulk.py` tells which row it is)
    """A value does not fit its column."""

    def __init__(self, index: int, source: Source, reason: str, value: object) -> None:
        super().__init__(index, source.name, reason)
        self.index, self.source, self.reason, self.value = index, source, reason, value


@dataclass(frozen=True, slots=True)
class Taken:
    """The values of rows of one shape, column by column, as the program has them."""

    shape: Shape
    columns: list[Values]
    with_sql: frozenset[int]
    count: int

    def records(self, start: int, stop: int) -> list[tuple[Any, ...]]:
        """Rows `start` to `stop`, as the driver takes them.

        Raises:
            Misfit: A column's type cannot convert a value.
        """
        whole = start == 0 and stop == self.count
        converted: list[Values] = []
        for source, values in zip(self.shape.sources, self.columns, strict=True):
            part = values if whole else values[start:stop]
            try:
                converted.append(source.converted(part))
            except Exception as error:
                raise _refused(source, part, start, error) from error
        return list(zip(*converted, strict=True)) if converted else [()] * (stop - start)

    def record(self, index: int) -> dict[str, Any]:
        """One row, unconverted, with whatever SQL is in it."""
        return {s.column.key: values[index] for s, values in zip(self.shape.sources, self.columns, strict=True)}


def _refused(source: Source, values: Values, start: int, error: Exception) -> Exception:
    """The misfit behind an error of a column type, or the error itself when it is about something else."""
    if isinstance(error, InvalidDataError):
        reason = error.reason or "invalid value"
    elif isinstance(error, _CONVERSION_ERRORS):
        reason = "not one of the choices" if isinstance(error, LookupError) else "wrong type or value"
    else:
        return error
    convert = cast("Convert", source.convert)
    for index, value in enumerate(values):
        try:
            convert(value)
        except Exception:  # noqa: BLE001  (the same error once more: this is the value)
            return Misfit(start + index, source, reason, value)
    return error


# --- asking the mapper ----------------------------------------------------------------------------------------------


def _shape(model: type, names: frozenset[str], dialect: Dialect, *, filled: bool) -> Shape:
    mapper = mapper_of(model)
    allowed = writable_names(model)
    for name in sorted(names):
        if name not in allowed:
            raise refused_name(model, name, allowed, columns_only="many rows at once set")
    table = cast("Table", mapper.local_table)
    sources: list[Source] = []
    inlined = forced = False
    for column in table.c:
        attribute = _attribute(mapper, column)
        source = _source(mapper, column, attribute, names, dialect)
        if filled and attribute is not None and _is_optional(mapper, column):
            source = _given(column, attribute, dialect, optional=True)
        if source is not None:
            sources.append(source)
            forced |= (
                source.given and isinstance(column.server_default, Identity) and bool(column.server_default.always)
            )
        elif column.default is not None and not _is_generated(column, dialect):
            inlined = True
    auto = table.autoincrement_column
    generated = _attribute(mapper, auto) if auto is not None else None
    return Shape(
        model=model,
        mapper=mapper,
        table=table,
        names=names - {source.name for source in sources if source.optional},
        generated=generated if generated in names else None,
        sources=tuple(sorted(sources, key=lambda source: not source.given)),
        inlined=inlined,
        forced=forced,
    )


def _attribute(mapper: Mapper[Any], column: Column[Any]) -> str | None:
    try:
        return mapper.get_property_by_column(column).key
    except UnmappedColumnError:
        return None


def _source(
    mapper: Mapper[Any], column: Column[Any], attribute: str | None, names: frozenset[str], dialect: Dialect
) -> Source | None:
    """Where the values of a column come from; None where the statement leaves it to the database, or to SQL."""
    convert = column.type.dialect_impl(dialect).bind_processor(dialect)
    name = attribute or column.key
    if attribute in names:
        return _given(column, name, dialect)
    if column is mapper.polymorphic_on and mapper.polymorphic_identity is not None:
        return Source(column, name, convert, constant=mapper.polymorphic_identity)
    if column is mapper.version_id_col and callable(mapper.version_id_generator):
        return Source(column, name, convert, constant=mapper.version_id_generator(None))
    default: Any = column.default
    if default is not None and default.is_scalar:
        return Source(column, name, convert, constant=default.arg)
    if default is not None and default.is_callable:
        return Source(column, name, convert, default=default.arg)
    if default is not None or column.server_default is not None or attribute is None:
        return None
    if column is cast("Table", mapper.local_table).autoincrement_column:
        return None
    # A type that has a None of its own, as JSON has, gets NULL here: nothing was given.
    return Source(column, name, None if column.type.should_evaluate_none else convert)


def _given(column: Column[Any], name: str, dialect: Dialect, *, optional: bool = False) -> Source:
    convert = column.type.dialect_impl(dialect).bind_processor(dialect)
    return Source(column, name, convert, check_for(column.type), given=True, optional=optional)


def _is_optional(mapper: Mapper[Any], column: Column[Any]) -> bool:
    """What is not given is NULL, the same as a None that is given."""
    made = column.default is not None or column.server_default is not None or column.primary_key
    special = column is mapper.polymorphic_on or column is mapper.version_id_col
    return not (made or special or column.type.should_evaluate_none)


def _is_generated(column: Column[Any], dialect: Dialect) -> bool:
    """The server numbers the column by itself: a sequence counts only where there are sequences."""
    return bool(cast("Any", column.default).is_sequence) and not dialect.supports_sequences
