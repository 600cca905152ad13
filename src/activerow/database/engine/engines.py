"""The engines of one Database, of its primary and of its replicas: made when they are needed, for one event loop."""

import asyncio
import logging
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from weakref import WeakSet

from sqlalchemy import URL, Engine, text
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine

from activerow.backends import Backend, backend_at
from activerow.database.engine import sqlite_setup, timing
from activerow.database.engine.creating import Options, make_engine
from activerow.database.engine.discarding import discard, watch
from activerow.database.engine.listeners import listen
from activerow.database.engine.owner import owner_of
from activerow.database.failures import is_outdated, is_read, translating
from activerow.errors import NotBoundError, UsageError

logger = logging.getLogger("activerow")

_sets: "WeakSet[EngineSet]" = WeakSet()
_inherited: list[AsyncEngine] = []  # a child process must not close its parent's sockets by collecting their objects


class EngineSet:
    """One engine for each URL.

    Args:
        url: Of the primary; it may be set later.
        options: Of every engine.
        forget: Called when connections are dropped that units may still hold.
        bases: Whose models are stored there; more may be added.
    """

    def __init__(
        self, url: URL | None, options: Options, forget: Callable[[], None], bases: Sequence[type] = ()
    ) -> None:
        self.url, self.options, self._bases = url, options, bases
        self._forget = forget
        self._engines: dict[URL, AsyncEngine] = {}
        self._primary: AsyncEngine | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._private_file: sqlite_setup.PrivateFile | None = None
        self._enclosed = False
        self.kept: Any = None
        """What a caller keeps while the primary's engine, its loop and its options stay; None once they do not."""
        _sets.add(self)

    @property
    def in_use(self) -> bool:
        """Whether an engine was made, and not disposed of."""
        return bool(self._engines)

    @property
    def enclosed(self) -> bool:
        """Whether one connection serves every URL, in a transaction of a test around everything else."""
        return self._enclosed

    @enclosed.setter
    def enclosed(self, enclosed: bool) -> None:
        self._enclosed, self.kept = enclosed, None

    @property
    def primary(self) -> AsyncEngine:
        """The engine of the primary.

        Raises:
            NotBoundError: There is no URL yet.
            UsageError: The database is in use on another event loop that still runs.
        """
        engine = self._primary
        if engine is not None and self._loop is running_loop():
            return engine
        engine = self.engine(self.configured())
        if not self.enclosed:
            self._primary = engine
        return engine

    def configured(self) -> URL:
        """The URL of the primary.

        Raises:
            NotBoundError: There is none yet.
        """
        if self.url is None:
            raise NotBoundError("the Database", "it has no URL: write Database(url), or db.configure(url)")
        return self.url

    @property
    def backend(self) -> Backend:
        """The kind of server that the primary is."""
        return backend_at(self.configured())

    def engine(self, url: URL) -> AsyncEngine:
        """The engine for `url`, on the running event loop.

        Raises:
            UsageError: The database is in use on another event loop that still runs.
        """
        loop = running_loop()
        url = self.configured() if self.enclosed else url
        if self._engines and loop is not None and loop is not self._loop:
            self._leave_loop()
        if url not in self._engines:
            self._engines[url] = self._make(url)
        self._loop = self._loop or loop
        return self._engines[url]

    def address(self, engine: AsyncEngine | None = None) -> str:
        """`host:port/database`, or the path of the file, of an engine for messages; by default of the primary."""
        url = next((url for url, made in self._engines.items() if made is engine), None) or self.configured()
        if backend_at(url).embedded:
            return str(Path(url.database or ":memory:").absolute())
        return f"{url.host or 'a local socket'}{f':{url.port}' if url.port else ''}/{url.database or ''}"

    async def check(self, url: URL) -> None:
        """Connect to `url`.

        Raises:
            UnavailableError: It cannot be reached.
        """
        with translating("connect"):
            async with self.engine(url).connect() as connection:
                await connection.execute(text("SELECT 1"))

    async def dispose(self) -> None:
        """Close all connections; not that of a test, which goes on after the application has shut down."""
        if self.enclosed:
            return
        if self._engines and self._loop is not asyncio.get_running_loop():
            self._leave_loop()
        engines, self._engines = self._engines, {}
        self._primary = self._loop = self.kept = None
        for url, engine in engines.items():
            await engine.dispose()
            logger.info("disconnected from %s", url.render_as_string())
        if self._private_file is not None:
            self._private_file.remove()
            self._private_file = None

    @property
    def made(self) -> tuple[AsyncEngine, ...]:
        """Those that are in use."""
        return tuple(self._engines.values())

    def has(self, engine: Engine) -> bool:
        """Whether it is one of these."""
        return any(made.sync_engine is engine for made in self._engines.values())

    def start_afresh(self) -> None:
        """Start afresh in a child process; the parent's connections stay the parent's."""
        for engine in self._engines.values():
            engine.sync_engine.dispose(close=False)
            _inherited.append(engine)
        self._engines, self._primary, self._loop, self.kept = {}, None, None, None
        self._forget()

    def _make(self, url: URL) -> AsyncEngine:
        if backend_at(url).embedded and sqlite_setup.is_in_memory(url):
            self._private_file = self._private_file or sqlite_setup.PrivateFile()
            url = self._private_file.url(url)
        engine = make_engine(url, self.options)
        listen(engine.sync_engine, "handle_error", _on_error)
        watch(engine)
        timing.watch(engine, self.options.slow_query, self._bases)
        return engine

    def _leave_loop(self) -> None:
        if self._loop is None:
            return
        if self.enclosed:
            raise UsageError(
                "the transaction of rolled_back() belongs to the test's event loop, and this is another: call the"
                " application by httpx.ASGITransport instead of a TestClient, or let the test run in emptied()"
            )
        if not self._loop.is_closed():
            raise UsageError(
                "this Database is in use on another event loop that still runs;"
                " make a Database per loop, or dispose() it there first"
            )
        for engine in self._engines.values():
            discard(engine)
        self._engines, self._primary, self._loop, self.kept = {}, None, None, None
        self._forget()


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The event loop that runs in this thread, if any."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _on_error(context: ExceptionContext) -> None:
    """Mark the unit whose statement failed, also one sent past activerow."""
    if context.engine is not None and is_outdated(context.sqlalchemy_exception):
        pool: Any = context.engine.pool
        pool._invalidate_time = time.time()  # what was prepared on its other connections is as old
    unit = owner_of(context.connection)
    execution: Any = context.execution_context
    never_sent = context.statement is not None and execution is None
    if unit is None or context.is_pre_ping or never_sent:
        return
    wrote = bool(execution and (execution.isinsert or execution.isupdate or execution.isdelete))
    wrote = wrote or (context.statement is not None and not is_read(context.statement))
    unit.fail(context.sqlalchemy_exception or context.original_exception, wrote=wrote)


def _restart_after_fork() -> None:
    for engines in _sets:
        engines.start_afresh()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_restart_after_fork)
