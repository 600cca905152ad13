"""The values of rows of one layout, column by column: taken, checked, converted for the driver."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from activerow.errors import InvalidDataError
from activerow.mapping import all_evident, evident, is_expression
from activerow.model.bulk.layout import Convert, Layout, Row, RowContext, Source, Values

Record = tuple[Any, ...]

# What a column type raises when it cannot convert a value.
_CONVERSION_ERRORS: Final = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError)
_NEVER_SQL: Final = frozenset({str, int, float, bool, bytes, dict, list, tuple, type(None)})


class Misfit(Exception):  # noqa: N818  (never leaves the room: `groups` tells which row it is)
    """A value does not fit its column."""

    def __init__(self, index: int, source: Source, reason: str, value: object) -> None:
        super().__init__(index, source.name, reason)
        self.index, self.source, self.reason, self.value = index, source, reason, value


@dataclass(frozen=True, slots=True)
class Taken:
    """The values of rows of one layout, as the program has them.

    Attributes:
        layout: Of the rows.
        columns: The values of each source.
        with_sql: The rows that have SQL among their values.
        count: How many rows there are.
    """

    layout: Layout
    columns: list[Values]
    with_sql: frozenset[int]
    count: int

    def records(self, start: int, stop: int) -> list[Record]:
        """Rows `start` to `stop`, as the driver takes them.

        Raises:
            Misfit: A column's type cannot convert a value.
        """
        whole = start == 0 and stop == self.count
        converted: list[Values] = []
        for source, values in zip(self.layout.sources, self.columns, strict=True):
            part = values if whole else values[start:stop]
            try:
                converted.append(source.converted(part))
            except Exception as error:
                raise _refused(source, part, start, error) from error
        return list(zip(*converted, strict=True)) if converted else [()] * (stop - start)

    def row(self, index: int) -> dict[str, Any]:
        """One row by attribute, unconverted, with whatever SQL is in it."""
        return {source.name: values[index] for source, values in zip(self.layout.sources, self.columns, strict=True)}


def take(layout: Layout, rows: Sequence[Row], dialect: str) -> Taken:
    """The values of `rows`, checked; those with SQL among them are told apart.

    Raises:
        Misfit: A value does not fit its column.
    """
    context = RowContext()
    columns: list[Values] = []
    misfits: list[tuple[int, Source, str]] = []
    with_sql: set[int] = set()
    for source in layout.sources:
        values = source.values(rows, context)
        context.add(source.column, values)
        columns.append(values)
        if source.given:
            misfits += _misfits(source, values, dialect, with_sql)
    if misfits:
        index, source, reason = min(misfits, key=lambda misfit: misfit[0])
        raise Misfit(index, source, reason, rows[index].get(source.name))
    return Taken(layout, columns, frozenset(with_sql), len(rows))


def _misfits(source: Source, values: Values, dialect: str, with_sql: set[int]) -> list[tuple[int, Source, str]]:
    """The first value that does not fit, if any; rows with SQL are added to `with_sql`."""
    check = source.check
    if check is None:
        if _NEVER_SQL.issuperset(map(type, values)):
            return []
    elif all_evident(values, evident(source.column.type, check)):
        return []
    for index, value in enumerate(values):
        if value is None:
            continue
        if check is None:
            if value.__class__ not in _NEVER_SQL and is_expression(value):
                with_sql.add(index)
        elif (reason := check(value, dialect)) is not None:
            if not is_expression(value):
                return [(index, source, reason)]
            with_sql.add(index)
    return []


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
