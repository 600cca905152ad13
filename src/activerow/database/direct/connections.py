"""The connections of the pool that units use too, taken and given back without a greenlet where nothing is sent."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final, cast

from sqlalchemy import Engine
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import AsyncAdaptedQueuePool, ConnectionPoolEntry, reset_none

from activerow.database.direct.watching import Watch
from activerow.database.engine import listen

IDLE: Final = 5.0
"""Seconds after which a connection that nobody has used is tested before it is used again."""

_USED: Final = "activerow_used"
"""When a connection was last given back, in `record.info`."""


def watch(engine: AsyncEngine) -> None:
    """Note when connections of `engine` are given back, by whomever."""
    listen(engine.sync_engine, "checkin", _note_use)


def _note_use(connection: object, record: ConnectionPoolEntry) -> None:
    if connection is not None:
        record.info[_USED] = time.time()


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
        return self.watch.is_ours()

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
