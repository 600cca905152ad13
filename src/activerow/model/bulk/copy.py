"""COPY: PostgreSQL's own way in for many rows, through asyncpg and psycopg.

COPY is a statement of the open transaction like any other. It is run by SQLAlchemy's connection, so that it is logged,
counted and, when it fails, reported as every statement is; only the sending itself is the driver's.
"""

from collections.abc import Sequence
from typing import Any, Final, cast
from weakref import WeakSet

from sqlalchemy import ARRAY, Column, Enum, Table, bindparam
from sqlalchemy.engine import Dialect, Engine
from sqlalchemy.engine.interfaces import ExecutionContext
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.util import await_only

from activerow.backends import backend_of
from activerow.database.engine import listen
from activerow.mapping import Type, implementation, kind_of
from activerow.model.bulk.layout import Layout
from activerow.model.bulk.values import Record

LEAST_ROWS: Final = 100
"""Fewer rows are sent sooner by one INSERT: COPY takes two or three trips."""

_RECORDS: Final = "activerow_copy"

_listening: "WeakSet[Engine]" = WeakSet()


def can_copy(layout: Layout, dialect: Dialect) -> bool:
    """Whether rows of this layout mean the same to COPY as to INSERT.

    Not where the statement has to compute something, for types that are not proven, or where the table says
    `info={"copy": False}` (row level security, rules).
    """
    if not backend_of(dialect).copies or layout.computed or not layout.sources:
        return False
    proven = all(_is_proven(column.type, dialect) for column in layout.columns.values())
    return proven and layout.table.info.get("copy", True)


def _is_proven(type_: Type, dialect: Dialect) -> bool:
    if type_.bind_expression(bindparam("value", type_=type_)) is not None:
        return False
    stored: Any = implementation(type_, dialect)
    if ARRAY in type(stored).__mro__:
        item = stored.item_type
        return not isinstance(item, Enum) and kind_of(item).name != "json" and _is_proven(item, dialect)
    return kind_of(stored).copies


async def copy(connection: AsyncConnection, layout: Layout, records: Sequence[Record], schema: str | None) -> int:
    """Send the records by COPY; returns how many there were."""
    engine = cast("Any", connection.sync_connection).engine
    if engine not in _listening:
        listen(engine, "do_execute", _send)
        _listening.add(engine)
    table, columns = layout.table, list(layout.columns.values())
    options = {_RECORDS: (table, columns, records, schema)}
    await connection.exec_driver_sql(_text(table, columns, schema, connection.dialect), execution_options=options)
    return len(records)


def _text(table: Table, columns: Sequence[Column[Any]], schema: str | None, dialect: Dialect) -> str:
    quote = cast("Any", dialect.identifier_preparer)
    name = quote.quote(table.name) if schema is None else f"{quote.quote_schema(schema)}.{quote.quote(table.name)}"
    sql = f"COPY {name} ({', '.join(quote.quote(column.name) for column in columns)}) FROM STDIN"
    # Sent without parameters: nobody takes back that each "%" of a name is written twice for their sake.
    return sql % () if dialect.paramstyle in {"format", "pyformat"} else sql


def _send(cursor: Any, statement: str, _parameters: object, context: ExecutionContext) -> bool | None:
    """Run in place of the cursor's `execute` for the statements of `copy`."""
    job = context.execution_options.get(_RECORDS)
    if job is None:
        return None
    await_only(
        _copy_asyncpg(cursor, *job) if context.dialect.driver == "asyncpg" else _copy_psycopg(cursor, statement, job)
    )
    return True


async def _copy_asyncpg(
    cursor: Any, table: Table, columns: Sequence[Column[Any]], records: Sequence[Record], schema: str | None
) -> None:
    adapted = cursor._adapt_connection
    async with adapted._execute_mutex:
        if adapted._transaction is None:
            await adapted._start_transaction()  # the adapter sends BEGIN with the first statement
        try:
            await cursor._connection.copy_records_to_table(
                table.name, records=records, columns=[column.name for column in columns], schema_name=schema
            )
        except Exception as error:  # noqa: BLE001  (every error of the driver, which the adapter knows how to tell)
            adapted._handle_exception(error)


async def _copy_psycopg(cursor: Any, statement: str, job: tuple[Any, ...]) -> None:
    async with cursor._cursor.copy(statement) as copying:
        write_row = copying.write_row
        for record in job[2]:
            await write_row(record)
