"""What SQLite needs of its connections: write-ahead log, foreign keys, explicit BEGIN, a clean end when cancelled."""

import asyncio
import functools
import importlib
import math
import os
import re
import sqlite3
import tempfile
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from weakref import WeakSet

from sqlalchemy import URL, Connection, event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine

from activerow.statements import is_read
from activerow.unit import unit_of

BUSY_TIMEOUT = 5000
"""Milliseconds for which a statement waits for another connection's write lock."""

_STEPS = 10_000
"""Instructions of SQLite's machine, a fraction of a millisecond, after which a statement looks at the clock."""

_AGAIN = 0.02
"""Seconds between two attempts to interrupt a statement."""

PATIENT_TIMEOUT = 300_000
"""The same while the schema is changed, for another process that is changing it."""


def is_in_memory(url: URL) -> bool:
    """Whether the URL names no file."""
    database = url.database or ":memory:"
    return database == ":memory:" or database.startswith("file::memory:") or url.query.get("mode") == "memory"


class PrivateFile:
    """A temporary file that serves an in-memory URL, and goes with this object or the process that made it.

    One shared in-memory connection would mix the transactions of all tasks.
    """

    def __init__(self) -> None:
        handle, self.path = tempfile.mkstemp(prefix="activerow-", suffix=".db")
        os.close(handle)
        self._finalizer = weakref.finalize(self, _remove, self.path, os.getpid())

    def url(self, url: URL) -> URL:
        """The URL of the file, for the driver of `url`."""
        return url.set(database=self.path, query={})

    def remove(self) -> None:
        """Delete the file with its write-ahead log."""
        self._finalizer()


def _remove(path: str, owner: int) -> None:
    if os.getpid() == owner:  # a child process leaves its parent's file alone
        for name in (path, f"{path}-wal", f"{path}-shm"):
            Path(name).unlink(missing_ok=True)


def set_up(engine: AsyncEngine, statement_timeout: float | None) -> None:
    """Register the listeners of a SQLite engine."""
    sync = engine.sync_engine
    patience = BUSY_TIMEOUT if statement_timeout is None else min(BUSY_TIMEOUT, int(statement_timeout * 1000))
    event.listen(sync, "connect", functools.partial(_on_connect, patience=patience))
    event.listen(sync, "checkout", _refuse_abandoned)
    event.listen(sync, "begin", _on_begin)
    event.listen(sync, "before_cursor_execute", _before_statement)


def _on_connect(connection: Any, _record: object, *, patience: int) -> None:
    connection.isolation_level = None  # BEGIN is ours to send
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "foreign_keys=ON", f"busy_timeout={patience}", "synchronous=NORMAL"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
    connection.create_function("activerow_lower", 1, _lower, deterministic=True)
    connection.create_function("regexp", 2, _regexp, deterministic=True)


def _refuse_abandoned(connection: Any, _entry: object, _proxy: object) -> None:
    """Let the pool replace a connection whose statement was cancelled, should it have come back all the same.

    SQLAlchemy invalidates it, but not where a second cancellation meets the closing of its cursor.
    """
    if getattr(connection.driver_connection, "abandoned", False):
        raise DisconnectionError("its last statement was cancelled")


def _lower(text: object) -> object:
    """`lower` for every alphabet; SQLite's own knows ASCII alone."""
    return text.lower() if isinstance(text, str) else text


def _regexp(pattern: str | None, text: object) -> bool | None:
    return None if pattern is None or text is None else re.search(pattern, str(text)) is not None


def _on_begin(connection: Connection) -> None:
    connection.info["activerow_begin"] = True  # sent with the first statement, which says what kind it must be


def _before_statement(
    connection: Connection, _cursor: object, statement: str, _parameters: object, _context: object, _many: bool
) -> None:
    """Begin with the right lock: a transaction that will write must not start as a reader.

    A reader that turns writer after somebody else wrote gets SQLITE_BUSY at once, and no waiting helps.
    """
    if connection.info.pop("activerow_begin", False):
        unit = unit_of(connection)
        immediate = unit.immediate if unit is not None else None
        if immediate is None:
            immediate = not is_read(statement)
        read_only = unit is not None and unit.root.read_only
        if read_only is not connection.info.get("activerow_read_only", False):
            connection.exec_driver_sql(f"PRAGMA query_only = {'ON' if read_only else 'OFF'}")
            connection.info["activerow_read_only"] = read_only
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


class CancellableConnection:
    """A mixin for the driver's connection: stops a cancelled statement and gives its locks back, waiting for neither.

    The plain connection stays busy until the statement is done, and one that is closed with a live statement lives on
    as a "zombie" that keeps its write lock. Closing twice, as SQLAlchemy does when a task is cancelled twice, leaves a
    task of the plain connection waiting forever.
    """

    abandoned = False
    stopped: Any = None
    limit: float | None = None
    """Seconds for which one call of the driver may run: the statement timeout."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.deadline = math.inf
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
        answer = asyncio.get_running_loop().create_future()
        driver._tx.put_nowait((None, functools.partial(self._run, answer, functools.partial(fn, *args, **options))))
        try:
            return await answer
        except asyncio.CancelledError:
            self._abandon()
            raise

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
        if self.limit is not None:
            self.deadline = time.monotonic() + self.limit
        result = call()
        if isinstance(result, sqlite3.Cursor):
            self.cursors.add(result)
        return result

    def is_late(self) -> bool:
        """Asked by a statement that runs, which ends with SQLITE_INTERRUPT when it is."""
        return time.monotonic() > self.deadline

    def _abandon(self) -> None:
        driver: Any = self
        if not self.abandoned and driver._connection is not None:
            self.abandoned = True
            self._interrupt(driver._connection, asyncio.get_running_loop())
            driver._tx.put_nowait((None, functools.partial(self._undo, driver._connection)))

    def _interrupt(self, connection: sqlite3.Connection, loop: asyncio.AbstractEventLoop) -> None:
        """Stop the statement, again and again until it is stopped: one that is only about to begin hears nothing."""
        with self.turn:
            if self.undoing:
                return
            connection.interrupt()
        if not loop.is_closed():
            loop.call_later(_AGAIN, self._interrupt, connection, loop)

    def _undo(self, connection: sqlite3.Connection) -> None:
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

    def stop(self) -> Any:
        """End the connection's thread, once."""
        driver: Any = super()
        if not self.abandoned:
            self.stopped = self.stopped or driver.stop()
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
        def open_file() -> sqlite3.Connection:
            opened: sqlite3.Connection = sqlite3.connect(database, **options)
            if statement_timeout is not None:
                opened.set_progress_handler(connection.is_late, _STEPS)
            return opened

        connection = kind(open_file, iter_chunk_size)
        connection._thread.daemon = True  # an interpreter that exits does not wait for it
        return connection

    return connect


def without_foreign_keys(connection: Connection) -> None:
    """Check no references from the next transaction on: a table that others refer to can then be rebuilt."""
    cursor = connection.connection.cursor()  # past `_before_statement`: inside a transaction the PRAGMA does nothing
    cursor.execute("PRAGMA foreign_keys=OFF")
    cursor.execute(f"PRAGMA busy_timeout={PATIENT_TIMEOUT}")
    cursor.close()


def begin_immediate(connection: Connection) -> None:
    """Take the write lock for a transaction that was just begun, before it reads anything."""
    connection.info.pop("activerow_begin", None)
    connection.exec_driver_sql("BEGIN IMMEDIATE")
