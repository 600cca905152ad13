"""Errors that left an endpoint become answers and log records."""

import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final, cast

from fastapi.exception_handlers import request_validation_exception_handler
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.types import Scope
from starlette.websockets import WebSocket

from activerow.database.failures import translate
from activerow.errors import (
    ActiveRowError,
    DatabaseError,
    TransactionBrokenError,
    TransientError,
    UnavailableError,
)
from activerow.fastapi.endpoint import is_async
from activerow.fastapi.problem_table import Table
from activerow.fastapi.problem_texts import word_of
from activerow.fastapi.problems import Problems

logger = logging.getLogger("activerow.fastapi")

Handler = Callable[[Request, Exception], Response | Awaitable[Response]]
OnProblem = Callable[[HTTPConnection, Exception, dict[str, Any]], object]

_WRITES: Final = frozenset({"insert", "update", "delete"})


class ErrorHandlers:
    """The exception handlers that `install` registers on an application.

    Attributes:
        problems: What errors are answered with.
        on_problem: Called with each error that is answered and its document, in place of the line in the log.
    """

    def __init__(self, problems: Problems) -> None:
        self.problems = problems
        self.on_problem: OnProblem | None = None

    def register(self, app: Starlette) -> None:
        """Answer the library's and SQLAlchemy's errors in `app`; handlers that it has already stay."""
        app.exception_handlers.setdefault(ActiveRowError, self.on_error)
        app.exception_handlers.setdefault(SQLAlchemyError, self.on_sqlalchemy_error)

    def configure(self, app: Starlette, table: Table, on_problem: OnProblem | None) -> None:
        """Answer by this table too, in `app` also errors that are not the library's; handlers of its own stay.

        Raises:
            UsageError: A key of the table is none.
        """
        self.problems.add(table)
        self.on_problem = on_problem or self.on_problem
        for key in table:
            if app.exception_handlers.get(key) is request_validation_exception_handler:
                del app.exception_handlers[key]  # FastAPI's, which every application has
            if not isinstance(key, tuple):  # a class with an operation is one of the library's
                app.exception_handlers.setdefault(key, self.on_error)

    async def on_error(self, connection: Request | WebSocket, error: Exception) -> Response:
        """Answer the problem document of `error`, and log it; on a websocket, raise it for the server to close."""
        if not isinstance(connection, Request):
            raise error
        return self.respond(connection, error)

    def respond(self, connection: HTTPConnection, error: Exception) -> Response:
        """The answer to `error` by the table."""
        document = self.problems.document(error, connection.url.path)
        if self.on_problem is None:
            self.log(connection.scope, error)
        else:
            self.on_problem(connection, error, document)
        return self.problems.response(error, document=document)

    async def on_sqlalchemy_error(self, connection: Request | WebSocket, error: Exception) -> Response:
        """Answer what a raw session call raised as the library's error for it; raise it where there is none."""
        if not isinstance(connection, Request) or not isinstance(error, SQLAlchemyError):
            raise error
        translated = translate(error, operation=_operation(error))
        if translated is None:
            raise error
        translated.__cause__ = error
        return await self.answer(connection, translated)

    async def answer(self, request: Request, error: ActiveRowError) -> Response:
        """What the application answers to `error`: its own handler's response where it has one, else ours."""
        app: object = request.scope.get("app")
        registered = app.exception_handlers if isinstance(app, Starlette) else {}
        kinds = (kind for kind in type(error).__mro__ if issubclass(kind, ActiveRowError))
        handler = cast("Handler", next((registered[kind] for kind in kinds if kind in registered), self.on_error))
        answered = handler(request, error) if is_async(handler) else await run_in_threadpool(handler, request, error)
        return await answered if inspect.isawaitable(answered) else answered

    def log(self, scope: Scope, error: Exception) -> None:
        """One record per failed request: below 500 only for the curious, else an error, with its traceback.

        That the database is busy or away is no fault of a line of the program: a record says so in one line.
        """
        row = self.problems.of(error)
        where, code = f"{scope.get('method', 'WEBSOCKET')} {scope['path']}", word_of(error, row)
        facts: dict[str, object] = {"code": code, "status": row.status}
        if isinstance(error, DatabaseError):
            facts |= {"model": error.model, "operation": error.operation, "driver_code": error.driver_code}
        # The texts of others, and of what caused them, may quote what was sent or what is stored.
        told: object = error if isinstance(error, ActiveRowError) else type(error).__name__
        failed = row.status >= 500
        is_told_in_a_line = not failed or isinstance(error, UnavailableError | TransientError)
        traceback = _without_values(error) if isinstance(error, ActiveRowError) and not is_told_in_a_line else None
        level = logging.ERROR if failed else logging.INFO
        logger.log(level, "%s: %d %s: %s", where, row.status, code, told, exc_info=traceback, extra=facts)


def _operation(error: SQLAlchemyError) -> str:
    """What was tried, as far as an error of a raw session call shows it."""
    if not isinstance(error, DBAPIError):
        return "flush"
    if error.statement is None:
        return "commit"
    verb = error.statement.split(maxsplit=1)[0].lower()
    return verb if verb in _WRITES else "select"


def _without_values(error: ActiveRowError) -> ActiveRowError:
    """`error` as a log may show it: with the tracebacks of our errors, without the drivers' texts, which quote rows."""
    shown = type(error).__new__(type(error), *error.args)
    shown.__dict__.update(error.__dict__)
    cause = error.first_error if isinstance(error, TransactionBrokenError) else error.__cause__
    shown.__cause__ = _without_values(cause) if isinstance(cause, ActiveRowError) else None
    return shown.with_traceback(error.__traceback__)
