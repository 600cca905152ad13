"""`install(app, db)`: the one line that joins an application and a database."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.types import Lifespan

from activerow.database import Database
from activerow.errors import UsageError
from activerow.fastapi.handlers import ErrorHandlers, OnProblem
from activerow.fastapi.installation import STATE, Installation
from activerow.fastapi.middleware import RequestMiddleware
from activerow.fastapi.problem_table import Table
from activerow.fastapi.problems import Problems


def install(
    app: Starlette,
    db: Database,
    *,
    problems: Table | None = None,
    on_problem: OnProblem | None = None,
    codes: Mapping[str, str] | None = None,
    type_prefix: str | None = None,
) -> None:
    """Connect `db` with the application's lifespan, give each request its scope, and answer database errors.

    Call it once per database, before the first request; the order of `install` and `add_middleware` does not matter.
    Exception handlers of the application's own win over these.

    Args:
        app: A FastAPI or Starlette application; what is mounted in it is served too.
        db: May be configured later, before the application starts.
        problems: How errors are answered: classes of errors, the application's own too, to status, code and title:
            `{OutOfStockError: (409, "4090101", "Out of stock")}`, or to a `Problem`. A class stands for those derived
            from it. `RequestValidationError`, `Exception` and statuses such as 404 answer what FastAPI refuses.
        on_problem: Called with the request, the error and its problem document before that is sent, in place of the
            library's line in the log. What it changes in the document is answered.
        codes: Code words to the application's own codes: `{"unique_violation": "4090001"}`. A word stands for the
            finer errors of the same HTTP status too.
        type_prefix: Put before the code word in a problem's `type`: `"https://errors.example.com/"`.

    Raises:
        UsageError: The application has started already, or has this database; or a key of `problems` is none.
    """
    if app.middleware_stack is not None:
        raise UsageError("install(app, db) must be called before the application starts")
    installation = _installation_on(app)
    if db in installation.databases:
        raise UsageError("this database is installed on the application already")
    installation.handlers.configure(app, problems or {}, on_problem)
    installation.handlers.problems.configure(codes, type_prefix)
    installation.databases.append(db)
    # Innermost: what user middleware adds to an answer must be on the answers to errors of a commit too.
    app.user_middleware.append(Middleware(RequestMiddleware, database=db, installation=installation))
    app.router.lifespan_context = _connected(app.router.lifespan_context, db)


def _installation_on(app: Starlette) -> Installation:
    """The application's installation, made by the first call."""
    installation: object = getattr(app.state, STATE, None)
    if not isinstance(installation, Installation):
        installation = Installation(app, ErrorHandlers(Problems()))
        installation.handlers.register(app)
        setattr(app.state, STATE, installation)
    return installation


def _connected(inner: Lifespan[Any], db: Database) -> Lifespan[Any]:
    """The lifespan `inner` with the database connected around it."""

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncGenerator[Any, None]:
        try:
            await db.connect()
            async with inner(app) as state:
                yield state
        finally:
            await db.dispose()

    return lifespan
