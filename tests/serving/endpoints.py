"""What FastAPI makes of an application's endpoints: their parameters and dependencies."""

import inspect
from collections import Counter
from collections.abc import Iterable, Iterator

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Mount


def endpoints(of: Iterable[BaseRoute]) -> Iterator[APIRoute]:
    """The endpoints, also those of routers that were included; not those of mounted applications."""
    for route in of:
        if isinstance(route, APIRoute):
            yield route
        elif not isinstance(route, Mount):
            yield from endpoints(getattr(getattr(route, "original_router", route), "routes", []))


def _parts(dependant: Dependant) -> Iterator[Dependant]:
    """The endpoint and its dependencies, each as often as it is asked for."""
    yield dependant
    for each in dependant.dependencies:
        yield from _parts(each)


def read_twice(route: APIRoute) -> list[str]:
    """The parameters that two parties read: FastAPI lists what is wrong with one of these twice."""
    read: Counter[str] = Counter()
    for part in _parts(route.dependant):
        for name in ("path_params", "query_params", "header_params", "cookie_params", "body_params"):
            read.update(f"{name}: {field.alias}" for field in getattr(part, name))
    return [name for name, times in read.items() if times > 1]


def in_threads(route: APIRoute) -> list[str]:
    """The dependencies, and the endpoint, that FastAPI calls in a thread each."""
    calls = [part.call for part in _parts(route.dependant)]
    return [repr(call) for call in calls if call is not None and not _is_coroutine_function(call)]


def _is_coroutine_function(call: object) -> bool:
    if inspect.iscoroutinefunction(call):
        return True
    # A class is called in a thread, whatever its instances are; an instance is what its `__call__` is.
    return not inspect.isclass(call) and inspect.iscoroutinefunction(getattr(call, "__call__", None))  # noqa: B004
