"""Under load, and on a real server: no connection is lost, whatever becomes of the requests."""

import asyncio
import gc
import logging
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import pytest
import uvicorn
from fastapi import FastAPI, HTTPException
from fastapi.responses import StreamingResponse
from sqlalchemy.pool import QueuePool
from starlette.middleware.base import BaseHTTPMiddleware

from activerow import Database
from activerow.fastapi import SessionDep
from tests.models.web import ORIGIN, Base, User, client_of, emails, make_app
from tests.tools.backends.active import MakeDatabase
from tests.tools.backends.plugin import OtherConnection

REQUESTS, AT_ONCE = 1000, 50


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """A database with the table of users, and five connections."""
    return await make_database(Base, pool_size=5, max_overflow=0)


def checked_out(db: Database) -> int:
    assert isinstance(db.engine.pool, QueuePool)
    return db.engine.pool.checkedout()


async def test_a_thousand_requests_share_five_connections(db: Database, other_connection: OtherConnection) -> None:
    """50 at a time, a third of them cancelled or failing: none waits in vain, what was answered with 200 is saved."""
    app, gate = make_app(db), asyncio.Semaphore(AT_ONCE)
    answers: dict[int, int] = {}

    @app.get("/{number}")
    async def create(number: int, session: SessionDep) -> None:
        await User.create(email=f"{number:04}@example.com")
        if number % 6 == 0:
            raise HTTPException(409)
        await asyncio.sleep(60 if number % 6 == 3 else 0)

    async def request(client: httpx.AsyncClient, number: int) -> None:
        async with gate:
            try:
                answer = await asyncio.wait_for(client.get(f"/{number}"), 0.2 if number % 6 == 3 else 30)
            except TimeoutError:
                return
        answers[number] = answer.status_code

    async with client_of(app) as client:
        await asyncio.gather(*(request(client, number) for number in range(REQUESTS)))
    gc.collect()

    assert checked_out(db) == 0
    saved = [number for number, status in answers.items() if status == 200]
    assert await emails(other_connection) == [f"{number:04}@example.com" for number in sorted(saved)]
    others = {number: status for number, status in answers.items() if status != 200}
    assert others == dict.fromkeys(range(0, REQUESTS, 6), 409)
    assert len(saved) == sum(number % 6 not in (0, 3) for number in range(REQUESTS))


@asynccontextmanager
async def served(app: FastAPI) -> AsyncGenerator[str, None]:
    """Serve `app` over HTTP in this event loop; gives the address."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off", ws="none"))
        task = asyncio.create_task(server.serve([listener]))
        await until(lambda: server.started)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what the server does in its own time."""
    async with asyncio.timeout(5):
        while not condition():  # the server has no event for it
            await asyncio.sleep(0.01)


async def test_a_commit_that_loses_work_is_answered_on_a_real_server(
    db: Database, other_connection: OtherConnection
) -> None:
    """The stream's answer is replaced although the server runs its body in a task of its own."""
    app = make_app(db)

    @app.get("/")
    async def create() -> StreamingResponse:
        await User.create(email="ada@example.com", auto_commit=False)

        async def body() -> AsyncIterator[str]:
            yield "never"

        return StreamingResponse(body())

    async with served(app) as url, httpx.AsyncClient(headers=ORIGIN) as client:
        answer = await client.get(url)

    assert (answer.status_code, answer.json()["code"]) == (500, "pending_work")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert await emails(other_connection) == []


async def test_a_client_that_leaves_early_leaves_no_connection(db: Database, other_connection: OtherConnection) -> None:
    """A handler whose client has gone ends its work, and its connection goes back."""
    app = make_app(db)
    app.add_middleware(BaseHTTPMiddleware, dispatch=lambda request, call_next: call_next(request))
    working, go_on = asyncio.Event(), asyncio.Event()

    @app.get("/")
    async def create(session: SessionDep) -> None:
        await User.create(email="ada@example.com")
        working.set()
        await go_on.wait()

    async with served(app) as url, httpx.AsyncClient() as client:
        request = asyncio.create_task(client.get(url))
        await working.wait()
        request.cancel()
        await asyncio.wait([request])
        go_on.set()
        await until(lambda: not db.connections())

    assert checked_out(db) == 0
    assert await emails(other_connection) in ([], ["ada@example.com"])


async def test_a_client_that_leaves_a_stream_leaves_no_connection(db: Database) -> None:
    """A body that is reading when its client goes is cancelled, and the connection goes back."""
    app, reading = make_app(db), asyncio.Event()

    @app.get("/")
    async def stream(session: SessionDep) -> StreamingResponse:
        await User.create(email="ada@example.com")

        async def body() -> AsyncIterator[str]:
            while True:
                yield f"{await User.query().count()}\n" * 100
                reading.set()

        return StreamingResponse(body())

    async with served(app) as url, httpx.AsyncClient() as client:
        async with client.stream("GET", url) as answer:
            await anext(answer.aiter_bytes())
            await reading.wait()
        await until(lambda: not db.connections())

    assert checked_out(db) == 0


async def test_the_server_has_nothing_to_complain_about(db: Database, caplog: pytest.LogCaptureFixture) -> None:
    """A replaced answer, a failing endpoint and an unknown path leave no error of the server itself in its log."""
    app = make_app(db)

    @app.get("/lost")
    async def lost() -> None:
        await User.create(email="ada@example.com", auto_commit=False)

    @app.get("/taken")
    async def taken(session: SessionDep) -> None:
        await User.create(email="ada@example.com")
        await User.create(email="ada@example.com")

    caplog.set_level(logging.WARNING, "uvicorn.error")
    async with served(app) as url, httpx.AsyncClient(base_url=url) as client:
        statuses = [(await client.get(path)).status_code for path in ("/lost", "/taken", "/unknown")]

    assert statuses == [500, 409, 404]
    assert [record for record in caplog.records if record.name.startswith("uvicorn")] == []
