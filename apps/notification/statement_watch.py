"""Counts and times the statements of each request, and tells the `db` log of slow ones."""

import re
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine

from notification.logs import log_slow_statement
from notification.request_context import current_request

# SQLite begins with a statement, which may wait for a lock: it is time, but no query.
_TRANSACTION: Final = re.compile(r"\s*(?:BEGIN|SAVEPOINT|RELEASE|ROLLBACK|COMMIT)\b", re.IGNORECASE)
_STARTED: Final = "notification.statement_started"


class StatementWatch:
    """Listens to an engine; a statement counts for the request whose task sends it.

    Its time is that of the database's answer, not that of fetching the rows of a stream.
    """

    def __init__(self, slow_ms: int) -> None:
        self._slow_ms = slow_ms

    @contextmanager
    def on(self, engine: AsyncEngine) -> Generator[None]:
        """Watch `engine` while the block runs."""
        target: Engine = engine.sync_engine
        listeners: dict[str, Callable[..., None]] = {
            "before_cursor_execute": self._begin,
            "after_cursor_execute": self._end,
            "handle_error": self._fail,
        }
        for name, listener in listeners.items():
            event.listen(target, name, listener)
        try:
            yield
        finally:
            for name, listener in listeners.items():
                event.remove(target, name, listener)

    def _begin(self, connection: Any, _cursor: Any, _statement: str, *_: Any) -> None:
        connection.info[_STARTED] = time.perf_counter()

    def _end(self, connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        self._count(connection.info.pop(_STARTED, None), statement)

    def _fail(self, context: ExceptionContext) -> None:
        # A statement that was refused or timed out took its time as well. Without a statement, connecting failed.
        if context.connection is not None and context.statement is not None and not context.connection.invalidated:
            self._count(context.connection.info.pop(_STARTED, None), context.statement)

    def _count(self, started: float | None, statement: str) -> None:
        if started is None:
            return
        milliseconds = (time.perf_counter() - started) * 1000
        if request := current_request():
            request.queries += not _TRANSACTION.match(statement)
            request.database_ms += milliseconds
        if self._slow_ms and milliseconds >= self._slow_ms:
            log_slow_statement(statement, milliseconds)
