"""Which methods there are for a path."""

from typing import Final

from starlette.requests import Request
from starlette.routing import BaseRoute, Match
from starlette.types import Scope

_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def allowed_methods(request: Request) -> str:
    """For the header `Allow`: the methods of all routes with this path; Starlette names those of the first one."""
    routes: list[BaseRoute] = request.app.routes
    return ", ".join(method for method in _METHODS if any(_answers(route, request.scope, method) for route in routes))


def _answers(route: BaseRoute, scope: Scope, method: str) -> bool:
    match, _ = route.matches({**scope, "method": method})
    return match is Match.FULL
