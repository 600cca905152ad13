"""Answers for everything that goes wrong."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest
from sqlalchemy import text

from activerow.errors import (
    ActiveRowError,
    CommitUnknownError,
    DatabaseError,
    DeadlockError,
    ForeignKeyViolationError,
    NotNullViolationError,
    PendingWorkError,
    PoolExhaustedError,
    RecordNotFoundError,
    SaveError,
    StaleRecordError,
    UnavailableError,
    UniqueViolationError,
)
from activerow.fastapi import Problems
from notification.app import create_app
from notification.http.problems import PROBLEMS
from notification.models import Users, db
from notification.settings import Settings
from tests.notification.tools.service import ADA, registered, running

ME = "/api/v1/users/me"
KEYS = {"type", "title", "status", "code", "message", "detail"}


@pytest.fixture
async def failing(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service with an endpoint that fails."""
    app = create_app(settings)

    @app.get("/broken")
    async def broken() -> None:
        raise ZeroDivisionError("the password is hunter2")

    async with running(app) as client:
        yield client


async def test_a_problem_has_these_members(client: httpx.AsyncClient, ada: dict[str, str]) -> None:
    """Every error of the service has one shape and one media type."""
    answer = await client.post("/api/v1/auth/register/email", json=ADA)

    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(problem) == KEYS
    assert (problem["status"], problem["code"][:3]) == (answer.status_code, str(answer.status_code))


@pytest.mark.parametrize(
    ("method", "path", "status", "word"),
    [("GET", "/nowhere", 404, "not_found"), ("DELETE", "/health", 405, "method_not_allowed")],
)
async def test_what_the_framework_refuses_is_a_problem_too(
    client: httpx.AsyncClient, method: str, path: str, status: int, word: str
) -> None:
    """An unknown path and a wrong method have the shape of all problems."""
    answer = await client.request(method, path)

    assert (answer.status_code, answer.json()["type"], answer.json()["code"]) == (status, word, f"{status}0000")
    assert set(answer.json()) == KEYS


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("DELETE", "/health", "GET"), ("POST", ME, "GET, PATCH, DELETE"), ("PUT", f"{ME}/apikeys", "GET, POST")],
)
async def test_a_wrong_method_names_the_right_ones(
    client: httpx.AsyncClient, ada: dict[str, str], method: str, path: str, allowed: str
) -> None:
    """All of them, also where each has a route of its own (RFC 9110, 10.2.1)."""
    answer = await client.request(method, path, headers=ada)

    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)


async def test_an_unexpected_error_tells_a_client_nothing(failing: httpx.AsyncClient) -> None:
    """The answer is a 500 with the request's id, readable by a browser of an allowed origin."""
    answer = await failing.get("/broken", headers={"origin": "https://shop.example", "x-request-id": "r-1"})

    assert (answer.status_code, answer.json()["code"]) == (500, "5000000")
    assert answer.headers["access-control-allow-origin"] == "https://shop.example"
    assert answer.headers["x-request-id"] == "r-1"
    assert "hunter2" not in answer.text
    assert "ZeroDivision" not in answer.text


async def test_json_that_is_none_is_a_422(client: httpx.AsyncClient) -> None:
    """A body that cannot be read is told like one that does not fit."""
    answer = await client.post(
        "/api/v1/auth/login/email", content=b'{"email": ', headers={"content-type": "application/json"}
    )

    assert (answer.status_code, answer.json()["code"]) == (422, "4220001")


@pytest.mark.parametrize("body", [b"\xff", b"[" * 100_000])
async def test_a_body_that_cannot_be_read_is_a_400(client: httpx.AsyncClient, body: bytes) -> None:
    """Not UTF-8, or deeper than any reader goes: a problem of its own."""
    answer = await client.post("/api/v1/auth/login/email", content=body, headers={"content-type": "application/json"})

    assert (answer.status_code, answer.json()["type"], answer.json()["code"]) == (400, "bad_request", "4000000")
    assert answer.json()["message"] == "The body could not be read."


@pytest.mark.parametrize(
    ("error", "status", "word", "code"),
    [
        (SaveError(model="Users", operation="insert"), 500, "save_error", "5000001"),
        (SaveError(model="Users", operation="delete"), 500, "save_error", "5000002"),
        (DatabaseError(operation="update"), 500, "database_error", "5000001"),
        (DatabaseError(operation="delete"), 500, "database_error", "5000002"),
        (DatabaseError(operation="select"), 500, "database_error", "5000003"),
        (CommitUnknownError(operation="commit"), 500, "commit_unknown", "5000004"),
        (PendingWorkError("app.py:1"), 500, "pending_work", "5000005"),
        (RecordNotFoundError("Users"), 404, "record_not_found", "4040001"),
        (UniqueViolationError(model="Users", operation="insert"), 409, "unique_violation", "4090002"),
        (ForeignKeyViolationError(operation="delete"), 409, "foreign_key_violation", "4090003"),
        (ForeignKeyViolationError(operation="insert"), 422, "foreign_key_violation", "4220005"),
        (StaleRecordError(operation="delete"), 409, "stale_record", "4090004"),
        (NotNullViolationError(operation="update"), 422, "not_null_violation", "4220002"),
        (UnavailableError(operation="connect"), 503, "unavailable", "5030001"),
        (PoolExhaustedError(operation="connect"), 503, "pool_exhausted", "5030002"),
        (DeadlockError(operation="update"), 503, "deadlock", "5030003"),
    ],
)
def test_every_database_error_has_its_code(error: ActiveRowError, status: int, word: str, code: str) -> None:
    """The number says what failed, the library's word says why."""
    problem = Problems(table=PROBLEMS).document(error)

    assert (problem["status"], problem["type"], problem["code"]) == (status, word, code)


@pytest.mark.parametrize(("action", "code"), [("UPDATE", "5000001"), ("DELETE", "5000002")])
async def test_what_a_trigger_refuses_is_a_500(settings: Settings, action: str, code: str) -> None:
    """A failure that is nobody's mistake says whether saving or deleting failed, and no more."""
    app = create_app(settings)

    @app.post("/save-and-delete")
    async def save_and_delete() -> None:
        user = await Users.get(email="ada@example.com")
        await user.update(name="Ada")
        await user.delete()

    async with running(app) as client:
        await registered(client, ADA)
        async with db.transaction() as session:
            await session.execute(
                text(f"CREATE TRIGGER t BEFORE {action} ON users BEGIN SELECT RAISE(ABORT, 'hunter2'); END")
            )
        answer = await client.post("/save-and-delete")

    assert (answer.status_code, answer.json()["code"]) == (500, code)
    assert "hunter2" not in answer.text


def test_what_may_be_tried_again_says_when() -> None:
    """A collision with another request is over in a moment."""
    answer = Problems(table=PROBLEMS).response(DeadlockError())

    assert answer.headers["retry-after"] == "1"


def test_a_number_stands_for_one_kind_of_problem() -> None:
    """Two rows have the same code only when they say the same, and it begins with their status."""
    titles: dict[str, set[str]] = {}
    for row in PROBLEMS.values():
        assert row.code is not None
        assert row.code.startswith(str(row.status))
        titles.setdefault(row.code, set()).add(row.title)

    assert {code: names for code, names in titles.items() if len(names) > 1} == {}


async def test_another_host_name_is_refused(settings: Settings) -> None:
    """Only requests for the hosts in TRUSTED_HOSTS are answered."""
    app = create_app(settings.model_copy(update={"trusted_hosts": ("*.example.com",)}))

    async with running(app) as client:
        refused = await client.get("/health", headers={"host": "evil.test"})
        answered = await client.get("/health", headers={"host": "api.example.com"})

    assert (refused.status_code, refused.json()["code"]) == (400, "4000002")
    assert answered.status_code == 200


async def test_an_origin_that_is_not_allowed_gets_no_permission(client: httpx.AsyncClient) -> None:
    """Browsers show an answer to the origins in ALLOWED_ORIGINS only."""
    allowed = await client.get("/health", headers={"origin": "https://shop.example"})
    other = await client.get("/health", headers={"origin": "https://evil.example"})

    assert allowed.headers["access-control-allow-origin"] == "https://shop.example"
    assert "access-control-allow-origin" not in other.headers


@pytest.mark.parametrize("sent", ["", "two\twords", "x" * 65, "naïve"])
async def test_a_request_has_an_id(client: httpx.AsyncClient, sent: str) -> None:
    """The caller's own where it is a sane one, else a new one."""
    kept = await client.get("/health", headers={"x-request-id": "trace-1.2:3_4"})
    made = await client.get("/health", headers=[(b"x-request-id", sent.encode("latin-1"))])

    assert kept.headers["x-request-id"] == "trace-1.2:3_4"
    assert len(made.headers["x-request-id"]) == 32


async def test_the_index_tells_the_time(client: httpx.AsyncClient) -> None:
    """One line of plain text: name, and the clock in UTC."""
    answer = await client.get("/")

    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert re.fullmatch(r"Notification API \(UTC: \d{4}\.\d\d\.\d\d \d\d:\d\d:\d\d\)", answer.text)


async def test_health_is_ok(client: httpx.AsyncClient) -> None:
    """The process answers."""
    answer = await client.get("/health")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
