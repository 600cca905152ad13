"""Keys that the database makes: asked for before the rows are sent, or told with them; and sequences moved past keys
that the program has given.

No row is inserted alone to learn its key. Where the database can say which keys it would give, it is asked for as many
as there are rows, and they are sent with the rows; MySQL tells them with each INSERT.
"""

from collections.abc import Iterable
from typing import Any, Final, cast

from sqlalchemy import (
    CTE,
    Column,
    CursorResult,
    DefaultClause,
    Identity,
    Sequence,
    Table,
    TextClause,
    literal,
    literal_column,
    select,
    type_coerce,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.asyncio import AsyncConnection

from activerow.backends import backend_of
from activerow.errors import UsageError
from activerow.mapping import attribute_of, mapper_of
from activerow.model.bulk.groups import Group
from activerow.model.bulk.layout import Layout, insert_layout
from activerow.model.bulk.statement import schemas_of

_MOST: Final = 1_000
"""Keys of one question: MySQL counts no further in a recursive query."""


def missing_key(layout: Layout) -> Column[Any] | None:
    """The column of the primary key that rows of `layout` do not bring.

    Raises:
        UsageError: There are several.
    """
    sent = set(layout.columns.values())
    missing = [column for column in layout.table.primary_key if column not in sent]
    if len(missing) > 1:
        raise UsageError(f"{layout.model.__name__}: give the whole primary key, or leave out returning=True")
    return missing[0] if missing else None


def told_key(layout: Layout, dialect: Dialect) -> Column[Any] | None:
    """The key that the INSERT itself tells."""
    column = missing_key(layout)
    if column is None or column in layout.computed or column is not layout.table.autoincrement_column:
        return None
    return column if backend_of(dialect).next_key is None else None


def keys_told(result: CursorResult[Any], count: int, column: Column[Any], step: int) -> Iterable[Any]:
    """The keys of `count` rows, in their order, of the INSERT that has told them.

    Of one with many rows a server without RETURNING tells the first key. The others follow it in steps: MySQL takes the
    keys of one INSERT all at once.
    """
    if result.is_insert:
        return [cast("Any", result.inserted_primary_key)[list(column.table.primary_key).index(column)]]
    if result.returns_rows:
        return sorted(row[0] for row in result)
    return range(result.lastrowid, result.lastrowid + count * step, step)


async def step_of(connection: AsyncConnection) -> int:
    """How far apart generated keys are, where the INSERT tells the first of them alone."""
    question = backend_of(connection.dialect).key_step
    if question is None or connection.dialect.insert_returning:
        return 1
    return int((await connection.exec_driver_sql(question)).scalar_one())


async def with_keys(connection: AsyncConnection, group: Group, given: int) -> Group:
    """The group with a key for each row, where the INSERT would not tell it.

    Args:
        connection: Of the unit.
        group: Rows without keys.
        given: The highest number that other rows of the batch bring as their key.

    Raises:
        UsageError: The database makes the key in a way of its own.
    """
    layout, dialect = group.layout, connection.dialect
    column = missing_key(layout)
    if column is None or told_key(layout, dialect) is not None:
        return group
    expression = _next(connection, layout, column, given)
    keys: list[Any] = []
    while len(keys) < len(group.rows):
        numbers = _numbers(len(keys) + 1, min(len(keys) + _MOST, len(group.rows)))
        # The word keeps a unit that begins with this question from beginning as one that only reads.
        asked = select(type_coerce(expression, column.type)).select_from(numbers).prefix_with("/* before an insert */")
        keys += await connection.scalars(asked)
    if None in keys:
        raise _unknown(layout, column)
    name = cast("str", attribute_of(mapper_of(layout.model), column))
    names = frozenset({*layout.given, name})
    return group.with_keys(insert_layout(layout.model, names, dialect, filled=True), name, keys)


def _numbers(first: int, last: int) -> CTE:
    start = select(literal(first).label("number")).cte("numbers", recursive=True)
    return start.union_all(select(start.c.number + 1).where(start.c.number < last))


def _next(connection: AsyncConnection, layout: Layout, column: Column[Any], given: int) -> Any:
    """The SQL of a key, which is asked for once per row."""
    if column in layout.computed:
        return layout.computed[column]
    next_key = backend_of(connection.dialect).next_key
    if column is layout.table.autoincrement_column and next_key is not None:
        return next_key(column, table_name(connection, layout.table), given)
    default: Any = column.server_default
    if isinstance(default, DefaultClause) and isinstance(default.arg, TextClause):
        return cast("Any", literal_column)(default.arg.text)
    if isinstance(default, DefaultClause) and not isinstance(default.arg, str):
        return default.arg
    raise _unknown(layout, column)


def _unknown(layout: Layout, column: Column[Any]) -> UsageError:
    return UsageError(
        f"{layout.model.__name__}: nobody can tell the key {column.name!r} that the database would make; give keys, or"
        " leave out returning=True"
    )


def table_name(connection: AsyncConnection, table: Table) -> str:
    """The table as SQL names it in a text."""
    quote = connection.dialect.identifier_preparer
    schema = schemas_of(connection).get(table.schema, table.schema)
    name = quote.quote(table.name) if schema is None else f"{quote.quote_schema(schema)}.{quote.quote(table.name)}"
    return name.replace("%%", "%") if connection.dialect.paramstyle in {"format", "pyformat"} else name


class Sequences:
    """Moves the sequences of numbered columns past the numbers that the program gives itself."""

    def __init__(self) -> None:
        self._moved: dict[Column[Any], int] = {}

    async def move_past(self, connection: AsyncConnection, groups: Iterable[Group]) -> None:
        """Let no row be given a number that one of these rows brings."""
        move = backend_of(connection.dialect).move_sequence
        for column, highest in highest_given(groups).items():
            if move is None or highest <= self._moved.get(column, 0):
                continue
            self._moved[column] = highest
            sequence = column.default if isinstance(column.default, Sequence) else None
            moving = move(column, table_name(connection, column.table), sequence, highest)
            if moving is not None:
                await connection.execute(moving)


def highest_given(groups: Iterable[Group]) -> dict[Column[Any], int]:
    """The highest number that rows bring for each column which the database would number."""
    highest: dict[Column[Any], int] = {}
    for group in groups:
        for source, values in zip(group.layout.sources, group.taken.columns, strict=True):
            if source.given and _is_numbered(source.column):
                numbers = (value for value in values if isinstance(value, int))
                highest[source.column] = max(highest.get(source.column, 0), *numbers, 0)
    return highest


def _is_numbered(column: Column[Any]) -> bool:
    numbered = column is column.table.autoincrement_column or isinstance(column.default, Sequence)
    return numbered or isinstance(column.server_default, Identity)
