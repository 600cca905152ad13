"""The driver's connection to a SQLite file: stopped cleanly when cancelled or late, and writing in its turn."""

import asyncio
import functools
import importlib
import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any
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
        late = loop.call_later(self.limit, self._stop_late, driver._connection, answer) if self.limit else None
        try:
            return await answer
        except asyncio.CancelledError:
            self._abandon()
            raise
        finally:
            if late is not None:
                late.cancel()

    async def execute_alone(self, sql: str, parameters: Any) -> tuple[list[Any], int, int | None]:
        """A statement in a transaction of its own, in one hop of the thread; gives its rows, rowcount and lastrowid.

        Cancelled, it runs on: call `stop_alone`.
        """
        driver: Any = self
        connection = driver._connection
        if connection is None or not driver._running:
            raise ValueError("Connection closed")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[tuple[list[Any], int, int | None]] = loop.create_future()
        driver._tx.put_nowait((None, functools.partial(self._answer, answer, loop, connection, sql, parameters)))
        if self.limit is None:
            return await answer
        late = loop.call_later(self.limit, self._stop_late, connection, answer)
        try:
            return await answer
        finally:
            late.cancel()

    def _answer(self, answer: "asyncio.Future[Any]", loop: asyncio.AbstractEventLoop, *statement: Any) -> None:
        outcome: object
        settle: Callable[[Any], None]
        try:
            settle, outcome = answer.set_result, self._execute_alone(*statement)
        except BaseException as error:  # noqa: BLE001  (it is the answer)
            settle, outcome = answer.set_exception, error
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(_settle, answer, settle, outcome)

    def _execute_alone(
        self, connection: sqlite3.Connection, sql: str, parameters: Any
    ) -> tuple[list[Any], int, int | None]:
        """Run by the connection's thread. The rows are fetched to their end: a cursor left open keeps its lock."""
        if self.abandoned:
            raise sqlite3.OperationalError("interrupted")
        if connection.isolation_level is not None and not connection.in_transaction:
            # Somebody's AUTOCOMMIT has left it, and a BEGIN would be sent. Set inside a transaction, it commits that.
            connection.isolation_level = None
        cursor = connection.execute(sql, parameters)
        rows = cursor.fetchall()
        cursor.close()
        return rows, cursor.rowcount if cursor.rowcount >= 0 else len(rows), cursor.lastrowid

    async def stop_alone(self) -> None:
        """Stop the statement of a cancelled `execute_alone` and wait until it has ended, done or undone."""
        driver: Any = self
        loop = asyncio.get_running_loop()
        ended = loop.create_future()
        driver._tx.put_nowait((ended, _nothing))
        self._stop_late(driver._connection, ended)
        await ended

    def _stop_late(self, connection: sqlite3.Connection, answer: "asyncio.Future[Any]") -> None:
        """Stop the statement that has no answer yet; nobody is sent to the next one before that is there."""
        if not answer.done():
            connection.interrupt()
            answer.get_loop().call_later(_AGAIN, self._stop_late, connection, answer)

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
        """Roll back, and let the next one write."""
        driver: Any = super()
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


def _nothing() -> None:
    """Wait for whatever runs before it."""


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
