"""The routes of the service as they are: what is tested for each of them is tested for a new one too."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from fastapi import FastAPI
from starlette.routing import BaseRoute, Mount, Route

from notification.http.access import Door, door_to

# Of parameters that name a kind or a file, and no record, a value.
KINDS = {"sns_type": "email", "provider": "google", "name": "docs.js"}


class Endpoint(NamedTuple):
    """One method of one route."""

    method: str
    path: str

    @property
    def door(self) -> Door:
        """What it takes to come in."""
        return door_to(self.path)

    @property
    def ids(self) -> list[str]:
        """The parameters in its path that name a record."""
        names = [part.strip("{}") for part in self.path.split("/") if part.startswith("{")]
        return [name for name in names if name not in KINDS]

    def url(self, **ids: int) -> str:
        """Its path with these ids."""
        return self.path.format(**KINDS, **ids)


def endpoints(app: FastAPI) -> list[Endpoint]:
    """Every method of every route of the application."""
    return [Endpoint(method, route.path) for route in routes(app.routes) for method in sorted(route.methods or ())]


def routes(of: Sequence[BaseRoute]) -> Iterator[Route]:
    """Routes, also those of routers that were included. /admin has a door of its own: test_admin.py."""
    for route in of:
        if isinstance(route, Route):
            yield route
        elif not isinstance(route, Mount):
            yield from routes(getattr(getattr(route, "original_router", route), "routes", []))


def body_fields(app: FastAPI) -> dict[Endpoint, set[str]]:
    """The fields that each endpoint with a body knows, as the OpenAPI document has them."""
    document = app.openapi()
    found: dict[Endpoint, set[str]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if content := operation.get("requestBody", {}).get("content"):
                name = _schema_of(content)["$ref"].rpartition("/")[2]
                found[Endpoint(method.upper(), path)] = set(document["components"]["schemas"][name]["properties"])
    return found


def _schema_of(content: dict[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = content["application/json"]["schema"]
    return schema
