"""Drivers whose connections do not commit by themselves: they are told to, and told otherwise for the next unit.

They also lose track of the server when a statement is cancelled, so that a write is sent by a task of its own.
"""

import asyncio
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import ConnectionPoolEntry

from activerow.database.direct.channel import Channel
from activerow.database.direct.command import Answer, Command, Parameters
from activerow.database.engine import listen

_COMMITTING: Final = "activerow_autocommit"
"""Whether a connection commits by itself for now, in `record.info`."""


class ToggledChannel(Channel):
    """A channel that has its connections commit by themselves, and takes care that nobody else finds them so."""

    def __init__(self, engine: AsyncEngine) -> None:
        super().__init__(engine)
        listen(engine.sync_engine, "checkout", partial(_leave, self.commit_no_more))  # once it is known to be alive
        self._writing: dict[Any, asyncio.Task[Answer]] = {}

    async def send(self, record: Any, command: Command, parameters: Parameters) -> Answer:
        """Send the command; the first time after a unit, a round trip more where the server has to be told."""
        connection = record.dbapi_connection._connection
        if _COMMITTING not in record.info:
            await self.commit_by_itself(connection)
            record.info[_COMMITTING] = True
        if not command.writes:
            return await self.call(connection, command, parameters)
        writing = asyncio.ensure_future(self.call(connection, command, parameters))
        self._writing[connection] = writing
        try:
            return await asyncio.shield(writing)
        finally:
            if writing.done():
                del self._writing[connection]

    async def settle(self, connection: Any) -> None:
        """Stop the write, and wait for its end."""
        writing = self._writing.pop(connection, None)
        if writing is not None:
            writing.add_done_callback(_hear)
            if not writing.done():
                await self.stop(connection, writing)

    def was_sent(self, record: Any) -> bool:
        """Not while the connection could not even be told to commit."""
        return _COMMITTING in record.info

    def send_inside(
        self,
        connection: Any,
        command: Command,
        parameters: Parameters,
        before: Sequence[str],  # noqa: ARG002
    ) -> Awaitable[Answer]:
        """The driver's own call."""
        return self.call(connection, command, parameters)

    @abstractmethod
    async def call(self, connection: Any, command: Command, parameters: Parameters) -> Answer:
        """The driver's own call."""

    @abstractmethod
    async def commit_by_itself(self, connection: Any) -> None:
        """Have `connection` commit each statement."""

    @abstractmethod
    async def stop(self, connection: Any, writing: "asyncio.Task[Answer]", /) -> None:
        """Have the server stop a write, and wait until it has ended one way or the other."""

    @staticmethod
    @abstractmethod
    def commit_no_more(adapted: Any) -> None:
        """Undo `commit_by_itself`; runs in a greenlet, on SQLAlchemy's adapter."""


def _leave(
    commit_no_more: Callable[[Any], None], adapted: Any, record: ConnectionPoolEntry, _fairy: object = None
) -> None:
    """Take a connection out of autocommit for whoever else checks it out."""
    if record.info.pop(_COMMITTING, False):
        commit_no_more(adapted)


def _hear(writing: "asyncio.Task[Answer]") -> None:
    """Nobody else asks for its error any more."""
    if not writing.cancelled():
        writing.exception()
