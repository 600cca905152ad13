"""What holds for every endpoint of both services."""

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType

import pytest
from fastapi.routing import APIRoute

import notification.routes
import shop.routes
from tests.serving.endpoints import endpoints, in_threads, read_twice


def _of(package: ModuleType) -> Iterator[APIRoute]:
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        yield from endpoints(import_module(module.name).router.routes)


ENDPOINTS = [*_of(notification.routes), *_of(shop.routes)]


def _name(route: APIRoute) -> str:
    return f"{route.endpoint.__module__}.{route.endpoint.__name__}"


@pytest.mark.parametrize("route", ENDPOINTS, ids=_name)
def test_nothing_runs_in_a_thread(route: APIRoute) -> None:
    """Endpoints and dependencies are coroutine functions: a thread takes longer than what most of them do."""
    assert in_threads(route) == []


@pytest.mark.parametrize("route", ENDPOINTS, ids=_name)
def test_each_part_of_a_request_is_read_once(route: APIRoute) -> None:
    """What is wrong with it is told once then."""
    assert read_twice(route) == []
