"""Errors that left an endpoint become answers and log records."""

import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import cast

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope
from starlette.websockets import WebSocket

from activerow.database.failures import translate
from activerow.errors import ActiveRowError, DatabaseError, TransactionBrokenError
from activerow.fastapi.endpoint import is_async
from activerow.fastapi.problems import Problems, kind_of

logger = logging.getLogger("activerow.fastapi")

Handler = Callable[[Request, Exception], Response | Awaitable[Response]]

_WRITES = frozenset({"insert", "update", "delete"})


class ErrorHandlers:
    """The exception handlers that `install` registers on an application."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems

    def register(self, app: Starlette) -> None:
        """Answer the library's and SQLAlchemy's errors in `app`; handlers that it has already stay."""
        app.exception_handlers.setdefault(ActiveRowError, self.on_error)
        app.exception_handlers.setdefault(SQLAlchemyError, self.on_sqlalchemy_error)

    async def on_error(self, connection: Request | WebSocket, error: Exception) -> Response:
        """Log `error` and answer its problem document; on a websocket, raise it for the server to close."""
        if not isinstance(connection, Request) or not isinstance(error, ActiveRowError):
            raise error
        log_error(connection.scope, error)
        return self.problems.response(error, connection.url.path)

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


def _operation(error: SQLAlchemyError) -> str:
    """What was tried, as far as an error of a raw session call shows it."""
    if not isinstance(error, DBAPIError):
        return "flush"
    if error.statement is None:
        return "commit"
    verb = error.statement.split(maxsplit=1)[0].lower()
    return verb if verb in _WRITES else "select"


def log_error(scope: Scope, error: ActiveRowError) -> None:
    """One record per failed request: an error with its traceback from 500 on, else only for the curious."""
    status = kind_of(error).status
    facts: dict[str, object] = {"code": error.code, "status": status}
    if isinstance(error, DatabaseError):
        facts |= {"model": error.model, "operation": error.operation, "driver_code": error.driver_code}
    level, traceback = (logging.ERROR, _without_values(error)) if status >= 500 else (logging.INFO, None)
    where = f"{scope.get('method', 'WEBSOCKET')} {scope['path']}"
    logger.log(level, "%s: %d %s: %s", where, status, error.code, error, exc_info=traceback, extra=facts)


def _without_values(error: ActiveRowError) -> ActiveRowError:
    """`error` as a log may show it: with the tracebacks of our errors, without the drivers' texts, which quote rows."""
    shown = type(error).__new__(type(error), *error.args)
    shown.__dict__.update(error.__dict__)
    cause = error.first_error if isinstance(error, TransactionBrokenError) else error.__cause__
    shown.__cause__ = _without_values(cause) if isinstance(cause, ActiveRowError) else None
    return shown.with_traceback(error.__traceback__)
