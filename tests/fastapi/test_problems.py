"""Problem documents: what a client is told about an error, and what only the log is."""

import asyncio
import logging
from contextlib import suppress
from typing import Any

import pytest
from fastapi import FastAPI

from activerow import Database
from activerow.errors import (
    ActiveRowError,
    CheckViolationError,
    CommitUnknownError,
    DatabaseError,
    DeadlockError,
    Facts,
    ForeignKeyViolationError,
    InvalidCursorError,
    InvalidDataError,
    InvalidPageError,
    LockTimeoutError,
    MultipleRecordsError,
    NotNullViolationError,
    PendingWorkError,
    PoolExhaustedError,
    RecordNotFoundError,
    SaveError,
    SerializationError,
    StaleRecordError,
    StatementTimeoutError,
    TransientError,
    UnavailableError,
    UniqueViolationError,
    UnknownFieldError,
    UsageError,
)
from activerow.fastapi import SessionDep, install, problem_responses
from activerow.fastapi.problem_table import kind_of
from activerow.fastapi.problems import Problems
from tests.models.web import Base, User, client_of, get, make_app
from tests.tools.backends.active import MakeDatabase

FACTS: Facts = {
    "model": "User",
    "operation": "insert",
    "columns": ("email",),
    "values": {"email": "ada@example.com"},
    "constraint": "uq_users_email",
    "table": "users",
    "driver_code": "23505",
}
ON_UPDATE: Facts = {**FACTS, "operation": "update"}
ON_DELETE: Facts = {**FACTS, "operation": "delete"}

STATUSES: list[tuple[ActiveRowError, int]] = [
    (UsageError("x"), 500),
    (UnknownFieldError("User", "emial"), 500),
    (PendingWorkError("views.py:3"), 500),
    (InvalidCursorError(), 422),
    (InvalidPageError("page()", "number"), 422),
    (RecordNotFoundError("User", {"id": 7}), 404),
    (MultipleRecordsError("User", {"id": 7}), 500),
    (DatabaseError(**FACTS), 500),
    (SaveError(**FACTS), 500),
    (UniqueViolationError(**FACTS), 409),
    (ForeignKeyViolationError(**FACTS), 422),
    (ForeignKeyViolationError(**ON_UPDATE), 422),
    (ForeignKeyViolationError(**ON_DELETE), 409),
    (NotNullViolationError(**FACTS), 422),
    (CheckViolationError(**FACTS), 422),
    (InvalidDataError(**FACTS), 422),
    (StaleRecordError(**FACTS), 409),
    (TransientError(**FACTS), 503),
    (DeadlockError(**FACTS), 503),
    (SerializationError(**FACTS), 503),
    (LockTimeoutError(**FACTS), 503),
    (UnavailableError(target="db.internal:5432/shop"), 503),
    (PoolExhaustedError(holders=["GET /secret"]), 503),
    (StatementTimeoutError(**FACTS), 504),
    (CommitUnknownError(**FACTS), 500),
]


def name(error: object) -> str:
    return type(error).__name__ if isinstance(error, ActiveRowError) else str(error)


@pytest.mark.parametrize(("error", "status"), STATUSES, ids=name)
def test_every_error_has_its_status(error: ActiveRowError, status: int) -> None:
    """The table of statuses covers the whole tree of errors."""
    answer = Problems().response(error, "/users")

    assert answer.status_code == status
    assert answer.media_type == "application/problem+json"


def test_every_class_of_errors_is_in_the_list_above() -> None:
    """A new class of database errors gets a status on purpose."""
    covered = {type(error) for error, _ in STATUSES}

    assert set(_subclasses(DatabaseError)) <= covered


def _subclasses(cls: type[Any]) -> list[type[Any]]:
    return [
        cls,
        *(each for sub in cls.__subclasses__() if sub.__module__ == cls.__module__ for each in _subclasses(sub)),
    ]


@pytest.mark.parametrize("error", [error for error, _ in STATUSES], ids=name)
def test_a_document_shows_no_internals(error: ActiveRowError) -> None:
    """Neither values nor constraint names, hosts, routes or lines of code reach a client."""
    shown = bytes(Problems().response(error, "/users").body).decode()

    for secret in ("ada@example.com", "uq_users_email", "23505", "db.internal", "secret", "views.py", "emial"):
        assert secret not in shown


def test_a_document_has_the_members_of_rfc_9457() -> None:
    """`type title status detail instance`, and `code`, `message` and `errors` beside them."""
    document = Problems().document(UniqueViolationError(**FACTS), "/users")

    assert document == {
        "type": "unique_violation",
        "title": "Already exists",
        "status": 409,
        "detail": "email: another record has the same value",
        "instance": "/users",
        "code": "unique_violation",
        "message": "email: another record has the same value",
        "errors": [{"loc": ("body", "email"), "msg": "another record has the same value", "type": "unique_violation"}],
    }


def test_errors_has_an_entry_for_each_column() -> None:
    """A constraint over two columns is about both."""
    error = UniqueViolationError(model="Seat", columns=("row", "number"))

    entries = Problems().document(error, "/")["errors"]

    assert [entry["loc"] for entry in entries] == [("body", "row"), ("body", "number")]


@pytest.mark.parametrize(
    "error",
    [
        RecordNotFoundError("User", {"id": 7}),
        UniqueViolationError(model="User"),
        ForeignKeyViolationError(**ON_DELETE),
        DeadlockError(**FACTS),
    ],
    ids=name,
)
def test_errors_is_left_out_where_no_field_of_the_body_is_meant(error: ActiveRowError) -> None:
    """A list of fields stands only where fields of the request are wrong."""
    assert "errors" not in Problems().document(error, "/")


@pytest.mark.parametrize(("error", "seconds"), [(DeadlockError(), "1"), (PoolExhaustedError(), "1")], ids=name)
def test_retry_after_invites_to_try_again(error: ActiveRowError, seconds: str) -> None:
    """What may succeed in a moment says so."""
    assert Problems().response(error, "/").headers["retry-after"] == seconds


@pytest.mark.parametrize("error", [UnavailableError(), StaleRecordError()], ids=name)
def test_retry_after_is_absent_elsewhere(error: ActiveRowError) -> None:
    """Trying again at once would not help."""
    assert "retry-after" not in Problems().response(error, "/").headers


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UniqueViolationError(), "4090001"),
        (DeadlockError(), "5030001"),
        (SaveError(), "5000001"),
        (CommitUnknownError(), "5000009"),
        (PendingWorkError("x"), "pending_work"),
        (NotNullViolationError(), "not_null_violation"),
    ],
    ids=name,
)
def test_the_application_has_codes_of_its_own(error: ActiveRowError, code: str) -> None:
    """A word stands for its finer errors too, where they are answered with the same status."""
    problems = Problems(
        {
            "unique_violation": "4090001",
            "transient_error": "5030001",
            "save_error": "5000001",
            "database_error": "5000009",
        }
    )

    document = problems.document(error, "/")

    assert document["code"] == code
    assert document["type"] == error.code


def test_a_prefix_makes_the_type_an_address() -> None:
    """An application that publishes a page per problem names it."""
    problems = Problems(type_prefix="https://errors.example.com/")

    assert problems.document(SaveError(), "/")["type"] == "https://errors.example.com/save_error"


def test_openapi_documents_the_problems() -> None:
    """`problem_responses` gives OpenAPI a schema and an example per status."""
    app = FastAPI()

    @app.get("/", responses=problem_responses(404, 409, codes={"unique_violation": "4090001"}))
    async def endpoint() -> None:
        return None

    documented = app.openapi()["paths"]["/"]["get"]["responses"]

    example = documented["409"]["content"]["application/problem+json"]["example"]
    assert (example["status"], example["code"]) == (409, "4090001")
    assert documented["404"]["description"] == "Not found"


def test_openapi_has_no_problem_for_every_status() -> None:
    """A status that is never answered is a mistake."""
    with pytest.raises(ValueError, match="418"):
        problem_responses(418)


def test_the_examples_have_the_status_they_stand_for() -> None:
    """The documentation cannot drift from the table."""
    for status, response in problem_responses(404, 409, 422, 500, 503, 504).items():
        assert response["content"]["application/problem+json"]["example"]["status"] == status
    assert kind_of(DatabaseError()).status == 500


# -- over HTTP -------------------------------------------------------------------------------------------------------


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """A database with the table of users."""
    return await make_database(Base)


async def test_a_taken_value_is_a_conflict_on_every_backend(db: Database) -> None:
    """The same document, whatever the database and its driver said."""
    app = FastAPI()
    install(app, db, codes={"unique_violation": "4090001"})

    @app.post("/users/{email}")
    async def create(email: str) -> None:
        await User.create(email=email)

    async with client_of(app) as client:
        await client.post("/users/ada@example.com")
        answer = await client.post("/users/ada@example.com?token=x")

    assert answer.status_code == 409
    assert answer.json()["code"] == "4090001"
    assert answer.json()["instance"] == "/users/ada@example.com"
    assert answer.json()["errors"][0]["loc"] == ["body", "email"]


async def test_a_missing_row_is_not_found(db: Database) -> None:
    """`Model.get` needs no `if` in a handler."""
    app = make_app(db)

    @app.get("/{user_id}")
    async def read(user_id: int) -> None:
        await User.get(user_id)

    answer = await get(app, "/7")

    assert (answer.status_code, answer.json()["detail"]) == (404, "User not found")


async def test_an_error_of_the_client_is_a_line_for_the_curious(db: Database, caplog: pytest.LogCaptureFixture) -> None:
    """Below 500 the record is `info`, without a traceback, with model and driver code as attributes."""
    caplog.set_level(logging.INFO, "activerow.fastapi")
    app = make_app(db)

    @app.get("/")
    async def create() -> None:
        await User.create(email="ada@example.com")

    await get(app)
    await get(app)

    (record,) = [record for record in caplog.records if record.name == "activerow.fastapi"]
    assert (record.levelname, record.exc_info) == ("INFO", None)
    assert vars(record)["model"] == "User"
    assert vars(record)["driver_code"]
    assert "ada@example.com" not in caplog.text


async def test_an_error_of_the_server_is_logged_with_its_traceback(
    db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """From 500 on the record is an error and has the exception."""
    app = make_app(db)

    @app.get("/")
    async def wrong() -> None:
        await User.create(emial="ada@example.com")

    await get(app)

    (record,) = [record for record in caplog.records if record.name == "activerow.fastapi"]
    assert record.levelname == "ERROR"
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], UnknownFieldError)


async def test_a_busy_database_is_a_line_in_the_log(
    make_database: MakeDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    """A 503 has no traceback: it says who has the connections, by the lines of the program, and by their routes."""
    db = await make_database(Base, pool_size=1, max_overflow=0, pool_timeout=0.01)
    app, held, over = make_app(db), asyncio.Event(), asyncio.Event()

    @app.get("/holders/{number}")
    async def hold(number: int, session: SessionDep) -> None:
        await User.filter_by(id=number).first()
        held.set()
        await over.wait()

    @app.get("/lone")
    async def read() -> None:
        await User.query().first()

    @app.get("/unit")
    async def read_in_a_unit(session: SessionDep) -> None:
        async with db.transaction():
            await User.query().first()

    holding = asyncio.create_task(get(app, "/holders/7"))
    await held.wait()
    answers = [await get(app, "/lone"), await get(app, "/unit")]
    over.set()
    await holding

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(503, "pool_exhausted")] * 2
    records = [record for record in caplog.records if record.name == "activerow.fastapi"]
    assert [(record.levelname, record.exc_info) for record in records] == [("ERROR", None)] * 2
    for record in records:
        assert " for GET /holders/{number}, " in record.getMessage()
        assert f"test_problems.py:{hold.__code__.co_firstlineno} in hold" in record.getMessage()


async def test_the_log_of_an_error_of_the_server_quotes_no_row(db: Database, caplog: pytest.LogCaptureFixture) -> None:
    """The first failure is in the traceback, the driver's text about it, which quotes values, is not."""
    app = make_app(db)

    @app.get("/{name}")
    async def create(name: str, session: SessionDep) -> None:
        for _ in range(3):
            with suppress(UniqueViolationError):
                await User.create(email=f"{name}@example.com")

    await get(app, "/grace")

    assert "UniqueViolationError: User.email is taken" in caplog.text
    assert "TransactionBrokenError: " in caplog.text
    assert "grace@example.com" not in caplog.text
