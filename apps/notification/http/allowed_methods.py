"""Which methods there are for a path."""

from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import Scope

from activerow.fastapi import problem_response

_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


async def on_method_not_allowed(request: Request, error: Exception) -> Response:
    """Answer a 405 with the methods of all routes with this path in `Allow`; Starlette names those of the first one."""
    if isinstance(error, HTTPException):
        error.headers = {**(error.headers or {}), "Allow": _allowed_methods(request)}
    return problem_response(request, error)


def _allowed_methods(request: Request) -> str:
    routes: list[BaseRoute] = request.app.routes
    return ", ".join(method for method in _METHODS if any(_answers(route, request.scope, method) for route in routes))


def _answers(route: BaseRoute, scope: Scope, method: str) -> bool:
    match, _ = route.matches({**scope, "method": method})
    return match is Match.FULL
