"""psycopg: a cursor of its own connection, in autocommit, which is a matter of the client alone."""

import asyncio
import select
from typing import Any

from sqlalchemy.util import greenlet_spawn

from activerow.database.direct.command import Answer, Command, Parameters
from activerow.database.direct.recovering import Pooled
from activerow.database.direct.toggled import ToggledChannel

_IDLE = 0
"""libpq's PQTRANS_IDLE: the server waits for a statement, and no transaction is open."""


class PsycopgChannel(ToggledChannel):
    """Commands on connections of psycopg."""

    async def call(self, connection: Any, command: Command, parameters: Parameters) -> Answer:
        """One round trip."""
        cursor = connection.cursor()
        await cursor.execute(command.sql, parameters)
        rows = await cursor.fetchall() if command.returns else ()
        return rows, cursor.rowcount, None

    async def commit_by_itself(self, connection: Any) -> None:
        """Nothing is sent."""
        await connection.set_autocommit(True)

    @staticmethod
    def commit_no_more(adapted: Any) -> None:
        """Nothing is sent."""
        adapted.set_autocommit(False)

    def is_open(self, connection: Any) -> bool:
        """Whether nothing is under way on an open socket."""
        return not connection.closed and connection.pgconn.transaction_status == _IDLE

    def is_ready(self, adapted: Any) -> bool:
        """Nobody reads a connection that lies in the pool: what has come meanwhile may be the server's good-bye."""
        connection = adapted._connection
        return self.is_open(connection) and not _has_news(connection.pgconn.socket)

    async def stop(self, _connection: Any, writing: "asyncio.Task[Answer]") -> None:
        """The driver asks the server to cancel, and waits for its answer; when told once more, it closes the socket."""
        writing.cancel()
        try:
            await asyncio.wait((writing,))
        except asyncio.CancelledError:
            writing.cancel()
            await asyncio.wait((writing,))
            raise

    def drop(self, pooled: Pooled, record: Any, fairy: Any, error: BaseException) -> None:
        """SQLAlchemy's adapter closes it in a greenlet only, where it awaits something that does not wait."""
        closing = greenlet_spawn(pooled.drop, record, fairy, error)
        try:
            closing.send(None)
        except StopIteration:
            return
        closing.close()


def _has_news(socket: int) -> bool:
    if not hasattr(select, "poll"):  # Windows, where any number may be selected
        return bool(select.select((socket,), (), (), 0)[0])
    poll = select.poll()
    poll.register(socket, select.POLLIN)
    return bool(poll.poll(0))
