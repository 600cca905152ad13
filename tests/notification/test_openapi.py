"""The OpenAPI document."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from notification.app import ANSWERS, create_app
from notification.problems import Problem
from notification.settings import Settings

ROUTES = {
    "/": {"get": {200, 400, 500}},
    "/health": {"get": {200, 400, 500}},
    "/ready": {"get": {200, 400, 500, 503}},
    "/api/v1/auth/register/{sns_type}": {"post": {201, 400, 409, 422, 429, 500, 503}},
    "/api/v1/auth/login/{sns_type}": {"post": {200, 400, 401, 422, 429, 500, 503}},
    "/api/v1/auth/{provider}/authorize": {"get": {200, 400, 422, 500, 503}},
    "/api/v1/auth/{provider}/callback": {
        "get": {200, 400, 401, 409, 422, 500, 502, 503},
        "post": {200, 400, 401, 409, 422, 500, 502, 503},
    },
    "/api/v1/users/me/identities": {"get": {200, 400, 401, 500, 503}},
    "/api/v1/users/me/identities/{provider}": {
        "delete": {204, 400, 401, 404, 409, 422, 500, 503},
        "post": {200, 400, 401, 403, 422, 429, 500, 503},
    },
    "/api/v1/auth/refresh": {"post": {200, 400, 401, 422, 429, 500, 503}},
    "/api/v1/auth/logout": {"post": {204, 400, 422, 429, 500, 503}},
    "/api/v1/users/me/password": {"put": {200, 400, 401, 403, 422, 429, 500, 503}},
    "/api/v1/users/me": {
        "delete": {204, 400, 401, 409, 500, 503},
        "get": {200, 400, 401, 500, 503},
        "patch": {200, 400, 401, 409, 422, 500, 503},
    },
    "/api/v1/services": {"get": {200, 400, 401, 429, 500, 503}},
    "/api/v1/users/me/apikeys": {
        "get": {200, 400, 401, 500, 503},
        "post": {201, 400, 401, 409, 422, 500, 503},
    },
    "/api/v1/users/me/apikeys/{key_id}": {
        "patch": {200, 400, 401, 404, 422, 500, 503},
        "delete": {204, 400, 401, 404, 422, 500, 503},
    },
    "/api/v1/users/me/apikeys/{key_id}/whitelists": {
        "get": {200, 400, 401, 404, 422, 500, 503},
        "post": {200, 201, 400, 401, 404, 409, 422, 500, 503},
    },
    "/api/v1/users/me/apikeys/{key_id}/whitelists/{address_id}": {
        "delete": {204, 400, 401, 404, 422, 500, 503},
    },
    "/api/v1/services/email": {"post": {202, 400, 401, 409, 422, 429, 500, 503}},
    "/api/v1/services/kakao": {"post": {202, 400, 401, 409, 422, 429, 500, 503}},
    "/api/v1/services/webhook": {"post": {202, 400, 401, 409, 422, 429, 500, 503}},
    "/api/v1/services/notifications": {"get": {200, 400, 401, 422, 429, 500, 503}},
    "/api/v1/services/notifications/{notification_id}": {"get": {200, 400, 401, 404, 422, 429, 500, 503}},
}


@pytest.fixture
def document(settings: Settings) -> dict[str, Any]:
    """The document of the service."""
    app: FastAPI = create_app(settings)
    return app.openapi()


def _problems(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (status, response)
        for path in document["paths"].values()
        for operation in path.values()
        for status, response in operation["responses"].items()
        if status >= "400"
    ]


def test_every_route_tells_its_answers(document: dict[str, Any]) -> None:
    """Paths, methods and statuses are these."""
    told = {
        path: {method: {int(status) for status in operation["responses"]} for method, operation in operations.items()}
        for path, operations in document["paths"].items()
    }

    assert told == ROUTES


def test_every_error_has_an_example(document: dict[str, Any]) -> None:
    """Each example is a problem with the status and the code that the service answers."""
    for status, response in _problems(document):
        (media_type,) = response["content"]
        for word, example in response["content"][media_type]["examples"].items():
            problem = Problem.model_validate(example["value"])
            assert media_type == "application/problem+json"
            assert (str(problem.status), problem.type, problem.code) == (status, word, ANSWERS[word].code)


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    """The schemas that are named are there, and FastAPI's own error schemas are not."""
    schemas = document["components"]["schemas"]

    assert all(
        response["content"]["application/problem+json"]["schema"] == {"$ref": "#/components/schemas/Problem"}
        for _, response in _problems(document)
    )
    assert {"Problem", "Fault", "UserMe", "UserChange", "TokenPair", "Credentials", "Health"} <= set(schemas)
    assert "HTTPValidationError" not in schemas


def test_the_users_need_a_token(document: dict[str, Any]) -> None:
    """The page at /docs offers to log in for those routes, and for no others."""
    secured = {
        path
        for path, operations in document["paths"].items()
        for operation in operations.values()
        if operation.get("security")
    }

    assert secured == {path for path in document["paths"] if path.startswith(("/api/v1/users/me", "/api/v1/services"))}


async def test_the_page_is_served(client: httpx.AsyncClient) -> None:
    """A browser finds the documentation at /docs."""
    answer = await client.get("/docs")

    assert answer.status_code == 200
    assert "/openapi.json" in answer.text
