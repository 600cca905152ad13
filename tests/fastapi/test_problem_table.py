"""`install(app, db, problems=table)`: how an application answers its own errors, and everything else, by one table."""

import logging
from typing import Any

import pytest
from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from activerow import Database
from activerow.errors import (
    DatabaseError,
    DeadlockError,
    ForeignKeyViolationError,
    NotBoundError,
    RecordNotFoundError,
    SaveError,
    UniqueViolationError,
    UsageError,
)
from activerow.fastapi import Problem, Problems, install, problem_response, problem_responses
from tests.models.web import client_of, get


class RefusedError(Exception):
    """A refusal that says a lot about itself."""

    code = "refused"
    message = "Not now."
    detail = "The shop is closed on Sundays."
    retry_after = 60
    places = (("lines", 1, "count"),)


class SoldOutError(RefusedError):
    """A finer one."""


class OutOfTeaError(Exception):
    """A refusal that says nothing but its text."""


REFUSED = {RefusedError: Problem(409, "4090101", "Refused")}


def make(db: Database, error: Exception, **options: Any) -> FastAPI:
    """An application whose endpoint raises `error`."""
    app = FastAPI()
    install(app, db, **options)

    @app.get("/")
    async def fail() -> None:
        raise error

    return app


@pytest.fixture
def db() -> Database:
    """A database that nobody asks."""
    return Database("sqlite://")


# -- rows ------------------------------------------------------------------------------------------------------------


async def test_an_error_of_the_application_speaks_for_itself(db: Database) -> None:
    """Status, code and title are of the table; what happened, where and for how long the error says."""
    answer = await get(make(db, SoldOutError(), problems=REFUSED))

    assert (answer.status_code, answer.headers["content-type"]) == (409, "application/problem+json")
    assert answer.headers["retry-after"] == "60"
    assert answer.json() == {
        "type": "refused",
        "title": "Refused",
        "status": 409,
        "detail": "The shop is closed on Sundays.",
        "instance": "/",
        "code": "4090101",
        "message": "Not now.",
        "errors": [{"loc": ["body", "lines", 1, "count"], "msg": "Not now.", "type": "refused"}],
    }


async def test_an_error_that_says_little_is_told_by_its_text_and_its_class(db: Database) -> None:
    """A tuple is a row too."""
    answer = await get(make(db, OutOfTeaError("only coffee"), problems={OutOfTeaError: (409, "4090102", "No tea")}))

    problem = answer.json()
    assert (problem["type"], problem["code"], problem["title"]) == ("out_of_tea", "4090102", "No tea")
    assert (problem["message"], problem["detail"]) == ("only coffee", "only coffee")


def test_a_row_with_a_message_lets_no_error_speak() -> None:
    """It is what a client reads about any error of the kind."""
    row = Problem(409, None, "Refused", "It was refused.", headers={"X-Reason": "none"})
    problems = Problems(table={RefusedError: row})

    document, answer = problems.document(RefusedError()), problems.response(RefusedError())

    assert (document["message"], document["detail"], document["code"]) == ("It was refused.",) * 2 + ("refused",)
    assert "errors" not in document
    assert answer.headers["x-reason"] == "none"
    assert "retry-after" not in answer.headers


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SaveError(operation="delete"), "5000002"),
        (SaveError(operation="insert"), "5000001"),
        (DatabaseError(operation="delete"), "5000003"),
        (UniqueViolationError(operation="delete"), "unique_violation"),
        (RecordNotFoundError("User"), "record_not_found"),
    ],
)
def test_the_nearest_class_decides(error: Exception, code: str) -> None:
    """Of one class the row with the operation; the library's own rows are nearer than those of a base."""
    table = {
        SaveError: Problem(500, "5000001", "Saving failed"),
        (SaveError, "delete"): Problem(500, "5000002", "Deleting failed"),
        DatabaseError: Problem(500, "5000003", "Database error"),
    }

    assert Problems(table=table).document(error)["code"] == code


def test_a_library_error_without_a_message_keeps_its_sentence() -> None:
    """Not its text, which is for programmers."""
    taken = UniqueViolationError(model="User", columns=("email",), constraint="uq_users_email")
    short, long = [
        Problems(table={UniqueViolationError: Problem(409, "4090002", "Taken", message)}).document(taken)
        for message in (None, "Somebody has it.")
    ]

    assert (short["title"], short["message"]) == ("Taken", "email: another record has the same value")
    assert (long["message"], long["errors"][0]["msg"]) == ("Somebody has it.", "Somebody has it.")


def test_what_is_no_key_is_refused() -> None:
    """A code word in the table would never be found."""
    wrong: Any = {"unique_violation": Problem(409, "4090002", "Taken")}

    with pytest.raises(UsageError, match="'unique_violation' is no class of errors"):
        Problems(table=wrong)


def test_openapi_shows_the_codes_of_the_table() -> None:
    """The same table documents what it answers."""
    table = {UniqueViolationError: Problem(409, "4090002", "Taken")}

    documented = problem_responses(409, problems=table)[409]

    example = documented["content"]["application/problem+json"]["example"]
    assert (documented["description"], example["code"]) == ("Taken", "4090002")


# -- what the framework refuses, and what nobody expected ------------------------------------------------------------

FRAMEWORK = {
    404: Problem(404, "4040000", "Not found", "There is nothing here."),
    RequestValidationError: Problem(422, "4220001", "Not valid"),
    Exception: Problem(500, "5000000", "Failed"),
}


async def test_a_status_answers_what_the_framework_refuses(db: Database) -> None:
    """An unknown path, and an `HTTPException`, whose detail and headers are told."""
    app = make(db, HTTPException(404, "no tea", {"X-Reason": "sold out"}), problems=FRAMEWORK)

    tea, path = await get(app), await get(app, "/nowhere")

    assert (tea.json()["type"], tea.json()["code"], tea.json()["detail"]) == ("not_found", "4040000", "no tea")
    assert (tea.json()["message"], tea.headers["x-reason"]) == ("There is nothing here.", "sold out")
    assert (path.json()["code"], path.headers["content-type"]) == ("4040000", "application/problem+json")


@pytest.mark.parametrize("body", ['["hunter2", NaN]', f"[{', '.join(['0.5'] * 1000)}]", '{"\\ud800": "hunter2"}'])
async def test_a_request_that_does_not_fit_is_told_without_what_was_sent(
    db: Database, caplog: pytest.LogCaptureFixture, body: str
) -> None:
    """Not what JSON cannot hold, nor a password, which the log does not repeat either; and not without end."""
    caplog.set_level(logging.INFO, "activerow.fastapi")
    app = FastAPI()
    install(app, db, problems=FRAMEWORK)

    @app.post("/")
    async def add(body: list[int] | dict[str, int]) -> None:
        return None

    async with client_of(app) as client:
        answer = await client.post("/", content=body, headers={"content-type": "application/json"})

    assert (answer.status_code, answer.json()["type"], answer.json()["code"]) == (422, "validation_error", "4220001")
    assert 0 < len(answer.json()["errors"]) <= 20
    assert all(set(error) == {"loc", "msg", "type"} for error in answer.json()["errors"])
    assert "hunter2" not in answer.text + caplog.text


@pytest.mark.parametrize("path", ["/nowhere", "/?number=x"])
async def test_what_no_row_answers_is_the_frameworks(db: Database, path: str) -> None:
    """Without a row FastAPI answers as always."""
    app = FastAPI()
    install(app, db, problems=REFUSED)

    @app.get("/")
    async def read(number: int) -> None:
        return None

    answer = await get(app, path)

    assert answer.headers["content-type"] == "application/json"
    assert set(answer.json()) == {"detail"}


async def test_what_nobody_expected_tells_nothing(db: Database) -> None:
    """Neither its text nor its class, whatever the row leaves out and the error says about itself."""
    answer = await get(make(db, RefusedError("hunter2"), problems=FRAMEWORK))

    assert (answer.status_code, answer.json()["type"], answer.json()["code"]) == (500, "internal_error", "5000000")
    for secret in ("hunter2", "Refused", "refused", "Sunday", "lines"):
        assert secret not in answer.text


# -- handlers, the hook, middleware ----------------------------------------------------------------------------------


@pytest.mark.parametrize("first", ["handler", "install"])
async def test_a_handler_of_the_application_wins_over_the_table(db: Database, first: str) -> None:
    """Whichever comes first."""
    app = FastAPI()

    async def on_refused(request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({}, 418)

    if first == "handler":
        app.add_exception_handler(RefusedError, on_refused)
    install(app, db, problems=REFUSED)
    app.add_exception_handler(RefusedError, on_refused)

    @app.get("/")
    async def fail() -> None:
        raise RefusedError

    assert (await get(app)).status_code == 418


async def test_the_hook_sees_each_error_before_its_answer(db: Database, caplog: pytest.LogCaptureFixture) -> None:
    """It may change the document, and it writes the log instead of the library."""
    caplog.set_level(logging.INFO, "activerow.fastapi")
    seen: list[tuple[str, Exception, int]] = []

    def on_problem(request: HTTPConnection, error: Exception, document: dict[str, Any]) -> None:
        seen.append((request.url.path, error, document["status"]))
        document["request_id"] = "r1"
        del document["instance"]

    error = DeadlockError()
    answer = await get(make(db, error, on_problem=on_problem))

    assert seen == [("/", error, 503)]
    assert answer.json()["request_id"] == "r1"
    assert "instance" not in answer.json()
    assert [record for record in caplog.records if record.name == "activerow.fastapi"] == []


async def test_a_refusal_of_the_application_is_a_line_without_its_text(
    db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """Below 500 it is for the curious; its text may quote what was sent."""
    caplog.set_level(logging.INFO, "activerow.fastapi")

    await get(make(db, RefusedError("hunter2"), problems=REFUSED))

    (record,) = [record for record in caplog.records if record.name == "activerow.fastapi"]
    assert (record.levelname, record.getMessage()) == ("INFO", "GET /: 409 refused: RefusedError")


async def test_a_failure_of_the_applications_own_quotes_no_row(db: Database, caplog: pytest.LogCaptureFixture) -> None:
    """What led to it may be a driver's error, whose text does."""
    error = RefusedError("hunter2")
    error.__cause__ = ValueError("Key (email)=(ada@example.com) already exists")

    await get(make(db, error, problems={RefusedError: Problem(503, "5030001", "Refused")}))

    (record,) = [record for record in caplog.records if record.name == "activerow.fastapi"]
    assert (record.levelname, record.getMessage()) == ("ERROR", "GET /: 503 refused: RefusedError")
    assert "hunter2" not in caplog.text
    assert "ada@example.com" not in caplog.text


class Doorkeeper:
    """A middleware that refuses everybody."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "http":
            await problem_response(HTTPConnection(scope), RefusedError())(scope, receive, send)


async def test_a_middleware_answers_by_the_table(db: Database) -> None:
    """No exception handler sees its errors."""
    app = FastAPI()
    install(app, db, problems=REFUSED)
    app.add_middleware(Doorkeeper)

    answer = await get(app, "/anything")

    assert (answer.status_code, answer.json()["code"], answer.json()["instance"]) == (409, "4090101", "/anything")


class Replacing:
    """A middleware that answers after the application has."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""

        async def drop(_: Message) -> None:
            """Send nothing."""

        await self.app(scope, receive, drop)
        await problem_response(HTTPConnection(scope), RefusedError())(scope, receive, send)


@pytest.mark.parametrize("path", ["/", "/sub", "/sub/sub/nowhere"])
async def test_a_middleware_answers_by_the_table_after_a_mounted_application(db: Database, path: str) -> None:
    """The scope names the mounted application then."""
    app, sub, inner = make(db, RefusedError(), problems=REFUSED), FastAPI(), FastAPI()
    sub.mount("/sub", inner)
    app.mount("/sub", sub)
    app.add_middleware(Replacing)

    assert (await get(app, path)).json()["code"] == "4090101"


async def test_a_handler_that_does_more_answers_by_the_table(db: Database) -> None:
    """It changes the error, or notes it, and leaves the answer to the table."""
    app = make(db, RefusedError(), problems=REFUSED)
    noted: list[Exception] = []

    @app.exception_handler(RefusedError)
    async def on_refused(request: Request, error: RefusedError) -> Any:
        noted.append(error)
        return problem_response(request, error)

    assert (await get(app)).json()["code"] == "4090101"
    assert len(noted) == 1


async def test_without_install_there_is_no_table() -> None:
    """The middleware says what is missing."""
    app = FastAPI()
    app.add_middleware(Doorkeeper)

    async with client_of(app, raising=True) as client:
        with pytest.raises(NotBoundError, match="install"):
            await client.get("/")


async def test_two_databases_share_one_table(db: Database) -> None:
    """What the second `install` says is added to what the first did."""
    app = make(db, RefusedError(), problems=REFUSED)
    install(app, Database("sqlite://"), problems=FRAMEWORK)

    assert [(await get(app, path)).json()["code"] for path in ("/", "/nowhere")] == ["4090101", "4040000"]


async def test_a_mounted_application_answers_its_own_paths(db: Database) -> None:
    """Errors of the database are answered by the table there too, what it refuses itself is its own affair."""
    app, sub = (
        make(db, RefusedError(), problems=FRAMEWORK | {DatabaseError: Problem(500, "5000003", "Failed")}),
        FastAPI(),
    )
    app.mount("/sub", sub)

    @sub.get("/fail")
    async def fail() -> None:
        raise DatabaseError

    failed, unknown = await get(app, "/sub/fail"), await get(app, "/sub/nowhere")

    assert (failed.json()["code"], unknown.json()) == ("5000003", {"detail": "Not Found"})


async def test_a_foreign_key_is_answered_by_what_was_done(db: Database) -> None:
    """A row that is referred to cannot be deleted: 409; one that refers to nothing cannot be written: 422."""
    table = {
        ForeignKeyViolationError: Problem(422, "4220102", "Unknown"),
        (ForeignKeyViolationError, "delete"): Problem(409, "4090103", "In use"),
    }
    answers = [
        await get(make(Database("sqlite://"), ForeignKeyViolationError(operation=operation), problems=table))
        for operation in ("insert", "delete")
    ]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(422, "4220102"), (409, "4090103")]
