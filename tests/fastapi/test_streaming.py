"""`Query.stream` in a request, and in the body of its answer."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse

from activerow import Database
from activerow.errors import ScopeClosedError
from activerow.fastapi import SessionDep
from activerow.query.results.stream import Stream
from tests.models.units import held
from tests.models.web import Base, User, get, make_app
from tests.tools.backends.active import MakeDatabase


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """A database with five users."""
    db = await make_database(Base)
    async with db.transaction():
        for number in range(1, 6):
            await User.create(id=number, email=f"{number}@example.com")
    return db


@pytest.fixture
def app(db: Database) -> FastAPI:
    """An application without endpoints."""
    return make_app(db)


async def test_the_body_of_an_answer_may_be_a_stream(app: FastAPI, db: Database) -> None:
    """It holds one connection while it runs, none before and none afterwards."""
    seen: list[int] = []

    @app.get("/")
    async def export(session: SessionDep) -> StreamingResponse:
        await User.create(id=6, email="6@example.com")
        users = User.query().order_by("id").stream(2)

        async def body() -> AsyncGenerator[str]:
            seen.append(held(db))
            async for user in users:
                seen.append(held(db))
                yield str(user.id)

        return StreamingResponse(body())

    assert (await get(app)).text == "123456"
    assert seen == [0, 1, 1, 1, 1, 1, 1]
    assert held(db) == 0


async def test_a_stream_of_the_request_ends_with_it(app: FastAPI) -> None:
    """Rows that were read before are not handed out either."""
    began: list[Stream[User]] = []

    @app.get("/")
    async def export(session: SessionDep) -> StreamingResponse:
        users = User.query().stream(3)
        began.append(users)
        first = await anext(users)

        async def body() -> AsyncGenerator[str]:
            yield first.email
            with pytest.raises(ScopeClosedError):
                await anext(users)
            yield " closed"

        return StreamingResponse(body())

    assert (await get(app)).text.endswith(" closed")
    with pytest.raises(ScopeClosedError):
        await anext(began[0])


async def test_a_client_that_goes_away_gives_the_connection_back(app: FastAPI, db: Database) -> None:
    """The body is cancelled where it waits to go on."""
    sent = asyncio.Event()

    @app.get("/")
    async def export() -> StreamingResponse:
        async def body() -> AsyncGenerator[str]:
            async for user in User.query().stream(2):
                yield str(user.id)
                await asyncio.Event().wait()

        return StreamingResponse(body())

    await _until_gone(app, sent)

    await asyncio.sleep(0)
    await db.scopes.seen_off()
    assert sent.is_set()
    assert held(db) == 0


async def _until_gone(app: FastAPI, sent: asyncio.Event) -> None:
    """One request whose client leaves after the first part of the body."""
    messages = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop()
        await sent.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body" and message["body"]:
            sent.set()

    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "headers": [],
        "server": ("test", 80),
    }
    await app(scope, receive, send)
