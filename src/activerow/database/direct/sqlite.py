"""SQLite: execute, fetch and close in one hop of the connection's thread; the connection commits by itself."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.util import greenlet_spawn

from activerow.database.direct.channel import Channel
from activerow.database.direct.command import Answer, Command, Parameters
from activerow.database.engine import CancellableConnection, begin_for, due, writers


class SQLiteChannel(Channel):
    """Commands on connections of aiosqlite, as `engine.sqlite_connection` changes them."""

    serves_units = True

    def __init__(self, engine: AsyncEngine) -> None:
        super().__init__(engine)
        self._queue, self._patience = writers[engine.sync_engine]

    async def send(self, record: Any, command: Command, parameters: Parameters) -> Answer:
        """One hop; a write in its turn."""
        connection: CancellableConnection = record.dbapi_connection._connection
        if not command.writes:
            return await _execute(connection, command.sql, parameters)
        in_turn = await connection.take_turn(self._queue, self._patience / 1000)
        try:
            if record.info.get("activerow_read_only"):
                await _execute(connection, "PRAGMA query_only = OFF", ())
                record.info["activerow_read_only"] = False
            if in_turn:
                return await _execute(connection, command.sql, parameters)
            return await self._write_out_of_turn(connection, command.sql, parameters)
        except asyncio.CancelledError:
            in_turn = False  # it is, until the statement has ended
            raise
        finally:
            if in_turn:
                connection.end_turn()

    async def begin_inside(self, connection: Connection, adapted: Any, command: Command) -> Sequence[str]:
        """With the lock that the unit, or its first statement, needs; in the hop of that, where nobody hears of it."""
        if "activerow_begin" not in connection.info:
            return ()
        if self.is_heard():
            await greenlet_spawn(begin_for, connection, writes=command.writes)
            return ()
        immediate, statements = due(connection, lambda: command.writes)
        driver: CancellableConnection = adapted._connection
        if not immediate or await driver.take_turn(self._queue, self._patience / 1000):
            return statements
        for statement in statements:
            await self._write_out_of_turn(driver, statement, ())
        return ()

    def send_inside(
        self, connection: Any, command: Command, parameters: Parameters, before: Sequence[str]
    ) -> Awaitable[Answer]:
        """One hop."""
        return _execute(connection, command.sql, parameters, before)

    async def stop_inside(self, connection: Connection, driver: Any, cancelled: BaseException) -> None:  # noqa: ARG002
        """Stop the statement; the unit can roll back."""
        await _stop(driver)

    async def _write_out_of_turn(self, connection: CancellableConnection, sql: str, parameters: Parameters) -> Answer:
        """It has waited for long enough: SQLite shall say at once that the file is locked."""
        await _execute(connection, "PRAGMA busy_timeout=0", ())
        try:
            return await _execute(connection, sql, parameters)
        finally:
            await _execute(connection, f"PRAGMA busy_timeout={self._patience}", ())

    def is_open(self, connection: Any) -> bool:
        """Whether its thread runs, and nothing was left behind on it."""
        return connection._running and not connection.abandoned

    async def settle(self, connection: Any) -> None:
        """Stop the statement, and wait until it is stopped or stored."""
        await _stop(connection)
        connection.end_turn()

    def was_refused(self, _error: object) -> bool:
        """SQLite is in this process: what fails there is undone."""
        return True


async def _execute(connection: Any, sql: str, parameters: Parameters, before: Sequence[str] = ()) -> Answer:
    """A statement in one hop of the connection's thread; gives its rows, rowcount and lastrowid.

    Cancelled, it runs on: call `_stop`.
    """
    driver = connection._connection
    if driver is None or not connection._running:
        raise ValueError("Connection closed")
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Answer] = loop.create_future()
    connection._tx.put_nowait((None, partial(_answer, answer, loop, connection, driver, sql, parameters, before)))
    if connection.limit is None:
        return await answer
    late = loop.call_later(connection.limit, connection.stop_late, driver, answer)
    try:
        return await answer
    finally:
        late.cancel()


def _answer(answer: "asyncio.Future[Answer]", loop: asyncio.AbstractEventLoop, *statement: Any) -> None:
    outcome: object
    settle: Callable[[Any], None]
    try:
        settle, outcome = answer.set_result, execute_alone(*statement)
    except BaseException as error:  # noqa: BLE001  (it is the answer)
        settle, outcome = answer.set_exception, error
    with suppress(RuntimeError):  # the loop is closed
        loop.call_soon_threadsafe(_settle, answer, settle, outcome)


def execute_alone(
    connection: Any, driver: sqlite3.Connection, sql: str, parameters: Any, before: Sequence[str] = ()
) -> Answer:
    """Run by the connection's thread. The rows are fetched to their end: a cursor left open keeps its lock."""
    if connection.abandoned:
        raise sqlite3.OperationalError("interrupted")
    if driver.isolation_level is not None and not driver.in_transaction:
        # Somebody's AUTOCOMMIT has left it, and a BEGIN would be sent. Set inside a transaction, it commits that.
        driver.isolation_level = None
    for statement in before:
        driver.execute(statement)
    cursor = driver.execute(sql, parameters)
    rows = cursor.fetchall()
    cursor.close()
    return rows, cursor.rowcount if cursor.rowcount >= 0 else len(rows), cursor.lastrowid


def _settle(answer: "asyncio.Future[Answer]", settle: Callable[[Any], None], outcome: object) -> None:
    if not answer.done():  # by a cancellation
        settle(outcome)


async def _stop(connection: Any) -> None:
    """Stop the statement of a cancelled `_execute` and wait until it has ended, done or undone."""
    ended = asyncio.get_running_loop().create_future()
    connection._tx.put_nowait((ended, _nothing))
    connection.stop_late(connection._connection, ended)
    await ended


def _nothing() -> None:
    """Wait for whatever runs before it."""
