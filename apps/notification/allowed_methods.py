"""Which methods there are for a path."""

from typing import Final

from starlette.requests import Request
from starlette.routing import BaseRoute, Match

_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def allowed_methods(request: Request) -> str:
    """For the header `Allow`: the methods of all routes with this path; Starlette names those of the first one."""
    routes: list[BaseRoute] = request.app.routes
    asked = ({**request.scope, "method": method} for method in _METHODS)
    return ", ".join(scope["method"] for scope in asked if any(_answers(route, scope) for route in routes))


def _answers(route: BaseRoute, scope: dict[str, object]) -> bool:
    match, _ = route.matches(scope)
    return match is Match.FULL
