"""What the ASGI scope of a request tells about its endpoint: its name, and whether a unit of work may span it."""

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from types import CodeType
from typing import Any

from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import get_flat_params
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.types import Scope

from activerow.errors.call_site import CallSite

_WEBSOCKET = (
    "a websocket cannot have one unit of work for its whole life: open `async with db.transaction():` per piece of work"
)
_GENERATOR = (
    "{endpoint} is a generator, whose body runs after the answer has begun, when the request's unit has ended: "
    "open `async with db.transaction():` in it, or call the models directly"
)
_PLAIN = "{endpoint} runs in a thread of its own, where an async session cannot be used: write `async def`"


def label_of(scope: Scope, routes: Sequence[BaseRoute]) -> str | None:
    """Method and route, as in `GET /users/{id}`, and never the path that was sent; None while no route is known.

    Args:
        scope: Of the request.
        routes: Those of the outermost application.
    """
    template = getattr(_effective_route(scope), "path_format", None) or _path_of(routes, scope.get("endpoint"))
    if template is None:
        return None
    return f"{scope.get('method', 'WEBSOCKET')} {_mounted_at(scope, routes)}{template}"


def _path_of(routes: Sequence[BaseRoute], endpoint: object) -> str | None:
    """The path of the route of Starlette's, which does not put itself into the scope."""
    for route in routes:
        if isinstance(route, Route | WebSocketRoute) and route.endpoint is endpoint:
            return route.path
        below = _path_of(getattr(route, "routes", None) or (), endpoint)
        if below is not None:
            return below
    return None


def _mounted_at(scope: Scope, routes: Sequence[BaseRoute]) -> str:
    """Where the application of the route is mounted, as it is written there; the server's own prefix before it."""
    root: str = scope.get("root_path", "")
    template: str = scope.get("app_root_path", root)
    rest = root[len(template) :]
    while rest:
        mounts = ((each, each.path_regex.match(f"{rest}/")) for each in routes if isinstance(each, Mount))
        mount, match = next(((mount, match) for mount, match in mounts if match is not None), (None, None))
        if mount is None or match is None:
            return template
        template, routes = f"{template}{mount.path}", mount.routes
        rest = f"/{match['path']}".rstrip("/")
    return template


def site_of_endpoint(scope: Scope) -> CallSite | None:
    """Where the endpoint of a request is defined; None while no route is known, or for an object that is called."""
    endpoint = scope.get("endpoint")
    code: CodeType | None = getattr(inspect.unwrap(endpoint), "__code__", None) if callable(endpoint) else None
    return CallSite(code.co_filename, code.co_firstlineno, code.co_name) if code is not None else None


def _effective_route(scope: Scope) -> object:
    """The route with the prefixes of the routers that include it, where FastAPI keeps that apart from the route."""
    state: Mapping[str, object] = scope.get("fastapi") or {}
    return state.get("effective_route_context") or scope.get("route")


def refusal(scope: Scope, is_session: Callable[[object], bool]) -> str | None:
    """Why the endpoint of `scope` cannot have a session of the request, or None where it can.

    `is_session` tells the dependencies that give a session from the others.
    """
    if scope["type"] == "websocket":
        return _WEBSOCKET
    route = scope.get("route")
    if not isinstance(route, APIRoute):
        return None
    endpoint = route.endpoint
    if _is(endpoint, inspect.isasyncgenfunction) or _is(endpoint, inspect.isgeneratorfunction):
        return _GENERATOR.format(endpoint=_name(endpoint))
    takes_session = any(each.name is not None and is_session(each.call) for each in route.dependant.dependencies)
    if takes_session and not is_async(endpoint):
        return _PLAIN.format(endpoint=_name(endpoint))
    return None


def is_async(call: Callable[..., Any]) -> bool:
    """A coroutine function, or an object that is called like one."""
    return _is(call, inspect.iscoroutinefunction)


def _is(call: Callable[..., Any], test: Callable[[Any], bool]) -> bool:
    while isinstance(call, functools.partial):
        call = call.func
    candidates = [call, inspect.unwrap(call)]
    if not inspect.isclass(call):
        candidates.append(getattr(call, "__call__", None))  # noqa: B004  # the method itself is looked at
    return any(test(candidate) for candidate in candidates)


def _name(endpoint: Callable[..., Any]) -> str:
    return getattr(endpoint, "__qualname__", None) or repr(endpoint)


def query_names(scope: Scope) -> frozenset[str]:
    """The names of the query parameters that the endpoint of `scope` and its dependencies declare."""
    dependant: object = getattr(_effective_route(scope), "dependant", None)
    if not isinstance(dependant, Dependant):
        return frozenset()
    return frozenset(field.alias for field in get_flat_params(dependant))
