"""The way of a command to the database and back; what a driver does differently, its own file says.

The connections are those of the pool that units use too, taken and given back without a greenlet where nothing is sent.
"""

import asyncio
import logging
import time
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context, copy_context
from functools import partial
from typing import Any, Final, NamedTuple, TypeAlias, cast
from weakref import WeakMethod

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import AsyncAdaptedQueuePool, ConnectionPoolEntry, reset_none
from sqlalchemy.util import greenlet_spawn

from activerow.database.direct.command import Answer, Command, Parameters
from activerow.database.direct.recovering import Attempt, Recovering
from activerow.database.direct.watching import Watch
from activerow.database.direct.wrapping import wrapped, wrapped_without_connection
from activerow.database.engine import Answer as Heard
from activerow.database.engine import clock_of, listen
from activerow.database.failures import is_outdated
from activerow.database.unit import to_the_end
from activerow.errors import UsageError
from activerow.errors.call_site import CallSite, task_site

IDLE: Final = 5.0
"""Seconds after which a connection that nobody has used is tested before it is used again."""

_USED: Final = "activerow_used"
"""When a connection was last given back, in `record.info`."""

_Held: TypeAlias = "tuple[asyncio.Task[Any] | None, float, Context]"


class Holding(NamedTuple):
    """Who holds a connection, for how many seconds, from where; `context` are the context variables of the call."""

    task: str
    seconds: float
    site: CallSite
    context: Context


class Connections:
    """The connections of one pool.

    Limits, time limits and recycling stay the pool's: what would need any of them to act is left to the pool.

    Args:
        engine: Whose present pool it is.
        is_ready: Whether the driver sees no reason why a connection could not be used; asked with SQLAlchemy's adapter.
    """

    def __init__(self, engine: Engine, is_ready: Callable[[Any], bool]) -> None:
        self.pool = cast("Any", engine.pool)
        self.watch = Watch(engine)
        self._engine = engine
        self._is_ready = is_ready
        line = self.pool._pool
        self._queue = line._queue
        self._stored, self.waiting = self._queue._queue, self._queue._getters
        self._last_first, self._most = line.use_lifo, line.maxsize

    def watch_again(self) -> bool:
        """Whether there are only listeners of our own after all: one more than there were."""
        self.watch = Watch(self._engine)
        return self.watch.is_same() and not self.watch.others()

    def take(self, now: float) -> Any:
        """The record of the next connection; None where the pool must look at it, make it or wait for it."""
        stored = self._stored
        if not stored or self.waiting:
            return None
        record = stored[-1] if self._last_first else stored[0]
        if not self._is_fit(record, now):
            return None
        return stored.pop() if self._last_first else stored.popleft()

    async def wait(self) -> Any:
        """Wait in the pool's own line for the next connection, where it may make no more; None as in `take`.

        Raises:
            sqlalchemy.exc.TimeoutError: None came in time.
        """
        pool = self.pool
        if not -1 < pool._max_overflow <= pool._overflow:
            return None
        try:
            async with asyncio.timeout(pool._timeout):
                record = await self._queue.get()
        except TimeoutError as error:
            raise _exhausted(pool) from error
        if self._is_fit(record, time.time()):
            return record
        self._queue.put_nowait(record)
        return None

    def _is_fit(self, record: Any, now: float) -> bool:
        connection, pool = record.dbapi_connection, self.pool
        if connection is None or now - record.info.get(_USED, 0.0) > IDLE:
            return False
        made = record.starttime
        return (
            made >= pool._invalidate_time
            and made >= record._soft_invalidate_time
            and (pool._recycle < 0 or now - made <= pool._recycle)
            and self._is_ready(connection)
        )

    def connect(self) -> Any:
        """Let the pool make, test or wait for a connection; in a greenlet."""
        before = time.time()
        fairy = self.pool.connect()
        if fairy._connection_record.starttime >= before:
            # A listener that sets up new connections may have left a transaction open, which nobody would commit.
            try:
                self._engine.dialect.do_rollback(fairy)
            except BaseException as error:
                fairy.invalidate(error)
                raise
        return fairy

    def give_back(self, record: Any, fairy: Any) -> bool:
        """Put it back, with the `fairy` that the pool gave for it if it did.

        False, and nothing happened, where that needs a greenlet to close it: beyond the pool's size, or of a pool that
        was disposed of.
        """
        if (self._most and len(self._stored) >= self._most) or self._engine.pool is not self.pool:
            return False
        if fairy is not None:
            fairy._checkin(transaction_was_reset=True)
        elif self.waiting or record.finalize_callback:
            record.checkin(_fairy_was_created=False)
        else:
            record.info[_USED] = time.time()
            self._stored.append(record)
        return True

    def put_away(self, record: Any, fairy: Any) -> None:
        """The same, in a greenlet."""
        if fairy is not None:
            fairy._checkin(transaction_was_reset=True)
        else:
            record.checkin(_fairy_was_created=False)
        if self._engine.pool is not self.pool:
            self.pool.dispose()

    def drop(self, record: Any, fairy: Any, error: BaseException) -> None:
        """Close the connection without a word to the server; its place in the pool is free. Nothing is awaited."""
        if fairy is not None:
            fairy.invalidate(error)
        else:
            record.invalidate(error)
            record.checkin(_fairy_was_created=False)

    def distrust(self, record: Any) -> None:
        """Have the pool replace every connection that is as old as this one, which was lost."""
        if self.pool._invalidate_time < record.starttime:
            self.pool._invalidate_time = time.time()


class Channel(Recovering):
    """Runs commands on the connections of one engine, each in a transaction of its own.

    Attributes:
        route: The request that the running call belongs to, for those who hear of statements.
    """

    serves_units = False
    """Whether calls inside a unit go this way too; where not, the unit's session sends them."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine: Any = engine.sync_engine
        listen(self._engine, "checkin", _note_use)
        if self._engine.pool._pre_ping:
            # SQLAlchemy's own test would cost a trip for every unit.
            listen(self._engine, "checkout", partial(_test, WeakMethod(self.is_ready), self._engine.dialect))
            self._engine.pool._pre_ping = False
        self._clock = clock_of(engine)
        self._pooled: Connections | None = None
        self.held: dict[Any, _Held] = {}
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
            and ((pooled.watch.is_same() and not pooled.watch.others()) or pooled.watch_again())
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
        self.held[record] = (asyncio.current_task(), now, copy_context())
        started = time.perf_counter() if self.is_heard() else None
        try:
            answer = await self.send(record, command, parameters)
        except BaseException as error:  # noqa: BLE001  (a cancellation too)
            return await self.fail(Attempt(pooled, record, fairy, command, parameters, started, repeats), error)
        del self.held[record]
        in_line = bool(pooled.waiting)
        if not pooled.give_back(record, fairy):
            await to_the_end(greenlet_spawn(pooled.put_away, record, fairy))
        if started is not None:
            rows = answer[1] if answer[1] >= 0 else None
            self.report(command, Heard(time.perf_counter() - started, rows=rows))
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
        before = await self.begin_inside(connection, adapted, command)
        started = time.perf_counter() if self.is_heard() else None
        try:
            answer = await self.send_inside(adapted._connection, command, parameters, before)
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
            for task, since, context in self.held.values()
        ]

    # -- what drivers do differently -----------------------------------------------------------------------------

    @abstractmethod
    def send(self, record: Any, command: Command, parameters: Parameters) -> Awaitable[Answer]:
        """Send the command on the connection of `record`, and wait for its end."""

    async def begin_inside(
        self,
        connection: Connection,  # noqa: ARG002
        adapted: Any,  # noqa: ARG002
        command: Command,  # noqa: ARG002
    ) -> Sequence[str]:
        """Begin the transaction of a unit, where that waits for its first statement; gives what is sent with that."""
        return ()

    @abstractmethod
    def send_inside(
        self, connection: Any, command: Command, parameters: Parameters, before: Sequence[str]
    ) -> Awaitable[Answer]:
        """Send the command on the connection of a unit, behind the statements `before`, and wait for its end."""

    async def stop_inside(self, connection: Connection, _driver: Any, cancelled: BaseException) -> None:
        """Give up the connection of a unit whose statement was cancelled: the server rolls back."""
        await greenlet_spawn(connection.invalidate, cancelled)

    def is_ready(self, adapted: Any) -> bool:
        """Whether a connection that has lain in the pool, seen as SQLAlchemy's adapter, can be used without a test."""
        return self.is_open(adapted._connection)

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

    def is_heard(self) -> bool:
        """Whether anybody wants to know of the next statement."""
        clock = self._clock
        return clock.slow is not None or bool(clock.heard_by) or clock.logger.isEnabledFor(logging.DEBUG)

    def report(self, command: Command, heard: Heard) -> None:
        self._clock.report(command.sql, heard, command.model, self.route())


def _no_route() -> str | None:
    return None


def served(engine: Engine, is_ready: Callable[[Any], bool]) -> Connections | None:
    """The connections of the engine's present pool, if it serves direct calls.

    It is SQLAlchemy's own kind of pool, which undoes whatever is left on a connection, and makes plain ones.
    """
    pool, dialect = cast("Any", engine.pool), cast("Any", engine.dialect)
    is_plain = pool._reset_on_return is not reset_none and dialect._on_connect_isolation_level is None
    return Connections(engine, is_ready) if type(pool) is AsyncAdaptedQueuePool and is_plain else None


def _exhausted(pool: Any) -> PoolTimeoutError:
    text = (
        f"QueuePool limit of size {pool.size()} overflow {pool.overflow()} reached, connection timed out,"
        f" timeout {pool.timeout():.2f}"
    )
    return PoolTimeoutError(text, code="3o7r")


def _note_use(connection: object, record: ConnectionPoolEntry) -> None:
    if connection is not None:
        record.info[_USED] = time.time()


def _test(
    is_ready: "WeakMethod[Callable[[Any], bool]]",
    dialect: Any,
    connection: Any,
    record: ConnectionPoolEntry,
    _fairy: object,
) -> None:
    """Have the pool replace a connection that is dead: the server is asked where it was idle for some seconds.

    Of one that was used just now the driver knows whether the server has hung up.
    """
    used: float | None = record.info.get(_USED)
    idle = time.time() - (cast("Any", record).starttime if used is None else used)
    looks_ready = is_ready()
    if idle <= IDLE and (used is None or (looks_ready is not None and looks_ready(connection))):
        return
    if not dialect._do_ping_w_event(connection):
        raise InvalidatePoolError
