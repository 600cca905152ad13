"""What happens when a command fails: the connection is given back or given up, and a read may run again."""

import asyncio
import logging
import time
from abc import ABC, abstractmethod
from typing import Any, Final, NamedTuple, Protocol

from sqlalchemy.util import greenlet_spawn

from activerow.database.direct.command import Answer, Command, Parameters
from activerow.database.direct.wrapping import wrapped
from activerow.database.engine import Answer as Heard
from activerow.database.failures import is_outdated, note_autocommitted
from activerow.database.unit import to_the_end

logger = logging.getLogger("activerow")

SETTLING: Final = 5.0
"""Seconds for which a cancelled call waits for the server's word on its statement before it drops the connection."""


class Pooled(Protocol):
    """The connections of a pool, as far as a failed command concerns them."""

    waiting: Any

    def give_back(self, record: Any, fairy: Any) -> bool:
        """Put a connection back, unless that needs a greenlet; says whether it did."""
        ...

    def put_away(self, record: Any, fairy: Any) -> None:
        """The same, in a greenlet."""
        ...

    def drop(self, record: Any, fairy: Any, error: BaseException) -> None:
        """Close a connection without a word to the server."""
        ...

    def distrust(self, record: Any) -> None:
        """Have the pool replace every connection that is as old as this one."""
        ...


class Attempt(NamedTuple):
    """A command that was sent, and the connection that it was sent on."""

    connections: Pooled
    record: Any
    fairy: Any
    command: Command
    parameters: Parameters
    started: float | None
    repeats: bool


class Recovering(ABC):
    """A channel, as far as failures concern it.

    Attributes:
        held: Who holds which connection.
    """

    held: dict[Any, Any]
    _engine: Any

    async def fail(self, attempt: Attempt, error: BaseException) -> Answer:
        """Give the connection back or drop it, and raise; or run a read again whose connection was dead."""
        if isinstance(error, asyncio.CancelledError):
            await to_the_end(self._settle(attempt, error))
            raise error
        if not isinstance(error, Exception):  # the coroutine is thrown away, or the program: nothing can be awaited
            self._drop(attempt, error)
            raise error
        command, connection = attempt.command, attempt.record.dbapi_connection
        raised = wrapped(self._engine, connection, command, attempt.parameters, error)
        cause = getattr(raised, "orig", error)
        lost = getattr(raised, "connection_invalidated", False) or not self.is_open(connection._connection)
        outdated = is_outdated(raised)
        if self._is_in_doubt(attempt, error, lost=lost):
            note_autocommitted(raised)
        if lost or outdated:
            attempt.connections.distrust(attempt.record)
            self._drop(attempt, cause)
        elif isinstance(error, TimeoutError):
            await to_the_end(self._settle(attempt, error))
        else:
            await self._give_back(attempt)
        if attempt.repeats and (outdated or (lost and not command.writes)):
            return await self.run(command, attempt.parameters, repeats=False)
        if attempt.started is not None:
            self.report(command, Heard(time.perf_counter() - attempt.started, error=cause))
        if raised is error:
            raise error
        raise raised.with_traceback(error.__traceback__) from cause

    def _is_in_doubt(self, attempt: Attempt, error: Exception, *, lost: bool) -> bool:
        """Whether nobody knows what became of a write."""
        unanswered = lost or isinstance(error, OSError)
        sent = attempt.command.writes and self.was_sent(attempt.record)
        return unanswered and sent and not self.was_refused(error)

    async def _settle(self, attempt: Attempt, error: BaseException) -> None:
        """Wait for the server's word, and give the connection back if it can be used on."""
        driver = attempt.record.dbapi_connection._connection
        settled = False
        try:
            async with asyncio.timeout(SETTLING):
                await self.settle(driver)
            settled = self.is_open(driver)
        except Exception as refused:  # noqa: BLE001  (whatever it is, the connection is dropped)
            level = logging.WARNING if attempt.command.writes else logging.DEBUG
            logger.log(level, "a cancelled statement was not heard of again, its connection is dropped: %r", refused)
        finally:
            if not settled:
                self._drop(attempt, error)
        if settled:
            await self._give_back(attempt)

    async def _give_back(self, attempt: Attempt) -> None:
        del self.held[attempt.record]
        in_line = bool(attempt.connections.waiting)
        if not attempt.connections.give_back(attempt.record, attempt.fairy):
            await to_the_end(greenlet_spawn(attempt.connections.put_away, attempt.record, attempt.fairy))
        if in_line:
            await asyncio.sleep(0)

    def _drop(self, attempt: Attempt, error: BaseException) -> None:
        del self.held[attempt.record]
        self.drop(attempt.connections, attempt.record, attempt.fairy, error)

    @abstractmethod
    async def run(self, command: Command, parameters: Parameters = (), *, repeats: bool = True) -> Answer:
        """Run a command and commit it."""

    @abstractmethod
    def report(self, command: Command, heard: Heard) -> None:
        """Tell those who hear of statements."""

    # -- what drivers do differently -----------------------------------------------------------------------------

    @abstractmethod
    def is_open(self, connection: Any) -> bool:
        """Whether `connection` can be used on, as far as the driver knows."""

    @abstractmethod
    async def settle(self, connection: Any) -> None:
        """Wait until the server has done with a cancelled statement, and will not do anything of it later."""

    def was_sent(self, _record: Any) -> bool:
        """Whether a write that failed can have reached the server."""
        return True

    def was_refused(self, error: Any, /) -> bool:
        """Whether the server itself has said that it did not carry out what was lost with the connection."""
        sqlstate: str | None = getattr(error, "sqlstate", None)
        return sqlstate is not None and not sqlstate.startswith("08")

    def drop(self, pooled: Pooled, record: Any, fairy: Any, error: BaseException) -> None:
        """Close a connection of `pooled` at once."""
        pooled.drop(record, fairy, error)
