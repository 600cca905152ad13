"""Counts and times the statements of each request, and tells the `db` log of slow ones."""

from collections.abc import Generator
from contextlib import contextmanager

from activerow import Database, events
from activerow.events import Statement
from notification.ops.logs import log_slow_statement
from notification.ops.request_context import current_request


@contextmanager
def watching_statements(db: Database, slow_ms: int) -> Generator[None]:
    """Watch what is sent to `db` while the block runs; a statement counts for the request whose task sends it.

    Waiting for SQLite's write lock, which BEGIN does, is time in the database, but no query.
    """
    engine = db.engine.sync_engine

    def count(statement: Statement) -> None:
        if statement.engine is not engine:
            return
        milliseconds = statement.duration * 1000
        if request := current_request():
            request.queries += statement.is_query
            request.database_ms += milliseconds
        if slow_ms and milliseconds >= slow_ms:
            log_slow_statement(statement.sql, milliseconds, str(statement.site))

    events.on_statement(count)
    try:
        yield
    finally:
        events.ignore_statements(count)
