"""asyncmy and aiomysql: a cursor of their own, on a connection whose session is in autocommit."""

import asyncio
from typing import Any

from sqlalchemy.util import greenlet_spawn

from activerow.database.direct.command import Answer, Command, Parameters
from activerow.database.direct.toggled import ToggledChannel


class MySQLChannel(ToggledChannel):
    """What the two drivers have in common."""

    async def call(self, connection: Any, command: Command, parameters: Parameters) -> Answer:
        """One round trip."""
        cursor = self.cursor(connection)
        await cursor.execute(command.sql, parameters)
        rows = await cursor.fetchall() if command.returns else ()
        return rows, cursor.rowcount, cursor.lastrowid

    def cursor(self, connection: Any) -> Any:
        """A cursor that reads all rows at once."""
        return connection.cursor()

    async def commit_by_itself(self, connection: Any) -> None:
        """One round trip."""
        await connection.autocommit(True)

    @staticmethod
    def commit_no_more(adapted: Any) -> None:
        """One round trip."""
        adapted.autocommit(False)

    async def stop(self, connection: Any, writing: "asyncio.Task[Answer]") -> None:
        """Ask the server to stop, by another connection, for this one is busy; closed, it would let the write go on."""
        killer: Any = await greenlet_spawn(self._engine.pool._invoke_creator, None)
        try:
            await self.cursor(killer._connection).execute(f"KILL QUERY {connection.thread_id()}")
        finally:
            killer._connection.close()
        await asyncio.wait((writing,))
        await connection.ping(reconnect=False)

    def was_refused(self, error: Any) -> bool:
        """What has a number of the server's, and not of the client library (2000 to 2999) or the operating system."""
        if not isinstance(error, self._engine.dialect.loaded_dbapi.Error):
            return False
        code = error.args[0] if error.args else None
        return isinstance(code, int) and not 2000 <= code < 3000


class AsyncmyChannel(MySQLChannel):
    """Commands on connections of asyncmy."""

    def is_open(self, connection: Any) -> bool:
        """Whether the socket is open, at the other end too."""
        return connection.connected and not connection._stream_broken


class AiomysqlChannel(MySQLChannel):
    """Commands on connections of aiomysql."""

    def cursor(self, connection: Any) -> Any:
        """As SQLAlchemy does: one that turns no warning of the server into one of Python's."""
        return self._engine.dialect.dbapi.Cursor(connection)

    def is_open(self, connection: Any) -> bool:
        """Whether the socket is open, at the other end too."""
        return not (connection.closed or connection._reader.at_eof())
