"""`install(app, db)`: lifespan, middleware, several databases, mounted applications, the application's own handlers."""

import contextvars
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Annotated

import pytest
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.pool import QueuePool
from starlette.applications import Starlette
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.testclient import TestClient

from activerow import ActiveRecord, Database
from activerow.errors import ActiveRowError, NotBoundError, UnavailableError, UniqueViolationError, UsageError
from activerow.fastapi import SessionDep, install
from activerow.mixins import AutoTableName
from tests.models.web import Base, User, client_of, emails, get, make_app
from tests.tools.backends.active import MakeDatabase
from tests.tools.backends.plugin import OtherConnection

Next = Callable[[Request], Awaitable[Response]]


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """A database with the table of users."""
    return await make_database(Base)


# -- lifespan --------------------------------------------------------------------------------------------------------


async def test_the_database_is_connected_around_the_applications_own_lifespan(make_database: MakeDatabase) -> None:
    """The application's start finds the database, its state is kept, and its end still has the database."""
    db, counted = await make_database(Base), list[int]()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[dict[str, str], None]:
        await User.create(email="ada@example.com")
        yield {"motto": "kept"}
        counted.append(await User.query().count())

    app = make_app(db, lifespan=lifespan)

    async with app.router.lifespan_context(app) as state:
        assert state == {"motto": "kept"}

    assert counted == [1]


async def test_startup_and_shutdown_events_still_run(db: Database) -> None:
    """The older way to hook into the life of an application is composed too."""
    ran: list[str] = []
    app = make_app(db, on_startup=[lambda: ran.append("up")], on_shutdown=[lambda: ran.append("down")])

    async with app.router.lifespan_context(app):
        assert ran == ["up"]

    assert ran == ["up", "down"]


async def test_a_router_with_a_lifespan_is_inside(db: Database) -> None:
    """A router that is included after `install` finds the database in its own lifespan."""
    counted: list[int] = []

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
        counted.append(await User.query().count())
        yield

    app = make_app(db)
    app.include_router(APIRouter(lifespan=lifespan))

    async with app.router.lifespan_context(app):
        assert counted == [0]


async def test_a_start_that_fails_disposes_of_the_database(db: Database) -> None:
    """An application that does not come up leaves no connection open."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
        await User.query().count()
        raise LookupError
        yield

    app, pool = make_app(db, lifespan=lifespan), db.engine.pool
    assert isinstance(pool, QueuePool)

    with pytest.raises(LookupError):
        async with app.router.lifespan_context(app):
            pass

    assert (pool.checkedout(), pool.checkedin()) == (0, 0)


async def test_a_database_that_cannot_be_reached_fails_the_start(db: Database) -> None:
    """The application does not start, and says which database it misses."""
    app = make_app(Database("postgresql+asyncpg://nobody@127.0.0.1:1/nowhere"))

    with pytest.raises(UnavailableError, match="nowhere"):
        async with app.router.lifespan_context(app):
            pass


def test_a_test_client_works_without_the_lifespan(database_url: str) -> None:
    """`TestClient(app)` without `with` makes a new event loop per request; the database comes along."""
    db = Database(database_url, base=Base)
    app = make_app(db)

    @app.post("/")
    async def create(session: SessionDep) -> int:
        await db.create_all()
        await User.create(email=f"{await User.query().count()}@example.com")
        return await User.query().count()

    client = TestClient(app)

    assert [client.post("/").json() for _ in range(3)] == [1, 2, 3]


def test_an_application_may_start_twice(database_url: str) -> None:
    """Tests start one application again and again."""
    db = Database(database_url, base=Base)
    app = make_app(db)

    @app.get("/")
    async def count() -> int:
        await db.create_all()
        return await User.query().count()

    for _ in range(2):
        with TestClient(app) as client:
            assert client.get("/").json() == 0


# -- what is refused -------------------------------------------------------------------------------------------------


async def test_install_after_the_start_is_refused(db: Database) -> None:
    """The middleware would be missing without a word."""
    app = FastAPI()
    await get(app)

    with pytest.raises(UsageError, match="before the application starts"):
        install(app, db)


async def test_one_database_is_installed_once(db: Database) -> None:
    """A second call for the same database is a mistake."""
    app = make_app(db)

    with pytest.raises(UsageError, match="already"):
        install(app, db)


async def test_without_install_the_session_is_refused(db: Database) -> None:
    """`Depends(db.session)` alone would commit after the answer, so it does not work at all."""
    app = FastAPI()

    @app.get("/bound")
    async def bound(session: Annotated[AsyncSession, Depends(db.session)]) -> None:
        return None

    @app.get("/dep")
    async def dep(session: SessionDep) -> None:
        return None

    async with client_of(app, raising=True) as client:
        for path in ("/bound", "/dep"):
            with pytest.raises(NotBoundError, match="install"):
                await client.get(path)


# -- middleware ------------------------------------------------------------------------------------------------------

request_id = contextvars.ContextVar("request_id", default="")


async def tagging(request: Request, call_next: Next) -> Response:
    """A middleware as many have it: a context variable before, a header after."""
    request_id.set("r1")
    response = await call_next(request)
    response.headers["x-request-id"] = "r1"
    return response


@pytest.mark.parametrize("first", ["middleware", "install"])
@pytest.mark.parametrize(("path", "status"), [("/good", 200), ("/taken", 409), ("/http", 404), ("/lost", 500)])
async def test_a_middleware_of_the_user_may_come_first_or_last(
    db: Database, other_connection: OtherConnection, first: str, path: str, status: int
) -> None:
    """Work is committed or undone, and the middleware's header is on every answer, in either order."""
    app = FastAPI()
    if first == "install":
        install(app, db)
    app.add_middleware(BaseHTTPMiddleware, dispatch=tagging)
    if first == "middleware":
        install(app, db)

    @app.get("/{kind}")
    async def create(kind: str, session: SessionDep) -> str:
        await User.create(email="ada@example.com")
        if kind == "http":
            raise HTTPException(404)
        if kind == "taken":
            await User.create(email="ada@example.com")
        if kind == "lost":
            with suppress(UniqueViolationError):
                await User.create(email="ada@example.com")
        return request_id.get()

    answer = await get(app, path)

    assert (answer.status_code, answer.headers["x-request-id"]) == (status, "r1")
    assert await emails(other_connection) == (["ada@example.com"] if status == 200 else [])


async def test_a_middleware_has_a_unit_of_its_own(db: Database, other_connection: OtherConnection) -> None:
    """What a middleware writes around the endpoint is kept when the endpoint fails."""
    app = make_app(db)

    @app.middleware("http")
    async def audited(request: Request, call_next: Next) -> Response:
        async with db.scoped_session():
            await User.create(email="before@example.com")
        response = await call_next(request)
        await User.create(email="after@example.com")
        return response

    @app.get("/")
    async def create(session: SessionDep) -> None:
        await User.create(email="ada@example.com")
        raise HTTPException(404)

    await get(app)

    assert await emails(other_connection) == ["after@example.com", "before@example.com"]


# -- several databases -----------------------------------------------------------------------------------------------


class LogBase(ActiveRecord, AutoTableName, DeclarativeBase):
    """The tables of a second database."""


class Entry(LogBase):
    id: Mapped[int] = mapped_column(primary_key=True)
    word: Mapped[str]


async def test_two_databases_have_a_unit_each(make_database: MakeDatabase) -> None:
    """One request works in both; a failing endpoint undoes both."""
    db, log = await make_database(Base), await make_database(LogBase)
    app = make_app(db)
    install(app, log)

    @app.get("/{fails}")
    async def create(
        fails: bool,
        session: Annotated[AsyncSession, Depends(db.session)],
        entries: Annotated[AsyncSession, Depends(log.session)],
    ) -> None:
        await User.create(email="ada@example.com")
        await Entry.create(word="created")
        assert session is not entries
        if fails:
            raise HTTPException(404)

    await get(app, "/true")
    undone = await User.query().count(), await Entry.query().count()
    await get(app, "/false")

    assert undone == (0, 0)
    assert (await User.query().count(), await Entry.query().count()) == (1, 1)


async def test_lost_work_of_either_database_is_answered(make_database: MakeDatabase) -> None:
    """Pending work in the first or the second database makes the answer a 500."""
    db, log = await make_database(Base), await make_database(LogBase)
    app = make_app(db)
    install(app, log)

    @app.get("/first")
    async def first() -> None:
        await User.create(email="ada@example.com", auto_commit=False)

    @app.get("/second")
    async def second() -> None:
        await Entry.create(word="created", auto_commit=False)

    assert [(await get(app, path)).status_code for path in ("/first", "/second")] == [500, 500]


async def test_session_dep_is_ambiguous_with_two_databases(
    make_database: MakeDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    """`SessionDep` does not guess."""
    app = make_app(await make_database(Base))
    install(app, await make_database(LogBase))

    @app.get("/")
    async def read(session: SessionDep) -> None:
        return None

    assert (await get(app)).status_code == 500
    assert "Depends(db.session)" in caplog.text


# -- mounted applications --------------------------------------------------------------------------------------------


async def test_a_mounted_application_has_its_parents_database(db: Database, other_connection: OtherConnection) -> None:
    """`SessionDep` in it works, its errors are problem documents, its work is committed or undone."""
    app, sub = make_app(db), FastAPI()
    app.mount("/sub", sub)

    @sub.get("/create/{email}")
    async def create(email: str, session: SessionDep) -> None:
        await User.create(email=email)

    answers = [await get(app, "/sub/create/ada@example.com") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 409]
    assert answers[1].json()["code"] == "unique_violation"
    assert await emails(other_connection) == ["ada@example.com"]


async def test_a_mounted_application_may_install_the_same_database(
    db: Database, other_connection: OtherConnection
) -> None:
    """The request has one unit then too."""
    app, sub = make_app(db), make_app(db)
    app.mount("/sub", sub)

    @sub.get("/")
    async def create(session: SessionDep) -> None:
        await User.create(email="ada@example.com")

    assert (await get(app, "/sub/")).status_code == 200
    assert await emails(other_connection) == ["ada@example.com"]


async def test_a_mounted_application_may_have_another_database(make_database: MakeDatabase) -> None:
    """`SessionDep` means the database of the innermost application."""
    db, log = await make_database(Base), await make_database(LogBase)
    app, sub = make_app(db), make_app(log)
    app.mount("/sub", sub)

    @sub.get("/")
    async def create(session: SessionDep) -> bool:
        await Entry.create(word="created")
        return session is await log.session()

    assert (await get(app, "/sub/")).json() is True
    assert await Entry.query().count() == 1


async def test_a_starlette_application_is_served_too(db: Database, other_connection: OtherConnection) -> None:
    """Nothing but the dependencies needs FastAPI."""
    app = Starlette()
    install(app, db)

    async def create(request: Request) -> Response:
        await db.session()
        await User.create(email="ada@example.com")
        return JSONResponse(None)

    app.add_route("/", create)

    assert [(await get(app)).status_code for _ in range(2)] == [200, 409]
    assert await emails(other_connection) == ["ada@example.com"]


# -- the application's own handlers ----------------------------------------------------------------------------------


@pytest.mark.parametrize("first", ["handler", "install"])
async def test_a_handler_of_the_application_wins(db: Database, first: str) -> None:
    """Whoever handles a class of errors keeps it, also for what a raw session raised."""
    app = FastAPI()
    if first == "install":
        install(app, db)

    @app.exception_handler(UniqueViolationError)
    def taken(request: Request, error: UniqueViolationError) -> Response:
        return JSONResponse({"taken": list(error.columns)}, status_code=418)

    if first == "handler":
        install(app, db)

    @app.get("/model")
    async def model(session: SessionDep) -> None:
        await User.create(email="ada@example.com")
        await User.create(email="ada@example.com")

    @app.get("/raw")
    async def raw(session: SessionDep) -> None:
        session.add_all([User(email="ada@example.com"), User(email="ada@example.com")])
        await session.flush()

    answers = [await get(app, "/model"), await get(app, "/raw")]

    assert [answer.status_code for answer in answers] == [418, 418]
    assert answers[0].json() == {"taken": ["email"]}


async def test_a_handler_of_all_errors_answers_lost_work_too(db: Database) -> None:
    """The application's shape of errors holds for those that are found after the endpoint."""
    app = make_app(db)

    @app.exception_handler(ActiveRowError)
    async def handle(request: Request, error: ActiveRowError) -> Response:
        return JSONResponse({"oops": error.code}, status_code=500)

    @app.get("/")
    async def create() -> None:
        await User.create(email="ada@example.com", auto_commit=False)

    assert (await get(app)).json() == {"oops": "pending_work"}


async def test_a_mistake_in_a_raw_statement_is_an_error_of_the_server(db: Database) -> None:
    """A statement that the database does not understand is a 500 problem, without its text."""
    app = make_app(db)

    @app.get("/")
    async def read(session: SessionDep) -> None:
        await session.execute(text("SELECT nothing FROM nowhere"))

    answer = await get(app)

    assert (answer.status_code, answer.json()["code"]) == (500, "database_error")
    assert "nowhere" not in answer.text


async def test_a_mistake_in_sqlalchemys_use_is_the_applications(db: Database) -> None:
    """What is no failure of a database is raised as it came."""
    app = make_app(db)

    @app.get("/")
    async def read(session: SessionDep) -> None:
        (await session.execute(text("SELECT 1 WHERE 1 = 0"))).one()

    async with client_of(app, raising=True) as client:
        with pytest.raises(Exception, match="No row was found"):
            await client.get("/")
