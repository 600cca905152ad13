"""The OpenAPI document."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from notification.app import create_app
from notification.http.problems import PROBLEMS
from notification.schemas.problems import Problem
from notification.settings import Settings

ALWAYS = {400, 413, 500}  # an unknown host, a body that is too large, what nobody expected
DATABASE = {503, 504}  # not there, or not in time
ROUTES = {
    "/": {"get": ALWAYS | {200}},
    "/health": {"get": ALWAYS | {200}},
    "/ready": {"get": ALWAYS | {200, 503}},
    "/api/v1/auth/register/{sns_type}": {"post": ALWAYS | DATABASE | {201, 409, 422, 429}},
    "/api/v1/auth/login/{sns_type}": {"post": ALWAYS | DATABASE | {200, 401, 422, 429}},
    "/api/v1/auth/refresh": {"post": ALWAYS | DATABASE | {200, 401, 422, 429}},
    "/api/v1/auth/logout": {"post": ALWAYS | DATABASE | {204, 422, 429}},
    "/api/v1/auth/{provider}/authorize": {"get": ALWAYS | {200, 422, 429}},
    "/api/v1/auth/{provider}/callback": {
        "get": ALWAYS | DATABASE | {200, 401, 409, 422, 429, 502},
        "post": ALWAYS | DATABASE | {200, 401, 409, 422, 429, 502},
    },
    "/api/v1/users/me": {
        "get": ALWAYS | DATABASE | {200, 401},
        "delete": ALWAYS | DATABASE | {204, 401, 409},
        "patch": ALWAYS | DATABASE | {200, 401, 409, 422},
    },
    "/api/v1/users/me/sessions": {"delete": ALWAYS | DATABASE | {204, 401}},
    "/api/v1/users/me/password": {"put": ALWAYS | DATABASE | {200, 401, 403, 422, 429}},
    "/api/v1/users/me/identities": {"get": ALWAYS | DATABASE | {200, 401}},
    "/api/v1/users/me/identities/{provider}": {
        "post": ALWAYS | DATABASE | {200, 401, 403, 422, 429},
        "delete": ALWAYS | DATABASE | {204, 401, 404, 409, 422},
    },
    "/api/v1/users/me/apikeys": {
        "get": ALWAYS | DATABASE | {200, 401},
        "post": ALWAYS | DATABASE | {201, 401, 409, 422},
    },
    "/api/v1/users/me/apikeys/{key_id}": {
        "patch": ALWAYS | DATABASE | {200, 401, 404, 422},
        "delete": ALWAYS | DATABASE | {204, 401, 404, 422},
    },
    "/api/v1/users/me/apikeys/{key_id}/whitelists": {
        "get": ALWAYS | DATABASE | {200, 401, 404, 422},
        "post": ALWAYS | DATABASE | {200, 201, 401, 404, 409, 422},
    },
    "/api/v1/users/me/apikeys/{key_id}/whitelists/{address_id}": {"delete": ALWAYS | DATABASE | {204, 401, 404, 422}},
    "/api/v1/services": {"get": ALWAYS | DATABASE | {200, 401, 429}},
    "/api/v1/services/email": {"post": ALWAYS | DATABASE | {202, 401, 409, 422, 429}},
    "/api/v1/services/kakao": {"post": ALWAYS | DATABASE | {202, 401, 409, 422, 429}},
    "/api/v1/services/webhook": {"post": ALWAYS | DATABASE | {202, 401, 409, 422, 429}},
    "/api/v1/services/notifications": {"get": ALWAYS | DATABASE | {200, 401, 422, 429}},
    "/api/v1/services/notifications/{notification_id}": {"get": ALWAYS | DATABASE | {200, 401, 404, 422, 429}},
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
    rows = {(str(row.status), row.code, row.title) for row in PROBLEMS.values()}
    for status, response in _problems(document):
        (media_type,) = response["content"]
        for word, example in response["content"][media_type]["examples"].items():
            problem = Problem.model_validate(example["value"])
            assert media_type == "application/problem+json"
            assert (str(problem.status), problem.type) == (status, word)
            assert (status, problem.code, problem.title) in rows


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    """The schemas that are named are there, and FastAPI's own error schemas are not."""
    schemas = document["components"]["schemas"]

    assert all(
        response["content"]["application/problem+json"]["schema"] == {"$ref": "#/components/schemas/Problem"}
        for _, response in _problems(document)
    )
    assert {"Problem", "Fault", "UserMe", "UserChange", "TokenPair", "Credentials", "Health"} <= set(schemas)
    assert "HTTPValidationError" not in schemas


def test_every_door_is_told(document: dict[str, Any]) -> None:
    """Users need a token; of a signed call key, time and signature are needed together; the rest needs nothing."""
    needed = {"/api/v1/users": [["HTTPBearer"]], "/api/v1/services": [["AccessKey", "SignedAt", "Signature"]]}

    for path, operations in document["paths"].items():
        (wanted,) = [names for above, names in needed.items() if path.startswith(above)] or [[]]
        for operation in operations.values():
            assert [sorted(way) for way in operation.get("security", [])] == [sorted(way) for way in wanted], path


def test_every_answer_tells_its_headers(document: dict[str, Any]) -> None:
    """The request's id everywhere, when to ask again with 429 and 503, and how to log in or sign with 401."""
    more = {"401": {"WWW-Authenticate"}, "429": {"Retry-After"}, "503": {"Retry-After"}}

    for path in document["paths"].values():
        for operation in path.values():
            for status, response in operation["responses"].items():
                assert set(response["headers"]) == {"X-Request-ID"} | more.get(status, set())


async def test_the_page_is_served(client: httpx.AsyncClient) -> None:
    """A browser finds the documentation at /docs."""
    answer = await client.get("/docs")

    assert answer.status_code == 200
    assert "docs/docs.js" in answer.text
