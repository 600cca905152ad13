"""asyncpg: `fetch` and `execute` of the connection, which commit by themselves outside a transaction."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from activerow.database.direct.channel import Channel
from activerow.database.direct.command import Answer, Command, Parameters


class AsyncpgChannel(Channel):
    """Commands on connections of asyncpg."""

    serves_units = True

    async def send(self, record: Any, command: Command, parameters: Parameters) -> Answer:
        """One round trip; of a statement that the connection has not seen before, two."""
        connection = record.dbapi_connection._connection
        if command.returns:
            rows = await connection.fetch(command.sql, *parameters)
            return rows, len(rows), None
        status: str = await connection.execute(command.sql, *parameters)
        return (), _count(status), None

    async def begin_inside(self, connection: Connection, adapted: Any, command: Command) -> Sequence[str]:  # noqa: ARG002
        """One round trip, before the first statement."""
        if adapted._transaction is None:
            await adapted._start_transaction()
        return ()

    async def send_inside(
        self,
        connection: Any,
        command: Command,
        parameters: Parameters,
        before: Sequence[str],  # noqa: ARG002
    ) -> Answer:
        """One round trip."""
        if command.returns:
            rows = await connection.fetch(command.sql, *parameters)
            return rows, len(rows), None
        return (), _count(await connection.execute(command.sql, *parameters)), None

    def is_open(self, connection: Any) -> bool:
        """Whether the socket is open."""
        return not connection.is_closed()

    def is_ready(self, adapted: Any) -> bool:
        """Whether it is also outside a transaction; where it is not, something is wrong with whoever had it."""
        return adapted._transaction is None and not adapted._connection.is_closed()

    async def settle(self, connection: Any) -> None:
        """Send something: the driver then waits for the end of its request to cancel, and the server answers in turn.

        A connection that is closed at once leaves a write that waits for a lock to be carried out later.
        """
        await connection.fetchrow(";")


def _count(status: str) -> int:
    """The number of rows in `INSERT 0 1` or `UPDATE 3`."""
    count = status.rpartition(" ")[2]
    return int(count) if count.isdecimal() else -1
