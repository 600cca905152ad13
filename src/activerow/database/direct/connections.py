"""The connections of the pool that units use too, taken and given back without a greenlet where nothing is sent."""

import time
from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import Engine, Pool
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import AsyncAdaptedQueuePool, ConnectionPoolEntry
from sqlalchemy.util import greenlet_spawn

from activerow.database.direct import watching
from activerow.database.engine import listen

IDLE: Final = 5.0
"""Seconds after which a connection that nobody has used is tested before it is used again."""

_USED: Final = "activerow_used"
"""When a connection was last given back, in `record.info`."""


def watch(engine: AsyncEngine) -> None:
    """Note when connections of `engine` are given back, by whomever."""
    listen(engine, "checkin", _note_use)


def _note_use(connection: object, record: ConnectionPoolEntry) -> None:
    if connection is not None:
        record.info[_USED] = time.monotonic()


class Connections:
    """The connections of one pool.

    Limits, time limits, recycling and events stay the pool's: what would need any of them to act is left to the pool.
    """

    def __init__(self, engine: Engine, is_open: Callable[[Any], bool]) -> None:
        self.pool: Pool = engine.pool
        self._is_open = is_open
        self._watch = watching.connections(engine)
        self._queue: Any = None
        self._stored: Any = ()
        self.waiting: Any = ()
        self._next, self._most = 0, 0
        if type(self.pool) is AsyncAdaptedQueuePool:
            line: Any = self.pool._pool
            self._queue = line._queue
            self._stored, self.waiting = self._queue._queue, self._queue._getters
            self._next, self._most = (-1 if line.use_lifo else 0), line.maxsize

    def take(self) -> Any:
        """The record of the next connection; None where the pool must look at it, make it or wait for it."""
        stored, pool = self._stored, self.pool
        if not stored or self.waiting or not self._watch.is_ours():
            return None
        record = stored[self._next]
        connection = record.dbapi_connection
        if connection is None or time.monotonic() - record.info.get(_USED, 0.0) > IDLE:
            return None
        made = record.starttime
        if (
            made < pool._invalidate_time
            or made < record._soft_invalidate_time
            or (pool._recycle > -1 and time.time() - made > pool._recycle)
            or not self._is_open(connection._connection)
        ):
            return None
        return self._queue.get_nowait()

    def give_back(self, record: Any, fairy: Any = None) -> bool:
        """Put it back, with the `fairy` that the pool gave for it if it did.

        False, and nothing happened, where that needs a greenlet: a connection beyond the pool's size is closed, and
        foreign listeners may send something.
        """
        if self._queue is None or (self._most and len(self._stored) >= self._most) or not self._watch.is_ours():
            return False
        if fairy is None:
            record.checkin(_fairy_was_created=False)
        else:
            fairy._checkin(transaction_was_reset=True)
        return True

    async def put_away(self, record: Any, fairy: Any) -> None:
        """The same in a greenlet."""
        if fairy is None:
            await greenlet_spawn(record.checkin, _fairy_was_created=False)
        else:
            await greenlet_spawn(fairy._checkin, transaction_was_reset=True)

    def drop(self, record: Any, fairy: Any, error: BaseException, *, everywhere: bool) -> None:
        """Close the connection without a word to the server, `everywhere` with all that were made before now.

        Nothing is awaited. Its place in the pool is free.
        """
        if everywhere and self.pool._invalidate_time < record.starttime:
            self.pool._invalidate_time = time.time()
        if fairy is None:
            record.invalidate(error)
            record.checkin(_fairy_was_created=False)
        else:
            fairy.invalidate(error)
