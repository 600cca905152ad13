"""The driver's connection to a SQLite file: stopped cleanly when cancelled or late, and writing in its turn."""

import asyncio
import functools
import importlib
import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast
from weakref import WeakSet

from activerow.database.engine.writer_queue import WriterQueue

_AGAIN = 0.02
"""Seconds between two attempts to interrupt a statement."""


class CancellableConnection:
    """A mixin for the driver's connection: stops a cancelled statement and gives its locks back, waiting for neither.

    The plain connection stays busy until the statement is done, and one that is closed with a live statement lives on
    as a "zombie" that keeps its write lock. Closing twice, as SQLAlchemy does when a task is cancelled twice, leaves a
    task of the plain connection waiting forever.
    """

    abandoned = False
    stopped: Any = None
    queue: WriterQueue | None = None
    limit: float | None = None
    """Seconds for which one call of the driver may run: the statement timeout."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.cursors: WeakSet[sqlite3.Cursor] = WeakSet()
        self.process = os.getpid()
        self.undoing = False
        self.turn = threading.Lock()  # an interrupt must not meet the ROLLBACK

    def __del__(self) -> None:
        """A forked child throws away what its parent still uses: that is no connection somebody forgot."""
        driver: Any = super()
        if self.process == os.getpid():
            driver.__del__()

    async def _execute(self, fn: Callable[..., Any], *args: Any, **options: Any) -> Any:
        driver: Any = self
        if not driver._running or driver._connection is None:
            raise ValueError("Connection closed")
        loop = asyncio.get_running_loop()
        answer = loop.create_future()
        driver._tx.put_nowait((None, functools.partial(self._run, answer, functools.partial(fn, *args, **options))))
        late = loop.call_later(self.limit, self.stop_late, driver._connection, answer) if self.limit else None
        try:
            return await answer
        except asyncio.CancelledError:
            self._abandon()
            raise
        finally:
            if late is not None:
                late.cancel()

    def stop_late(self, connection: sqlite3.Connection, answer: "asyncio.Future[Any]") -> None:
        """Stop the statement that has no answer yet; nobody is sent to the next one before that is there."""
        if not answer.done():
            connection.interrupt()
            answer.get_loop().call_later(_AGAIN, self.stop_late, connection, answer)

    def _run(self, answer: "asyncio.Future[Any]", call: Callable[[], Any]) -> None:
        """Run by the connection's thread, which lives on when the event loop that waits for it is closed."""
        try:
            result = self._unless_abandoned(call)
        except BaseException as error:  # noqa: BLE001  (it is the answer)
            _tell(answer, answer.set_exception, error)
        else:
            _tell(answer, answer.set_result, result)

    def _unless_abandoned(self, call: Callable[[], Any]) -> Any:
        """What was still waiting when nobody wanted it any more does not begin."""
        if self.abandoned:
            raise sqlite3.OperationalError("interrupted")
        result = call()
        if isinstance(result, sqlite3.Cursor):
            self.cursors.add(result)
        return result

    def _abandon(self) -> None:
        driver: Any = self
        if not self.abandoned and driver._connection is not None:
            self.abandoned = True
            self._interrupt(driver._connection, asyncio.get_running_loop())
            undo = functools.partial(self._undo, driver._connection, asyncio.get_running_loop())
            driver._tx.put_nowait((None, undo))

    def _interrupt(self, connection: sqlite3.Connection, loop: asyncio.AbstractEventLoop) -> None:
        """Stop the statement, again and again until it is stopped: one that is only about to begin hears nothing."""
        with self.turn:
            if self.undoing:
                return
            connection.interrupt()
        if not loop.is_closed():
            loop.call_later(_AGAIN, self._interrupt, connection, loop)

    def _undo(self, connection: sqlite3.Connection, loop: asyncio.AbstractEventLoop) -> None:
        """Run by the connection's thread: nobody waits for its end, and no event loop is told."""
        driver: Any = super()
        with self.turn:
            self.undoing = True
        try:
            # While a statement is live, an interrupted connection interrupts its ROLLBACK too.
            for cursor in tuple(self.cursors):
                cursor.close()
            connection.rollback()
        finally:
            driver.stop()
            with suppress(RuntimeError):  # the loop is closed, and nobody waits
                loop.call_soon_threadsafe(self.end_turn)

    async def take_turn(self, queue: WriterQueue, patience: float) -> bool:
        """Wait until this connection may ask for the write lock; it may until its transaction ends, or it is closed."""
        self.queue = queue
        return await queue.take_turn(self, patience)

    def end_turn(self) -> None:
        """Let the next one write, if it was this one's turn."""
        if self.queue is not None:
            self.queue.end_turn(self)

    async def commit(self) -> None:
        """Commit, and let the next one write."""
        driver: Any = super()
        await driver.commit()
        self.end_turn()

    async def rollback(self) -> None:
        """Roll back, and let the next one write. The pool asks for it after a commit too, when nothing is open."""
        driver: Any = super()
        connection: sqlite3.Connection | None = cast("Any", self)._connection
        if self.abandoned or connection is None or connection.in_transaction:
            await driver.rollback()
        self.end_turn()

    async def _connect(self) -> Any:
        driver: Any = super()
        try:
            return await driver._connect()
        except Exception:
            # The thread tells the loop of its end: a loop that is closed before makes it print a traceback.
            if self.stopped is not None:
                await self.stopped
            raise

    async def close(self) -> None:
        """Close; an abandoned connection does so on its own."""
        driver: Any = super()
        if not self.abandoned:
            await driver.close()
            self.end_turn()

    def stop(self) -> Any:
        """End the connection's thread, once."""
        driver: Any = super()
        if not self.abandoned:
            self.stopped = self.stopped or driver.stop()
            self.end_turn()
        return self.stopped


def _tell(answer: "asyncio.Future[Any]", settle: Callable[[Any], None], outcome: object) -> None:
    with suppress(RuntimeError):  # the loop is closed
        answer.get_loop().call_soon_threadsafe(_settle, answer, settle, outcome)


def _settle(answer: "asyncio.Future[Any]", settle: Callable[[Any], None], outcome: object) -> None:
    if not answer.done():  # by a cancellation
        settle(outcome)


@functools.cache
def connector(driver: str, statement_timeout: float | None) -> Callable[..., Any]:
    """`connect` of the driver, giving connections whose statements can be cancelled, and are after a while."""
    plain: Any = importlib.import_module(driver)
    kind: Any = type("Connection", (CancellableConnection, plain.Connection), {"limit": statement_timeout})

    def connect(database: str, *, iter_chunk_size: int = 64, **options: Any) -> Any:
        connection = kind(lambda: sqlite3.connect(database, **options), iter_chunk_size)
        connection._thread.daemon = True  # an interpreter that exits does not wait for it
        return connection

    return connect
