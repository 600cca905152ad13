"""SQLite: execute, fetch and close in one hop of the connection's thread; the connection commits by itself."""

import asyncio
from collections.abc import Awaitable
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.util import greenlet_spawn

from activerow.database.direct.channel import Channel
from activerow.database.direct.command import Answer, Command, Parameters
from activerow.database.engine import CancellableConnection, begin_for, writers


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
            return await connection.execute_alone(command.sql, parameters)
        in_turn = await connection.take_turn(self._queue, self._patience / 1000)
        try:
            if record.info.get("activerow_read_only"):
                await connection.execute_alone("PRAGMA query_only = OFF", ())
                record.info["activerow_read_only"] = False
            if in_turn:
                return await connection.execute_alone(command.sql, parameters)
            return await self._write_out_of_turn(connection, command, parameters)
        except asyncio.CancelledError:
            in_turn = False  # it is, until the statement has ended
            raise
        finally:
            if in_turn:
                connection.end_turn()

    async def begin_inside(self, connection: Connection, adapted: Any, command: Command) -> None:  # noqa: ARG002
        """With the lock that the unit, or its first statement, needs."""
        if "activerow_begin" in connection.info:
            await greenlet_spawn(begin_for, connection, writes=command.writes)

    def send_inside(self, connection: Any, command: Command, parameters: Parameters) -> Awaitable[Answer]:
        """One hop."""
        answer: Awaitable[Answer] = connection.execute_alone(command.sql, parameters)
        return answer

    async def stop_inside(self, connection: Connection, driver: Any, cancelled: BaseException) -> None:  # noqa: ARG002
        """Stop the statement; the unit can roll back."""
        await driver.stop_alone()

    async def _write_out_of_turn(
        self, connection: CancellableConnection, command: Command, parameters: Parameters
    ) -> Answer:
        """It has waited for long enough: SQLite shall say at once that the file is locked."""
        await connection.execute_alone("PRAGMA busy_timeout=0", ())
        try:
            return await connection.execute_alone(command.sql, parameters)
        finally:
            await connection.execute_alone(f"PRAGMA busy_timeout={self._patience}", ())

    def is_open(self, connection: Any) -> bool:
        """Whether its thread runs, and nothing was left behind on it."""
        return connection._running and not connection.abandoned

    async def settle(self, connection: Any) -> None:
        """Stop the statement, and wait until it is stopped or stored."""
        await connection.stop_alone()
        connection.end_turn()

    def was_refused(self, _error: object) -> bool:
        """SQLite is in this process: what fails there is undone."""
        return True
