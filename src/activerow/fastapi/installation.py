"""What `install` leaves on an application, and what a request carries of it."""

from collections.abc import Generator, Iterable
from contextlib import contextmanager

from starlette.applications import Starlette
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import Scope

from activerow.database import Database
from activerow.errors import NotBoundError, UsageError
from activerow.fastapi.handlers import ErrorHandlers

_DATABASES = "activerow.databases"
_INSTALLATION = "activerow.installation"
STATE = "activerow"  # where an application keeps its installation
_PARENT = "activerow_parent"  # and a mounted one that of the application around it


class Installation:
    """The databases of one application, and its answers to their errors."""

    def __init__(self, app: Starlette, handlers: ErrorHandlers) -> None:
        self.app = app
        self.handlers = handlers
        self.databases: list[Database] = []

    @property
    def only_database(self) -> Database:
        """The database of the application.

        Raises:
            UsageError: There are several, and no way to tell which one is meant.
        """
        if len(self.databases) > 1:
            raise UsageError("several databases are installed on this application: write Depends(db.session)")
        return self.databases[0]

    def adopt_mounted(self) -> None:
        """Answer errors in mounted applications too, which have exception handlers of their own."""
        for app in _mounted(self.app.routes):
            setattr(app.state, _PARENT, self)
            if app.middleware_stack is None:
                self.handlers.register(app)


def _mounted(routes: Iterable[BaseRoute]) -> Iterable[Starlette]:
    for route in routes:
        app: object = getattr(route, "app", None)
        if isinstance(app, Starlette):
            yield app
        yield from _mounted(getattr(route, "routes", None) or ())


def has_entered(scope: Scope, database: Database) -> bool:
    """An application around this one has given the request its scope for `database` already."""
    return database in scope.get(_DATABASES, ())


@contextmanager
def entering(scope: Scope, database: Database, installation: Installation) -> Generator[None, None, None]:
    """Note on the ASGI scope that the request is inside `database`, until the block ends."""
    outer = {key: scope[key] for key in (_DATABASES, _INSTALLATION) if key in scope}
    scope[_DATABASES] = (*scope.get(_DATABASES, ()), database)
    scope[_INSTALLATION] = installation
    try:
        yield
    finally:
        # An application may try several others with one scope, one after the other.
        del scope[_DATABASES], scope[_INSTALLATION]
        scope.update(outer)


def installation_of(scope: Scope) -> Installation | None:
    """The installation of the innermost application that has one."""
    installation: Installation | None = scope.get(_INSTALLATION)
    return installation


def _known_to(app: object) -> Installation | None:
    """The installation of an application, or of the one that it is mounted in.

    Once a mounted application has been tried, a scope names that one, to middleware around its parent too.
    """
    states = [getattr(app.state, name, None) for name in (STATE, _PARENT)] if isinstance(app, Starlette) else []
    return next((state for state in states if isinstance(state, Installation)), None)


def problem_response(connection: HTTPConnection, error: Exception) -> Response:
    """The answer to `error` by the table that `install` was given, whatever handlers there are.

    For middleware, whose errors no exception handler sees, and for exception handlers that do something more.

    Raises:
        NotBoundError: `install(app, db)` was not called.
    """
    installation = _known_to(connection.scope.get("app")) or installation_of(connection.scope)
    if installation is None:
        raise NotBoundError("problem_response", "call install(app, db) where the application is made")
    return installation.handlers.respond(connection, error)
