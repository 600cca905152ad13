"""The way of a command to the database and back; what a driver does differently, its own file says."""

import asyncio
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from contextvars import Context, copy_context
from typing import Any, Final, NamedTuple, TypeAlias, cast

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.util import greenlet_spawn

from activerow.database.direct import connections
from activerow.database.direct.command import Answer, Command, Parameters
from activerow.database.direct.connections import Connections, served
from activerow.database.direct.wrapping import wrapped, wrapped_without_connection
from activerow.database.engine import Answer as Heard
from activerow.database.engine import clock_of
from activerow.database.failures import is_outdated, note_autocommitted
from activerow.database.unit import to_the_end
from activerow.errors import UsageError
from activerow.errors.call_site import CallSite, task_site

logger = logging.getLogger("activerow")

SETTLING: Final = 5.0
"""Seconds for which a cancelled call waits for the server's word on its statement before it drops the connection."""

_Held: TypeAlias = "tuple[asyncio.Task[Any] | None, float, Context]"


class Holding(NamedTuple):
    """Who holds a connection, for how many seconds, from where; `context` are the context variables of the call."""

    task: str
    seconds: float
    site: CallSite
    context: Context


class _Attempt(NamedTuple):
    """A command that was sent, and the connection that it was sent on."""

    connections: Connections
    record: Any
    fairy: Any
    command: Command
    parameters: Parameters
    started: float | None
    repeats: bool


class Channel(ABC):
    """Runs commands on the connections of one engine, each in a transaction of its own.

    Attributes:
        route: The request that the running call belongs to, for those who hear of statements.
    """

    serves_units = False
    """Whether calls inside a unit go this way too; where not, the unit's session sends them."""

    def __init__(self, engine: AsyncEngine) -> None:
        connections.watch(engine)
        self._engine: Any = engine.sync_engine
        self._clock = clock_of(engine)
        self._pooled: Connections | None = None
        self._held: dict[Any, _Held] = {}
        self.route: Callable[[], str | None] = _no_route

    def is_clear(self) -> bool:
        """Whether a call may go this way now; ask before each.

        Not where somebody else listens to the engine or its pool, SQLAlchemy logs the statements, or the engine has
        options of its own, as an isolation level.
        """
        engine, pooled = self._engine, self._pooled
        if pooled is None or pooled.pool is not engine.pool:
            pooled = self._pooled = served(engine, self.is_ready)
        return (
            pooled is not None
            and (pooled.watch.is_ours() or pooled.watch_again())
            and not engine._execution_options
            and not engine.logger.isEnabledFor(logging.INFO)
        )

    async def run(self, command: Command, parameters: Parameters = (), *, repeats: bool = True) -> Answer:
        """Run a command and commit it; a read whose connection turns out to be dead is repeated once.

        So is a command that the server refused because the tables have changed since it was prepared.

        Raises:
            DBAPIError: And whatever else SQLAlchemy raises in its place.
            UsageError: The way is not clear.
        """
        pooled = self._pooled
        if pooled is None or pooled.pool is not self._engine.pool:
            pooled = self._look_again()
        now = time.time()
        record, fairy = pooled.take(now), None
        if record is None:
            record, fairy = await self._wait(pooled)
            now = time.time()
        self._held[record] = (asyncio.current_task(), now, copy_context())
        started = time.perf_counter() if self._clock.hears() else None
        try:
            answer = await self.send(record, command, parameters)
        except BaseException as error:  # noqa: BLE001  (a cancellation too)
            return await self._fail(_Attempt(pooled, record, fairy, command, parameters, started, repeats), error)
        del self._held[record]
        in_line = bool(pooled.waiting)
        if not pooled.give_back(record, fairy):
            await to_the_end(greenlet_spawn(pooled.put_away, record, fairy))
        if started is not None:
            rows = answer[1] if answer[1] >= 0 else None
            self._report(command, Heard(time.perf_counter() - started, rows=rows))
        if in_line:
            await asyncio.sleep(0)  # who was woken shall not find that this task has come again first
        return answer

    async def run_inside(
        self, connection: Connection, command: Command, parameters: Parameters, route: str | None
    ) -> Answer:
        """Run a command in the transaction of `connection`, which a unit of work has.

        Raises:
            DBAPIError: And whatever else SQLAlchemy raises in its place; a connection that is lost is invalidated.
        """
        adapted: Any = connection.connection.dbapi_connection
        await self.begin_inside(connection, adapted, command)
        started = time.perf_counter() if self._clock.hears() else None
        try:
            answer = await self.send_inside(adapted._connection, command, parameters)
        except Exception as error:
            raised = wrapped(self._engine, adapted, command, parameters, error)
            cause = getattr(raised, "orig", error)
            outdated = is_outdated(raised)
            if outdated:
                self._look_again().distrust(cast("Any", connection.connection)._connection_record)
            if outdated or getattr(raised, "connection_invalidated", False):
                await to_the_end(greenlet_spawn(connection.invalidate, cause))
            if started is not None:
                self._clock.report(command.sql, Heard(time.perf_counter() - started, error=cause), command.model, route)
            if raised is error:
                raise
            raise raised from cause
        except BaseException as cancelled:
            await to_the_end(self.stop_inside(connection, adapted._connection, cancelled))
            raise
        if started is not None:
            rows = answer[1] if answer[1] >= 0 else None
            self._clock.report(command.sql, Heard(time.perf_counter() - started, rows=rows), command.model, route)
        return answer

    def holdings(self) -> list[Holding]:
        """Who holds a connection now. Where from is looked up here, and not before anybody asks."""
        now = time.time()
        return [
            Holding(task.get_name() if task is not None else "", now - since, task_site(task), context)
            for task, since, context in self._held.values()
        ]

    # -- what drivers do differently -----------------------------------------------------------------------------

    @abstractmethod
    def send(self, record: Any, command: Command, parameters: Parameters) -> Awaitable[Answer]:
        """Send the command on the connection of `record`, and wait for its end."""

    async def begin_inside(self, connection: Connection, adapted: Any, command: Command) -> None:  # noqa: ARG002
        """Begin the transaction of a unit, where that waits for its first statement."""
        return

    @abstractmethod
    def send_inside(self, connection: Any, command: Command, parameters: Parameters) -> Awaitable[Answer]:
        """Send the command on the connection of a unit, and wait for its end."""

    async def stop_inside(self, connection: Connection, _driver: Any, cancelled: BaseException) -> None:
        """Give up the connection of a unit whose statement was cancelled: the server rolls back."""
        await greenlet_spawn(connection.invalidate, cancelled)

    @abstractmethod
    def is_open(self, connection: Any) -> bool:
        """Whether `connection` can be used on, as far as the driver knows."""

    def is_ready(self, adapted: Any) -> bool:
        """Whether a connection that has lain in the pool, seen as SQLAlchemy's adapter, can be used without a test."""
        return self.is_open(adapted._connection)

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

    def drop(self, pooled: Connections, record: Any, fairy: Any, error: BaseException) -> None:
        """Close a connection of `pooled` at once."""
        pooled.drop(record, fairy, error)

    # -- the long way to a connection ----------------------------------------------------------------------------

    def _look_again(self) -> Connections:
        """The connections of a pool that is new, as after `dispose`."""
        self._pooled = served(self._engine, self.is_ready)
        if self._pooled is None:
            raise UsageError(f"{self._engine.pool!r} serves no direct calls; ask is_clear() first")
        return self._pooled

    async def _wait(self, pooled: Connections) -> tuple[Any, Any]:
        """Wait in line for a connection, or let the pool make or test one; the record, and its fairy if it has one."""
        record = await pooled.wait()
        if record is not None:
            return record, None
        try:
            fairy: Any = await greenlet_spawn(pooled.connect)
        except Exception as error:
            raised = wrapped_without_connection(self._engine, error)
            if raised is error:
                raise
            raise raised.with_traceback(error.__traceback__) from error
        return fairy._connection_record, fairy

    # -- failures ------------------------------------------------------------------------------------------------

    async def _fail(self, attempt: _Attempt, error: BaseException) -> Answer:
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
            self._report(command, Heard(time.perf_counter() - attempt.started, error=cause))
        if raised is error:
            raise error
        raise raised.with_traceback(error.__traceback__) from cause

    def _is_in_doubt(self, attempt: _Attempt, error: Exception, *, lost: bool) -> bool:
        """Whether nobody knows what became of a write."""
        unanswered = lost or isinstance(error, OSError)
        sent = attempt.command.writes and self.was_sent(attempt.record)
        return unanswered and sent and not self.was_refused(error)

    async def _settle(self, attempt: _Attempt, error: BaseException) -> None:
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

    async def _give_back(self, attempt: _Attempt) -> None:
        del self._held[attempt.record]
        in_line = bool(attempt.connections.waiting)
        if not attempt.connections.give_back(attempt.record, attempt.fairy):
            await to_the_end(greenlet_spawn(attempt.connections.put_away, attempt.record, attempt.fairy))
        if in_line:
            await asyncio.sleep(0)

    def _drop(self, attempt: _Attempt, error: BaseException) -> None:
        del self._held[attempt.record]
        self.drop(attempt.connections, attempt.record, attempt.fairy, error)

    def _report(self, command: Command, heard: Heard) -> None:
        self._clock.report(command.sql, heard, command.model, self.route())


def _no_route() -> str | None:
    return None
