"""After the answer has begun no unit is open; and endpoints that only run then cannot have the request's session."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from typing import Annotated

import pytest
from fastapi import BackgroundTasks, Depends, FastAPI, WebSocket
from fastapi.responses import StreamingResponse
from fastapi.sse import EventSourceResponse
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from activerow import Database
from activerow.errors import ScopeClosedError, UsageError
from activerow.fastapi import SessionDep
from tests.models.web import Base, User, emails, get, make_app
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


async def closed(session: AsyncSession) -> str:
    """The name of the error that the session raises."""
    try:
        await session.scalars(select(User))
    except ScopeClosedError as error:
        return type(error).__name__
    return "open"


# -- streams ---------------------------------------------------------------------------------------------------------


async def test_a_streaming_body_makes_lone_calls(app: FastAPI, other_connection: OtherConnection) -> None:
    """In the body of a stream calls commit themselves, the request's session is closed, its rows stay readable."""

    @app.get("/")
    async def create(session: SessionDep) -> StreamingResponse:
        user = await User.create(email="ada@example.com")

        async def body() -> AsyncIterator[str]:
            await User.create(email="body@example.com")
            yield f"{user.email} {await closed(session)}"

        return StreamingResponse(body())

    assert (await get(app)).text == "ada@example.com ScopeClosedError"
    assert await emails(other_connection) == ["ada@example.com", "body@example.com"]


async def test_a_streaming_body_pins_no_connection(app: FastAPI, db: Database) -> None:
    """While a body is being sent nobody holds a connection, and the work is committed."""

    @app.get("/")
    async def create(session: SessionDep) -> StreamingResponse:
        await User.create(email="ada@example.com")

        async def body() -> AsyncIterator[str]:
            yield str(len(db.connections()))
            await asyncio.sleep(0)
            yield str(await User.query().count())

        return StreamingResponse(body())

    assert (await get(app)).text == "01"


async def test_a_stream_of_lost_work_is_replaced_before_it_begins(app: FastAPI) -> None:
    """Forgotten work is found before the stream starts: the client sees the problem, the body never runs."""

    @app.get("/")
    async def create() -> StreamingResponse:
        await User.create(email="ada@example.com", auto_commit=False)

        async def body() -> AsyncIterator[str]:
            pytest.fail("the body ran")
            yield ""

        return StreamingResponse(body())

    answer = await get(app)

    assert (answer.status_code, answer.json()["code"]) == (500, "pending_work")


async def test_json_lines_make_lone_calls(app: FastAPI, other_connection: OtherConnection) -> None:
    """An endpoint that is a generator calls the models directly."""

    @app.get("/")
    async def create() -> AsyncIterable[int]:
        for number in range(2):
            user = await User.create(email=f"{number}@example.com")
            yield user.id

    assert len((await get(app)).text.splitlines()) == 2
    assert await emails(other_connection) == ["0@example.com", "1@example.com"]


async def test_server_sent_events_make_lone_calls(app: FastAPI, other_connection: OtherConnection) -> None:
    """The producer of events, which starts before the answer does, calls the models directly."""

    @app.get("/", response_class=EventSourceResponse)
    async def create() -> AsyncIterable[str]:
        for number in range(2):
            yield (await User.create(email=f"{number}@example.com")).email

    assert "1@example.com" in (await get(app)).text
    assert await emails(other_connection) == ["0@example.com", "1@example.com"]


async def test_a_generator_opens_transactions_of_its_own(
    app: FastAPI, db: Database, other_connection: OtherConnection
) -> None:
    """`db.transaction()` in the body of a stream is a unit of its own."""

    @app.get("/")
    async def create() -> AsyncIterable[int]:
        async with db.transaction():
            await User.create(email="ada@example.com")
            yield await User.query().count()

    assert (await get(app)).text == "1\n"
    assert await emails(other_connection) == ["ada@example.com"]


# -- background tasks ------------------------------------------------------------------------------------------------


async def test_a_background_task_makes_lone_calls(app: FastAPI, other_connection: OtherConnection) -> None:
    """A background task commits what it writes, reads the handler's rows, and cannot use the handler's session."""
    said: list[str] = []

    @app.get("/")
    async def create(session: SessionDep, tasks: BackgroundTasks) -> None:
        user = await User.create(email="ada@example.com")

        async def later() -> None:
            said.append(f"{user.email} {await closed(session)}")
            await User.create(email="later@example.com")
            await user.update(name="Ada")

        tasks.add_task(later)

    await get(app)

    assert said == ["ada@example.com ScopeClosedError"]
    assert await emails(other_connection) == ["ada@example.com", "later@example.com"]
    assert await other_connection.scalar("SELECT count(*) FROM users WHERE name = 'Ada'") == 1


async def test_pending_work_of_a_background_task_is_logged(
    app: FastAPI, other_connection: OtherConnection, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody can be answered any more, so work that a background task forgot is an error in the log."""

    @app.get("/")
    async def create(tasks: BackgroundTasks) -> None:
        async def later() -> None:
            await User.create(email="later@example.com", auto_commit=False)

        tasks.add_task(later)

    assert (await get(app)).status_code == 200
    assert "pending_work" in caplog.text
    assert await emails(other_connection) == []


async def test_the_session_cannot_be_had_after_the_answer(app: FastAPI, db: Database) -> None:
    """`db.session()` in a background task would open a unit that nobody ends."""
    refused: list[str] = []

    @app.get("/")
    async def read(tasks: BackgroundTasks) -> None:
        async def later() -> None:
            with pytest.raises(ScopeClosedError, match=r"db\.detached\(\)") as caught:
                await db.session()
            refused.append(str(caught.value))

        tasks.add_task(later)

    await get(app)

    assert "GET /" in refused[0]


async def test_the_exit_of_a_request_scoped_dependency_makes_lone_calls(
    app: FastAPI, other_connection: OtherConnection
) -> None:
    """What a plain `yield` dependency does after its `yield` happens after the answer, on its own."""

    async def audited() -> AsyncIterator[None]:
        yield
        await User.create(email="audit@example.com")

    @app.get("/", dependencies=[Depends(audited)])
    async def create(session: SessionDep) -> None:
        await User.create(email="ada@example.com")

    await get(app)

    assert await emails(other_connection) == ["ada@example.com", "audit@example.com"]


# -- refusals --------------------------------------------------------------------------------------------------------


async def repository(session: SessionDep) -> AsyncSession:
    return session


Repository = Annotated[AsyncSession, Depends(repository)]


async def test_json_lines_cannot_have_the_session(app: FastAPI, caplog: pytest.LogCaptureFixture) -> None:
    """A generator endpoint that asks for the session is a 500, and the log says what to write instead."""

    @app.get("/")
    async def stream(session: SessionDep) -> AsyncIterable[int]:
        yield 1

    assert (await get(app)).json()["code"] == UsageError.code
    assert "open `async with db.transaction():`" in caplog.text


async def test_a_plain_generator_cannot_have_the_session(app: FastAPI) -> None:
    """A generator that is not async is refused too."""

    @app.get("/")
    def stream(session: SessionDep) -> Iterable[int]:
        yield 1

    assert (await get(app)).json()["code"] == UsageError.code


async def test_server_sent_events_cannot_have_the_session(app: FastAPI) -> None:
    """Neither directly nor through a dependency."""

    @app.get("/", response_class=EventSourceResponse)
    async def stream(session: Repository) -> AsyncIterable[int]:
        yield 1

    assert (await get(app)).json()["code"] == UsageError.code


async def test_a_raw_stream_cannot_have_the_session(app: FastAPI) -> None:
    """A generator with a streaming `response_class` is a generator."""

    @app.get("/", response_class=StreamingResponse)
    async def stream(session: SessionDep) -> AsyncIterable[str]:
        yield "x"

    assert (await get(app)).json()["code"] == UsageError.code


async def test_a_plain_function_cannot_have_the_session(
    app: FastAPI, db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """An endpoint that FastAPI runs in a thread cannot use an async session."""

    @app.get("/")
    def read(session: Annotated[AsyncSession, Depends(db.session)]) -> int:
        return 1

    assert (await get(app)).json()["code"] == UsageError.code
    assert "write `async def`" in caplog.text


async def test_a_plain_function_may_depend_on_what_uses_the_session(
    app: FastAPI, other_connection: OtherConnection
) -> None:
    """A dependency may work in the request's unit although the endpoint is a plain function."""

    async def current_user(session: SessionDep) -> User:
        return await User.create(email="ada@example.com")

    @app.get("/")
    def read(user: Annotated[User, Depends(current_user)]) -> str:
        return user.email

    assert (await get(app)).json() == "ada@example.com"
    assert await emails(other_connection) == ["ada@example.com"]


async def test_a_plain_dependency_may_hand_the_session_on(app: FastAPI) -> None:
    """A plain function that only builds something around the session is no endpoint."""

    def build(session: SessionDep) -> AsyncSession:
        return session

    @app.get("/")
    async def read(session: Annotated[AsyncSession, Depends(build)]) -> int:
        return len((await session.scalars(select(User))).all())

    assert (await get(app)).json() == 0


# -- websockets ------------------------------------------------------------------------------------------------------
# TestClient runs the application in an event loop of its own, so these have a database that is theirs alone.


@pytest.fixture
def lone(backend: object, database_url: str) -> Database:
    """A Database that no event loop has used."""
    return Database(database_url, base=Base)


@pytest.mark.parametrize("kind", ["direct", "through a dependency"])
def test_a_websocket_cannot_have_the_session(lone: Database, kind: str) -> None:
    """A websocket would hold a connection for its whole life; the error says what to do instead."""
    app = make_app(lone)

    @app.websocket("/direct")
    async def direct(websocket: WebSocket, session: SessionDep) -> None:
        await websocket.accept()

    @app.websocket("/through a dependency")
    async def indirect(websocket: WebSocket, session: Repository) -> None:
        await websocket.accept()

    with (
        TestClient(app) as client,
        pytest.raises(UsageError, match=r"db\.transaction"),
        client.websocket_connect(f"/{kind}"),
    ):
        pass


def test_a_websocket_makes_lone_calls_and_transactions(lone: Database) -> None:
    """Calls in a websocket commit themselves; `db.transaction()` is one piece of work."""
    app = make_app(lone)

    @app.websocket("/")
    async def echo(websocket: WebSocket) -> None:
        await lone.create_all()
        await websocket.accept()
        await User.create(email="ada@example.com")
        async with lone.transaction():
            await User.create(email="second@example.com")
        await websocket.send_json(await User.query().count())
        await websocket.close()

    with TestClient(app) as client, client.websocket_connect("/") as socket:
        assert socket.receive_json() == 2
        with pytest.raises(WebSocketDisconnect):
            socket.receive_json()


def test_pending_work_of_a_websocket_is_logged(lone: Database, caplog: pytest.LogCaptureFixture) -> None:
    """Work that a websocket forgot is rolled back at its end and is an error in the log."""
    app = make_app(lone)

    @app.websocket("/")
    async def forget(websocket: WebSocket) -> None:
        await lone.create_all()
        await websocket.accept()
        await User.create(email="ada@example.com", auto_commit=False)
        await websocket.close()

    with TestClient(app) as client, client.websocket_connect("/") as socket, pytest.raises(WebSocketDisconnect):
        socket.receive_json()

    assert "pending_work" in caplog.text
