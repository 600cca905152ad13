"""What is told about each statement that was sent, and who is told."""

import inspect as python
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Engine

from activerow.errors import UsageError
from activerow.errors.call_site import CallSite

logger = logging.getLogger("activerow")

_NO_QUERIES: Final = frozenset({"begin", "start", "commit", "rollback", "savepoint", "release", "set", "pragma"})


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement that was sent to a database, and its answer; never the values that were bound.

    Attributes:
        sql: As it was sent, with its placeholders.
        operation: Its first word: `select`, `insert`, `update`, `delete`, `copy`, `begin`, ...
        model: Whose rows it is about, where the statement tells.
        duration: Seconds from sending it to the answer; of a stream, to its first rows.
        rows: How many were read or written; None where that is not known, as of a stream.
        sets: How many sets of values it was sent with: more than one in a bulk write.
        site: Where in the program it came from.
        route: Method and route of the request that it belongs to, such as `GET /users/{id}`; None outside of one.
        engine: Where it was sent: `db.engine.sync_engine`, or a replica's.
        error: What the driver raised.
    """

    sql: str
    operation: str
    model: type | None
    duration: float
    rows: int | None
    sets: int
    site: CallSite
    route: str | None
    engine: Engine
    error: BaseException | None = None

    @property
    def is_query(self) -> bool:
        """Whether it reads or writes; BEGIN, SAVEPOINT, SET and the like take time too, but are no queries."""
        return self.operation not in _NO_QUERIES

    def __str__(self) -> str:
        """One line, for logs and messages."""
        model = f" {self.model.__name__}" if self.model is not None else ""
        rows = f", {self.rows} row{'' if self.rows == 1 else 's'}" if self.rows is not None else ""
        failed = f", failed ({type(self.error).__name__})" if self.error is not None else ""
        text = f"{self.operation}{model}, {self.duration * 1000:.1f} ms{rows}{failed}, {self.site}"
        return f"{text}: {' '.join(self.sql.split())}"


Listener = Callable[[Statement], object]

listeners: list[Listener] = []
"""Who wants to hear of statements."""


def subscribe(listener: Listener) -> None:
    """Tell `listener` of each statement from now on; a second time changes nothing.

    Raises:
        UsageError: It is a coroutine function: it is called in the middle of a statement, where nothing can be awaited.
    """
    if python.iscoroutinefunction(listener) or python.iscoroutinefunction(getattr(listener, "__call__", None)):  # noqa: B004
        raise UsageError(f"{listener!r} is async; who hears of statements is called between them and cannot wait")
    if listener not in listeners:
        listeners.append(listener)


def unsubscribe(listener: Listener) -> bool:
    """Tell it no longer; says whether it was told before."""
    if listener not in listeners:
        return False
    listeners.remove(listener)
    return True


def tell(statement: Statement) -> None:
    """Tell everyone; one that fails is logged, and neither the statement nor the others suffer."""
    for listener in tuple(listeners):
        _tell(listener, statement)


def _tell(listener: Any, statement: Statement) -> None:
    try:
        listener(statement)
    except Exception:
        logger.exception("a listener to statements failed: %r", listener)
