"""What SQLite needs of its connections: write-ahead log, foreign keys, explicit BEGIN, a clean end when cancelled."""

import functools
import os
import re
import tempfile
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import URL, Connection, Engine
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.util import await_only

from activerow.database.engine.listeners import listen
from activerow.database.engine.owner import owner_of
from activerow.database.engine.sqlite_connection import CancellableConnection
from activerow.database.engine.writer_queue import WriterQueue
from activerow.database.failures import is_read

BUSY_TIMEOUT = 5000
"""Milliseconds for which a statement waits for another connection's write lock."""

PATIENT_TIMEOUT = 300_000
"""The same while the schema is changed, for another process that is changing it."""


class Writers(NamedTuple):
    """How the writers of an engine wait for each other: their queue, and for how many milliseconds."""

    queue: WriterQueue
    patience: int


writers: "weakref.WeakKeyDictionary[Engine, Writers]" = weakref.WeakKeyDictionary()


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
    patience = BUSY_TIMEOUT if statement_timeout is None else min(BUSY_TIMEOUT, int(statement_timeout * 1000))
    writers[engine.sync_engine] = Writers(WriterQueue(), patience)
    listen(engine.sync_engine, "connect", functools.partial(_on_connect, patience=patience))
    listen(engine.sync_engine, "checkout", _refuse_abandoned)
    listen(engine.sync_engine, "begin", _on_begin)
    listen(
        engine.sync_engine, "before_cursor_execute", functools.partial(_before_statement, *writers[engine.sync_engine])
    )


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
    queue: WriterQueue, patience: int, connection: Connection, _cursor: object, statement: str, *_: object
) -> None:
    """Begin with the right lock: a transaction that will write must not start as a reader.

    A reader that turns writer after somebody else wrote gets SQLITE_BUSY at once, and no waiting helps.
    """
    if "activerow_begin" in connection.info:
        _begin(queue, patience, connection, lambda: not is_read(statement))


def begin_for(connection: Connection, *, writes: bool) -> None:
    """Begin the transaction of a connection, if it is due, for a statement that is sent past SQLAlchemy."""
    if "activerow_begin" in connection.info:
        queue, patience = writers[connection.engine]
        _begin(queue, patience, connection, lambda: writes)


def due(connection: Connection, writes: Callable[[], bool]) -> tuple[bool, list[str]]:
    """Whether the transaction that is due must have the write lock, and what begins it; it is not due any more."""
    del connection.info["activerow_begin"]
    unit = owner_of(connection)
    immediate = unit.immediate if unit is not None else None
    if immediate is None:
        immediate = writes()
    read_only = unit is not None and unit.read_only
    statements = ["BEGIN IMMEDIATE" if immediate else "BEGIN"]
    if read_only is not connection.info.get("activerow_read_only", False):
        statements.insert(0, f"PRAGMA query_only = {'ON' if read_only else 'OFF'}")
        connection.info["activerow_read_only"] = read_only
    return immediate, statements


def _begin(queue: WriterQueue, patience: int, connection: Connection, writes: Callable[[], bool]) -> None:
    immediate, (*settings, begin) = due(connection, writes)
    for statement in settings:
        connection.exec_driver_sql(statement)
    if immediate:
        _begin_writing(connection, queue, patience)
    else:
        connection.exec_driver_sql(begin)


def _begin_writing(connection: Connection, queue: WriterQueue, patience: int) -> None:
    """Take the write lock, in the order in which the connections of this process came for it."""
    driver = connection.connection.driver_connection
    if not isinstance(driver, CancellableConnection) or await_only(driver.take_turn(queue, patience / 1000)):
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        return
    _send(connection, "PRAGMA busy_timeout=0")  # it has waited for long enough: SQLite shall say so at once
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    finally:
        _send(connection, f"PRAGMA busy_timeout={patience}")


def _send(connection: Connection, statement: str) -> None:
    """Run a statement past `_before_statement`."""
    cursor = connection.connection.cursor()
    cursor.execute(statement)
    cursor.close()


def without_foreign_keys(connection: Connection) -> None:
    """Check no references from the next transaction on: a table that others refer to can then be rebuilt."""
    _send(connection, "PRAGMA foreign_keys=OFF")  # inside a transaction it does nothing
    _send(connection, f"PRAGMA busy_timeout={PATIENT_TIMEOUT}")


def begin_immediate(connection: Connection) -> None:
    """Take the write lock for a transaction that was just begun, before it reads anything."""
    connection.info.pop("activerow_begin", None)
    connection.exec_driver_sql("BEGIN IMMEDIATE")
