"""Timing what an engine sends, for the `activerow.sql` logger and for those who subscribed.

At DEBUG the logger gets a line for each statement, at WARNING one for each that took longer than `slow_query` seconds.
While nobody listens, a statement costs two calls that return at once.
"""

import logging
import time
import weakref
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Engine
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import registry

from activerow.database.engine import statements
from activerow.database.engine.listeners import listen
from activerow.database.engine.owner import Owner, owner_of
from activerow.database.engine.statements import Statement
from activerow.database.failures import first_word, read_statement
from activerow.errors.call_site import statement_site
from activerow.mapping import model_for_table

logger = logging.getLogger("activerow.sql")

_STARTED: Final = "activerow_started"

_clocks: "weakref.WeakKeyDictionary[Engine, Clock]" = weakref.WeakKeyDictionary()


def watch(engine: AsyncEngine, slow: float | None, bases: Sequence[type]) -> None:
    """Time what `engine` sends, which stores the models of `bases`; warn of what takes `slow` seconds or more."""
    clock = Clock(engine.sync_engine, slow, bases)
    _clocks[engine.sync_engine] = clock
    listen(engine.sync_engine, "before_cursor_execute", clock.start, retval=True)
    listen(engine.sync_engine, "after_cursor_execute", clock.stop)
    listen(engine.sync_engine, "handle_error", clock.fail)


def clock_of(engine: AsyncEngine) -> "Clock":
    """Who times the statements of `engine`."""
    return _clocks.get(engine.sync_engine) or Clock(engine.sync_engine, None, ())


class Answer(NamedTuple):
    """What is known of a statement when it is done."""

    duration: float
    rows: int | None = None
    sets: int = 1
    error: BaseException | None = None


class Clock:
    """Times the statements of one engine: its listeners, and what those call who send past SQLAlchemy."""

    def __init__(self, engine: Engine, slow: float | None, bases: Sequence[type]) -> None:
        # Weakly: the listener is also kept by the dialect, and that by the caches of every mapper.
        self._engine, self.slow, self._bases = weakref.ref(engine), slow, bases
        self.heard_by, self.logger = statements.listeners, logger

    def start(
        self, _connection: Connection, _cursor: object, statement: str, parameters: Any, context: Any, _many: bool
    ) -> tuple[str, Any]:
        if self.hears():
            setattr(context, _STARTED, time.perf_counter())
        return statement, parameters

    def stop(
        self, connection: Connection, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
    ) -> None:
        started = context.__dict__.pop(_STARTED, None)
        if started is not None:
            answer = Answer(time.perf_counter() - started, rows=_rows(cursor), sets=len(parameters) if many else 1)
            self._report(connection, context, statement, answer)

    def fail(self, context: ExceptionContext) -> None:
        """A statement that was refused or timed out took its time as well."""
        execution: Any = context.execution_context
        started = execution.__dict__.pop(_STARTED, None) if execution is not None else None
        if started is None or context.connection is None or context.statement is None:
            return
        answer = Answer(time.perf_counter() - started, error=context.original_exception)
        self._report(context.connection, execution, context.statement, answer)

    def _report(self, connection: Connection, context: Any, sql: str, answer: Answer) -> None:
        if self._is_slow(answer) or _is_heard():
            unit = owner_of(connection)
            self.report(sql, answer, self._model(context, sql, unit), unit.route if unit is not None else None)

    def hears(self) -> bool:
        """Whether anybody wants to know of the next statement, or would if it is slow."""
        return self.slow is not None or bool(statements.listeners) or logger.isEnabledFor(logging.DEBUG)

    def _is_slow(self, answer: Answer) -> bool:
        return self.slow is not None and answer.duration >= self.slow

    def report(self, sql: str, answer: Answer, model: type | None, route: str | None) -> None:
        """Tell everybody who listens of a statement that was just answered."""
        engine, slow = self._engine(), self._is_slow(answer)
        if engine is None or not (slow or _is_heard()):
            return
        statement = Statement(
            sql=sql,
            operation=first_word(sql),
            model=model,
            site=statement_site(),
            route=route,
            engine=engine,
            **answer._asdict(),
        )
        logger.log(logging.WARNING if slow else logging.DEBUG, "%s%s", "slow: " if slow else "", statement)
        statements.tell(statement)

    def _model(self, context: Any, sql: str, unit: Owner | None) -> type | None:
        """The model that the statement selects from or writes to; of SQL text, that of the table it writes to."""
        statement = getattr(getattr(context, "compiled", None), "statement", None)
        told: Mapping[str, Any] = getattr(statement, "_propagate_attrs", None) or {}
        subject = told.get("plugin_subject")
        if subject is not None:
            found: type = subject.mapper.class_
            return found
        table = getattr(getattr(statement, "table", None), "name", None) or read_statement(sql).table
        if not table:
            return None
        registries = [known for base in self._bases if isinstance(known := getattr(base, "registry", None), registry)]
        return model_for_table(table, near=unit.near if unit is not None else None, among=registries)


def _is_heard() -> bool:
    return bool(statements.listeners) or logger.isEnabledFor(logging.DEBUG)


def _rows(cursor: Any) -> int | None:
    """How many rows came with the answer, as SQLAlchemy's adapters keep them, or were written."""
    if cursor.description is not None:
        return None if cursor.server_side else len(cursor._rows)
    return cursor.rowcount if cursor.rowcount >= 0 else None
