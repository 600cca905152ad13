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
from activerow.model.bulk.columns import Shape

Record = tuple[Any, ...]

LEAST_ROWS: Final = 100
"""Fewer rows are sent sooner by one INSERT: COPY takes two or three trips."""

_RECORDS: Final = "activerow_copy"

_listening: "WeakSet[Engine]" = WeakSet()


def can_copy(shape: Shape, dialect: Dialect) -> bool:
    """Whether rows of this shape mean the same to COPY as to INSERT.

    Not where the statement has to compute something, where the server would let a number past that it refuses in an
    INSERT, for types that are not proven, or where the table says `info={"copy": False}` (row level security, rules).
    """
    if not backend_of(dialect).copies or shape.inlined or shape.forced or not shape.sources:
        return False
    return shape.table.info.get("copy", True) and all(_is_proven(column.type, dialect) for column in shape.columns)


def _is_proven(type_: Type, dialect: Dialect) -> bool:
    if type_.bind_expression(bindparam("value", type_=type_)) is not None:
        return False
    stored: Any = implementation(type_, dialect)
    if ARRAY in type(stored).__mro__:
        item = stored.item_type
        return not isinstance(item, Enum) and kind_of(item).name != "json" and _is_proven(item, dialect)
    return kind_of(stored).copies


async def copy(connection: AsyncConnection, shape: Shape, records: Sequence[Record], schema: str | None) -> int:
    """Send the records by COPY; returns how many there were."""
    engine = cast("Any", connection.sync_connection).engine
    if engine not in _listening:
        listen(engine, "do_execute", _send)
        _listening.add(engine)
    options = {_RECORDS: (shape.table, shape.columns, records, schema)}
    await connection.exec_driver_sql(
        _text(shape.table, shape.columns, schema, connection.dialect), execution_options=options
    )
    return len(records)


def _text(table: Table, columns: Sequence[Column[Any]], schema: str | None, dialect: Dialect) -> str:
    quote = cast("Any", dialect.identifier_preparer)
    name = quote.quote(table.name) if schema is None else f"{quote.quote_schema(schema)}.{quote.quote(table.name)}"
    return f"COPY {name} ({', '.join(quote.quote(column.name) for column in columns)}) FROM STDIN"


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
