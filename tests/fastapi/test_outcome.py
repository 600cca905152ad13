"""What becomes of a request's work: committed before the answer, or rolled back."""

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import AsyncIterator
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, BackgroundTasks, Depends, FastAPI, HTTPException, Response
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse
from sqlalchemy import Connection, ForeignKey, UniqueConstraint, event, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from starlette.background import BackgroundTask
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.routing import Mount, Route
from starlette.types import Message, Receive, Scope, Send

from activerow import ActiveRecord, Database, events
from activerow.errors import ScopeClosedError, TransactionBrokenError, UniqueViolationError
from activerow.fastapi import SessionDep
from activerow.mixins import AutoTableName
from tests.models.web import Base, User, client_of, emails, get, make_app, on_commit_statement
from tests.tools.backends.active import MakeDatabase
from tests.tools.backends.plugin import OtherConnection


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """A database with the table of users."""
    return await make_database(Base)


@pytest.fixture
def app(db: Database) -> FastAPI:
    """An application without endpoints."""
    return make_app(db)


# -- the commit and the answer ---------------------------------------------------------------------------------------


async def test_the_commit_is_sent_before_the_answer_begins(app: FastAPI, db: Database) -> None:
    """When COMMIT is sent, not a byte of the answer has left."""
    order: list[str] = []

    @app.get("/")
    async def create(session: Annotated[AsyncSession, Depends(db.session)]) -> None:
        await User.create(email="ada@example.com")

    async def noting(scope: Scope, receive: Receive, send: Send) -> None:
        async def noted(message: Message) -> None:
            order.append(message["type"])
            await send(message)

        await app(scope, receive, noted)

    on_commit_statement(db.engine, lambda: order.append("COMMIT"))
    await get(noting)

    assert order[:2] == ["COMMIT", "http.response.start"]
    assert order.count("COMMIT") == 1


async def test_a_handler_works_in_one_transaction(
    app: FastAPI, db: Database, other_connection: OtherConnection
) -> None:
    """Calls that do not name the session join the request's; the last `auto_commit=True` commits all of them."""
    seen: list[list[str]] = []

    @app.get("/")
    async def play(session: Annotated[AsyncSession, Depends(db.session)]) -> str:
        user = await User.create(email="abc@gmail.com", auto_commit=False)
        await user.update(email=f"new_1_{user.email}", auto_commit=False)
        seen.append(await emails(other_connection))
        await user.update(email=f"new_2_{user.email}", auto_commit=True)
        seen.append(await emails(other_connection))
        again = await User.get(user.id)
        await again.update(email=f"get_1_{again.email}")
        await again.update(email=f"get_2_{again.email}", auto_commit=True)
        assert again is user
        assert again in session
        return again.email

    answer = await get(app)

    assert answer.json() == "get_2_get_1_new_2_new_1_abc@gmail.com"
    assert seen == [[], ["new_2_new_1_abc@gmail.com"]]
    assert await emails(other_connection) == [answer.json()]


async def test_a_returned_row_is_readable_after_the_commit(app: FastAPI) -> None:
    """A response model reads the row's attributes although its unit has ended."""

    @app.get("/")
    async def create(session: SessionDep) -> dict[str, object]:
        user = await User.create(email="ada@example.com", name="Ada")
        return user.to_dict(only=["email", "name"])

    assert (await get(app)).json() == {"email": "ada@example.com", "name": "Ada"}


# -- a commit that fails ---------------------------------------------------------------------------------------------


class DeferredBase(ActiveRecord, AutoTableName, DeclarativeBase):
    """Tables whose constraints are looked at by COMMIT."""


class Shelf(DeferredBase):
    id: Mapped[int] = mapped_column(primary_key=True)


class Book(DeferredBase):
    id: Mapped[int] = mapped_column(primary_key=True)
    shelf_id: Mapped[int] = mapped_column(ForeignKey("shelfs.id", deferrable=True, initially="DEFERRED"))


class SeatBase(ActiveRecord, AutoTableName, DeclarativeBase):
    """A table whose unique constraint is looked at by COMMIT."""


class Seat(SeatBase):
    __table_args__ = (UniqueConstraint("number", deferrable=True, initially="DEFERRED"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int]


@pytest.mark.backends("sqlite", "postgresql")
async def test_a_deferred_constraint_is_answered_as_an_error(
    make_database: MakeDatabase, other_connection: OtherConnection
) -> None:
    """A foreign key that fails at COMMIT is no 200; CORS headers are there, background tasks do not run."""
    app, ran = make_app(await make_database(DeferredBase)), list[str]()

    @app.get("/")
    async def create(session: SessionDep, tasks: BackgroundTasks) -> str:
        tasks.add_task(ran.append, "task")
        await Book.create(shelf_id=1)
        return "created"

    answer = await get(app)

    assert (answer.status_code, answer.json()["code"]) == (422, "foreign_key_violation")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert ran == []
    assert await other_connection.scalar("SELECT count(*) FROM books") == 0


@pytest.mark.backends("postgresql")
async def test_a_deferred_unique_constraint_is_a_conflict(make_database: MakeDatabase) -> None:
    """Two rows with one number are found out by COMMIT and answered with 409."""
    app = make_app(await make_database(SeatBase))

    @app.get("/")
    async def create(session: SessionDep) -> str:
        await Seat.create(number=1)
        await Seat.create(number=1)
        return "created"

    answer = await get(app)

    assert (answer.status_code, answer.json()["errors"][0]["loc"]) == (409, ["body", "number"])


async def test_any_error_of_the_commit_is_answered_as_an_error(
    app: FastAPI, db: Database, other_connection: OtherConnection
) -> None:
    """An error while committing is a 500 with a problem document; nothing is saved, no background task runs."""
    ran: list[str] = []

    @app.get("/")
    async def create(session: SessionDep, tasks: BackgroundTasks) -> str:
        tasks.add_task(ran.append, "task")
        await User.create(email="ada@example.com")
        return "created"

    on_commit_statement(db.engine, fail)
    answer = await get(app)

    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert ran == []
    assert await emails(other_connection) == []


def fail() -> None:
    """Stands in for a server that refuses COMMIT."""
    raise IntegrityError("COMMIT", {}, sqlite3.IntegrityError("refused"))


async def test_rows_that_were_only_added_are_flushed_by_the_commit(app: FastAPI, db: Database) -> None:
    """A raw `session.add` is part of the unit, and what the database says of it is answered."""
    await User.create(email="ada@example.com")

    @app.get("/")
    async def create(session: SessionDep) -> str:
        session.add(User(email="ada@example.com"))
        return "created"

    answer = await get(app)

    assert (answer.status_code, answer.json()["errors"][0]["loc"]) == (409, ["body", "email"])


async def test_hooks_run_after_the_commit_and_before_the_answer(app: FastAPI, db: Database) -> None:
    """`on_commit` is the place for what must happen once the work is safe."""
    order: list[str] = []

    @app.get("/")
    async def create(session: SessionDep, tasks: BackgroundTasks) -> None:
        tasks.add_task(order.append, "task")
        db.on_commit(lambda: order.append(f"hook, {len(db.connections())} connections"))
        await User.create(email="ada@example.com")

    on_commit_statement(db.engine, lambda: order.append("COMMIT"))
    await get(app)

    assert order == ["COMMIT", "hook, 0 connections", "task"]


async def test_hooks_of_work_that_is_undone_do_not_run(app: FastAPI, db: Database) -> None:
    """After an error `on_rollback` runs, `on_commit` does not."""
    ran: list[str] = []

    @app.get("/")
    async def create(session: SessionDep) -> None:
        db.on_commit(lambda: ran.append("committed"))
        db.on_rollback(lambda: ran.append("rolled back"))
        await create_and_raise(HTTPException(404))

    await get(app)

    assert ran == ["rolled back"]


# -- errors ----------------------------------------------------------------------------------------------------------


async def create_and_raise(error: Exception) -> None:
    await User.create(email="ada@example.com")
    raise error


@pytest.mark.parametrize(
    ("error", "status"), [(HTTPException(409), 409), (HTTPException(303), 303), (ValueError("no"), 500)], ids=str
)
async def test_an_exception_rolls_back(
    app: FastAPI, other_connection: OtherConnection, error: Exception, status: int
) -> None:
    """An exception that leaves the endpoint undoes its work, whatever status it is answered with."""

    @app.get("/")
    async def create(session: SessionDep) -> None:
        await create_and_raise(error)

    assert (await get(app)).status_code == status
    assert await emails(other_connection) == []


async def test_an_exception_with_a_handler_rolls_back(app: FastAPI, other_connection: OtherConnection) -> None:
    """An exception that a handler of the application turns into a redirect still undoes the work."""

    class LoginNeededError(Exception):
        pass

    @app.exception_handler(LoginNeededError)
    async def to_login(request: Request, error: Exception) -> Response:
        return RedirectResponse("/login", status_code=303)

    @app.get("/")
    async def create(session: SessionDep) -> None:
        await create_and_raise(LoginNeededError())

    assert (await get(app)).status_code == 303
    assert await emails(other_connection) == []


async def test_an_exception_in_a_dependency_rolls_back(app: FastAPI, other_connection: OtherConnection) -> None:
    """A dependency that fails after another one wrote undoes what was written."""

    async def create(session: SessionDep) -> None:
        await User.create(email="ada@example.com")

    async def refuse(_: Annotated[None, Depends(create)]) -> None:
        raise HTTPException(403)

    @app.get("/", dependencies=[Depends(refuse)])
    async def endpoint() -> None:
        return None

    assert (await get(app)).status_code == 403
    assert await emails(other_connection) == []


async def test_a_result_that_fails_the_response_model_rolls_back(
    app: FastAPI, other_connection: OtherConnection
) -> None:
    """The client sees 500, so the work behind the answer it never got is undone."""

    @app.get("/", response_model=int)
    async def create(session: SessionDep) -> Any:
        await User.create(email="ada@example.com")
        return "not a number"

    assert (await get(app)).status_code == 500
    assert await emails(other_connection) == []


async def test_a_request_that_is_not_valid_rolls_back(app: FastAPI, other_connection: OtherConnection) -> None:
    """A dependency's work is undone when the endpoint's own parameters are refused."""

    async def create(session: SessionDep) -> None:
        await User.create(email="ada@example.com")

    @app.get("/", dependencies=[Depends(create)])
    async def endpoint(number: int) -> int:
        return number

    assert (await get(app, "/?number=x")).status_code == 422
    assert await emails(other_connection) == []


@pytest.mark.parametrize("status", [200, 303, 404, 500])
async def test_a_returned_response_commits(app: FastAPI, other_connection: OtherConnection, status: int) -> None:
    """A response that is returned keeps the work, also one that tells the client of an error."""

    @app.get("/")
    async def create(session: SessionDep) -> Response:
        await User.create(email="ada@example.com")
        return PlainTextResponse("", status_code=status)

    assert (await get(app)).status_code == status
    assert await emails(other_connection) == ["ada@example.com"]


async def test_a_failing_rollback_does_not_hide_the_first_error(app: FastAPI, db: Database) -> None:
    """The client hears of what went wrong in the endpoint, not of the rollback after it."""

    @app.get("/")
    async def create(session: SessionDep) -> None:
        await create_and_raise(HTTPException(418))

    def fail_once(connection: Connection) -> None:
        event.remove(db.engine.sync_engine, "rollback", fail_once)
        raise sqlite3.OperationalError("the line is dead")

    event.listen(db.engine.sync_engine, "rollback", fail_once)

    assert (await get(app)).status_code == 418


async def test_rollback_only_undoes_the_work_of_a_good_answer(
    app: FastAPI, db: Database, other_connection: OtherConnection
) -> None:
    """A dry run answers 200 and saves nothing."""

    @app.get("/")
    async def rehearse(session: SessionDep) -> str:
        await User.create(email="ada@example.com")
        db.rollback_only()
        return "would work"

    assert (await get(app)).status_code == 200
    assert await emails(other_connection) == []


# -- errors that the handler swallowed -------------------------------------------------------------------------------


async def swallow(email: str) -> None:
    with contextlib.suppress(UniqueViolationError):
        await User.create(email=email)


@pytest.mark.parametrize("status", [200, 201, 303])
async def test_a_swallowed_error_makes_a_good_answer_a_500(
    app: FastAPI, other_connection: OtherConnection, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    """What was written beside the failed call is lost, so the client must not read success."""

    @app.get("/")
    async def create(session: SessionDep) -> Response:
        await User.create(email="ada@example.com")
        await swallow("ada@example.com")
        return JSONResponse("fine", status_code=status, background=BackgroundTask(pytest.fail, "the task ran"))

    answer = await get(app)

    assert (answer.status_code, answer.json()["code"]) == (500, TransactionBrokenError.code)
    assert answer.headers["access-control-allow-origin"] == "*"
    assert await emails(other_connection) == []
    assert "nested `async with db.transaction():`" in caplog.text


async def test_a_swallowed_error_leaves_a_bad_answer_alone(app: FastAPI, other_connection: OtherConnection) -> None:
    """A handler that turned the error into a 409 of its own is right; its work is undone."""

    @app.get("/")
    async def create(session: SessionDep) -> Response:
        await User.create(email="ada@example.com")
        await swallow("ada@example.com")
        return JSONResponse("taken", status_code=409)

    answer = await get(app)

    assert (answer.status_code, answer.json()) == (409, "taken")
    assert await emails(other_connection) == []


async def test_a_swallowed_error_of_the_only_write_loses_nothing(app: FastAPI, db: Database) -> None:
    """Where the failed write was the only one, the answer stays."""
    await User.create(email="ada@example.com")

    @app.get("/")
    async def create(session: SessionDep) -> str:
        await User.filter_by(email="nobody@example.com").first()
        await swallow("ada@example.com")
        return "it was there"

    assert (await get(app)).status_code == 200


async def test_an_error_inside_a_savepoint_breaks_nothing(
    app: FastAPI, db: Database, other_connection: OtherConnection
) -> None:
    """A nested transaction takes the error; the rest is committed."""

    @app.get("/")
    async def create(session: SessionDep) -> str:
        await User.create(email="ada@example.com")
        try:
            async with db.transaction():
                await User.create(email="ada@example.com")
        except UniqueViolationError:
            await User.create(email="second@example.com")
        return "fine"

    assert (await get(app)).status_code == 200
    assert await emails(other_connection) == ["ada@example.com", "second@example.com"]


async def test_the_work_after_a_broken_call_is_refused(app: FastAPI) -> None:
    """The next call of a broken unit raises, and the answer is a 500 problem."""

    @app.get("/")
    async def create(session: SessionDep) -> None:
        await User.create(email="ada@example.com")
        await swallow("ada@example.com")
        await User.create(email="second@example.com")

    assert (await get(app)).json()["code"] == TransactionBrokenError.code


async def test_an_error_of_the_raw_session_breaks_the_unit_too(app: FastAPI, other_connection: OtherConnection) -> None:
    """Whoever catches SQLAlchemy's own error gets no half-committed request either."""

    @app.get("/")
    async def create(session: SessionDep) -> str:
        await User.create(email="ada@example.com")
        session.add(User(email="ada@example.com"))
        with contextlib.suppress(IntegrityError):
            await session.flush()
        return "fine"

    assert (await get(app)).status_code == 500
    assert await emails(other_connection) == []


# -- pending work ----------------------------------------------------------------------------------------------------


async def test_pending_work_makes_a_good_answer_a_500(
    app: FastAPI, other_connection: OtherConnection, caplog: pytest.LogCaptureFixture
) -> None:
    """Work that nobody committed is undone, the client sees 500, and the log names the line that began it."""

    @app.get("/")
    async def create(tasks: BackgroundTasks) -> str:
        tasks.add_task(pytest.fail, "the task ran")
        await User.create(email="ada@example.com", auto_commit=False)
        return "created"

    answer = await get(app)

    assert (answer.status_code, answer.json()["code"]) == (500, "pending_work")
    assert "test_outcome.py:" in caplog.text
    assert await emails(other_connection) == []


async def test_pending_work_that_is_committed_is_kept(app: FastAPI, other_connection: OtherConnection) -> None:
    """The call that says `auto_commit=True` ends the pending unit."""

    @app.get("/")
    async def create() -> str:
        user = await User.create(email="ada@example.com", auto_commit=False)
        await user.update(name="Ada", auto_commit=True)
        return "created"

    assert (await get(app)).status_code == 200
    assert await emails(other_connection) == ["ada@example.com"]


async def test_pending_work_leaves_a_bad_answer_alone(
    app: FastAPI, other_connection: OtherConnection, caplog: pytest.LogCaptureFixture
) -> None:
    """A 404 stays a 404; that work was undone under it is a warning."""
    caplog.set_level(logging.WARNING)

    @app.get("/")
    async def create() -> Response:
        await User.create(email="ada@example.com", auto_commit=False)
        return PlainTextResponse("", status_code=404)

    assert (await get(app)).status_code == 404
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert await emails(other_connection) == []


async def test_an_exception_undoes_pending_work(app: FastAPI, other_connection: OtherConnection) -> None:
    """An exception is the reason for the rollback, so nobody is told about forgotten work."""

    @app.get("/")
    async def create() -> None:
        await User.create(email="ada@example.com", auto_commit=False)
        raise HTTPException(303, headers={"location": "/login"})

    assert (await get(app)).status_code == 303
    assert await emails(other_connection) == []


async def test_pending_work_of_several_tasks_is_found(app: FastAPI, other_connection: OtherConnection) -> None:
    """Tasks of one request that began work at the same time cannot hide it from the end of the request."""

    @app.get("/")
    async def create() -> str:
        await asyncio.gather(*(User.create(email=f"{n}@example.com", auto_commit=False) for n in range(3)))
        return "created"

    assert (await get(app)).status_code == 500
    assert await emails(other_connection) == []


# -- tasks -----------------------------------------------------------------------------------------------------------


async def test_a_task_that_still_works_when_the_handler_returns_undoes_it(
    app: FastAPI, other_connection: OtherConnection, caplog: pytest.LogCaptureFixture
) -> None:
    """What a forgotten task of the handler wrote may be half done, so nothing is committed and the answer is a 500."""
    tasks: set[asyncio.Task[None]] = set()

    async def work() -> None:
        await User.create(email="task@example.com")
        await asyncio.sleep(60)

    @app.get("/")
    async def create(session: SessionDep) -> None:
        tasks.add(asyncio.create_task(work(), name="forgotten"))
        await asyncio.sleep(0.2)

    answer = await get(app)
    tasks.pop().cancel()

    assert (answer.status_code, answer.json()["code"]) == (500, "unfinished_tasks")
    assert "forgotten" in caplog.text
    assert await emails(other_connection) == []


async def test_a_task_that_outlives_the_request_is_refused(
    app: FastAPI, db: Database, other_connection: OtherConnection
) -> None:
    """It cannot use the unit any more; what shall outlive a request is started inside `db.detached()`."""
    over, tasks = asyncio.Event(), list[asyncio.Task[User]]()

    async def later(email: str) -> User:
        await over.wait()
        return await User.create(email=email)

    @app.get("/")
    async def create(session: SessionDep) -> None:
        tasks.append(asyncio.create_task(later("refused@example.com")))
        async with db.detached():
            tasks.append(asyncio.create_task(later("kept@example.com")))

    await get(app)
    over.set()
    refused, kept = await asyncio.gather(*tasks, return_exceptions=True)

    assert isinstance(refused, ScopeClosedError)
    assert isinstance(kept, User)
    assert await emails(other_connection) == ["kept@example.com"]


async def test_a_held_connection_names_the_route(app: FastAPI, db: Database) -> None:
    """`db.connections()` says which request has a connection."""

    @app.get("/users/{user_id}")
    async def read(user_id: int, session: SessionDep) -> str | None:
        await User.filter_by(id=user_id).first()
        return db.connections()[0].route

    assert (await get(app, "/users/7")).json() == "GET /users/{user_id}"


async def test_a_lone_call_belongs_to_its_request(app: FastAPI, db: Database) -> None:
    """Without a session of the request too `db.connections()` and the records of statements name the request."""
    routes: list[str | None] = []

    @app.get("/users/{user_id}")
    async def read(user_id: int) -> str | None:
        await User.filter_by(id=user_id).first()
        reading = asyncio.create_task(User.filter_by(id=user_id).first())
        while not (holders := db.connections()):
            await asyncio.sleep(0)
        await reading
        return holders[0].route

    def note(statement: events.Statement) -> None:
        routes.append(statement.route)

    events.on_statement(note)
    answer = await get(app, "/users/7")
    events.ignore_statements(note)

    assert answer.json() == "GET /users/{user_id}"
    assert set(routes) == {"GET /users/{user_id}"}


async def test_a_route_is_named_as_it_is_written(app: FastAPI, db: Database) -> None:
    """Wherever it is mounted, and whoever made it; never by the path that a client sent."""
    seen: list[str | None] = []

    async def read(_: Request) -> Response:
        await User.query().first()
        return Response()

    async def outside(request: Request, call_next: Any) -> Any:
        await User.query().first()
        return await call_next(request)

    inner, router = FastAPI(), APIRouter(prefix="/teams/{team}")
    router.add_api_route("/users/{user}", read)
    inner.add_api_route("/items/{item}", read)
    app.include_router(router, prefix="/v1")
    app.mount("/tenants/{tenant}", inner)
    app.router.routes.append(Mount("/plain/{kind}", routes=[Route("/{name}", read)]))
    app.add_middleware(BaseHTTPMiddleware, dispatch=outside)
    app.user_middleware.append(app.user_middleware.pop(0))  # inside of the request's scope, before the router

    def note(statement: events.Statement) -> None:
        seen.append(statement.route)

    events.on_statement(note)
    for path in ("/v1/teams/3/users/4", "/tenants/acme/items/5", "/plain/1/ada", "/nothing/here"):
        await get(app, path)
    events.ignore_statements(note)

    assert list(dict.fromkeys(seen)) == [
        "GET without a route",
        "GET /v1/teams/{team}/users/{user}",
        "GET /tenants/{tenant}/items/{item}",
        "GET /plain/{kind}/{name}",
    ]


# -- cancellation ----------------------------------------------------------------------------------------------------


async def test_a_cancelled_request_rolls_back(app: FastAPI, db: Database, other_connection: OtherConnection) -> None:
    """A request that is cancelled in its handler saves nothing and gives its connection back."""
    waiting = asyncio.Event()

    @app.get("/")
    async def create(session: SessionDep) -> None:
        await User.create(email="ada@example.com")
        waiting.set()
        await asyncio.sleep(60)

    request = asyncio.create_task(get(app))
    await waiting.wait()
    request.cancel()

    with pytest.raises(asyncio.CancelledError):
        await request
    assert db.connections() == ()
    assert await emails(other_connection) == []


async def test_a_cancellation_during_the_commit_waits_for_it(
    app: FastAPI, db: Database, other_connection: OtherConnection
) -> None:
    """Once COMMIT is sent the work is saved, although the request is cancelled."""

    @app.get("/")
    async def create(session: SessionDep) -> None:
        await User.create(email="ada@example.com")

    request = asyncio.create_task(get(app))
    on_commit_statement(db.engine, request.cancel)

    with pytest.raises(asyncio.CancelledError):
        await request
    assert await emails(other_connection) == ["ada@example.com"]


# -- Starlette's own routes ------------------------------------------------------------------------------------------


async def test_a_starlette_route_commits_before_its_answer(
    app: FastAPI, db: Database, other_connection: OtherConnection
) -> None:
    """A route without FastAPI's dependencies awaits `db.session()` and gets the same unit."""

    async def create(request: Request) -> Response:
        await db.session()
        await User.create(email="ada@example.com")
        return PlainTextResponse("", status_code=int(request.query_params["status"]))

    app.add_route("/", create)

    assert (await get(app, "/?status=404")).status_code == 404
    assert await emails(other_connection) == ["ada@example.com"]


async def test_an_exception_in_a_starlette_route_rolls_back(
    app: FastAPI, db: Database, other_connection: OtherConnection
) -> None:
    """The answer to an exception is no returned answer."""

    async def create(request: Request) -> Response:
        await db.session()
        await User.create(email="ada@example.com")
        raise HTTPException(404)

    app.add_route("/", create)

    assert (await get(app)).status_code == 404
    assert await emails(other_connection) == []


async def test_a_failing_commit_in_a_starlette_route_is_answered_as_an_error(app: FastAPI, db: Database) -> None:
    """The answer is replaced by the problem, its background task does not run, CORS headers are there."""

    async def create(request: Request) -> Response:
        await db.session()
        await User.create(email="ada@example.com")
        return PlainTextResponse("created", background=BackgroundTask(pytest.fail, "the task ran"))

    app.add_route("/", create)
    on_commit_statement(db.engine, fail)
    answer = await get(app)

    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["access-control-allow-origin"] == "*"


async def test_a_dependency_may_work_before_and_after_the_handler(
    app: FastAPI, other_connection: OtherConnection
) -> None:
    """The exit code of a function-scoped dependency that was entered later is part of the unit."""

    async def audited(session: SessionDep) -> AsyncIterator[None]:
        yield
        await User.create(email="audit@example.com")

    @app.get("/")
    async def create(_: Annotated[None, Depends(audited, scope="function")]) -> int:
        await User.create(email="ada@example.com")
        return len(await User.query().all())

    async with client_of(app) as client:
        answer = await client.get("/")

    assert answer.json() == 1
    assert await emails(other_connection) == ["ada@example.com", "audit@example.com"]


async def test_the_session_runs_any_statement(app: FastAPI, db: Database) -> None:
    """The dependency gives SQLAlchemy's own session, with the request's work in it."""

    @app.get("/")
    async def read(session: Annotated[AsyncSession, Depends(db.session)]) -> list[str]:
        await User.create(email="ada@example.com")
        return list(await session.scalars(select(User.email)))

    assert (await get(app)).json() == ["ada@example.com"]
