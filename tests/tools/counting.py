"""What was sent to the database."""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from sqlalchemy import event

from activerow import Database

_COUNTING: Final[ContextVar[list[str] | None]] = ContextVar("counting", default=None)


@contextmanager
def statements(db: Database) -> Generator[list[str]]:
    """The SQL sent inside the block, in order, by its task and the tasks it starts."""
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if _COUNTING.get() is sent:  # not a loop of the service, which has started before
            sent.append(statement)

    engine = db.engine.sync_engine
    counting = _COUNTING.set(sent)
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        _COUNTING.reset(counting)
        event.remove(engine, "before_cursor_execute", note)
