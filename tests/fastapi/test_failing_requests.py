"""Requests that fail leave nothing in memory: taken values, missing rows, bad bodies, and a pool that runs dry."""

import logging
import os
import resource
from functools import partial
from pathlib import Path
from typing import Annotated, Final

import pytest
from fastapi import Depends, FastAPI
from httpx import AsyncClient
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from activerow import Database
from tests.models.web import Base, User, client_of, make_app
from tests.tools.backends.active import MakeDatabase
from tests.tools.live_objects import kept_by

ROUNDS: Final = int(os.environ.get("ACTIVEROW_SOAK_REQUESTS", "10000"))
REQUESTS: Final = (
    ("POST", "/lone", {"email": "taken@example.com"}, 409),
    ("POST", "/unit", {"email": "taken@example.com"}, 409),
    ("POST", "/lone", {"email": "a NUL \0"}, 422),
    ("POST", "/unit", {"name": 5}, 422),
    ("GET", "/users/99", None, 404),
    ("GET", "/crowded", None, 503),
)


class NewUser(BaseModel):
    email: str


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """One connection, for which nobody waits."""
    db = await make_database(Base, pool_size=1, max_overflow=0, pool_timeout=0.001)
    await User.create(id=1, email="taken@example.com")
    return db


@pytest.fixture(autouse=True)
def no_records(caplog: pytest.LogCaptureFixture) -> None:
    """pytest keeps what is logged, and the errors in it."""
    caplog.set_level(logging.CRITICAL, logger="activerow")


@pytest.fixture
def app(db: Database) -> FastAPI:
    """An application all of whose requests fail."""
    app = make_app(db)

    @app.post("/lone")
    async def lone(body: NewUser) -> None:
        await User.create(body)

    @app.post("/unit")
    async def unit(body: NewUser, session: Annotated[AsyncSession, Depends(db.session)]) -> None:
        session.add(User(email=f"new {body.email}"))
        await User.create(body)

    @app.get("/users/{key}")
    async def read(key: int) -> str:
        return (await User.get(key)).email

    @app.get("/crowded")
    async def crowded() -> None:
        async with db.transaction():
            await User.query().count()
            async with db.detached():
                await User.query().count()

    return app


async def fail(client: AsyncClient, rounds: int) -> None:
    """Send each of the requests in turn."""
    for number in range(rounds):
        method, path, body, status = REQUESTS[number % len(REQUESTS)]
        answer = await client.request(method, path, json=body)
        assert answer.status_code == status, (path, answer.text)


async def test_failing_requests_leave_no_object_behind(app: FastAPI) -> None:
    """Of no class there are more objects after them than before."""
    async with client_of(app) as client:
        await fail(client, len(REQUESTS) * 3)

        assert await kept_by(partial(fail, client, len(REQUESTS) * 10), least=10) == {}


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() // 1024


@pytest.mark.soak
@pytest.mark.timeout(3600)
async def test_memory_is_flat_after_many_failing_requests(
    app: FastAPI, db: Database, pytestconfig: pytest.Config
) -> None:
    """After ten thousand the process is as large as it was after the first thousand."""
    async with client_of(app) as client:
        await fail(client, ROUNDS // 10)
        size = _resident()

        kept = await kept_by(partial(fail, client, ROUNDS // 2), least=10)

    growth = _resident() - size
    pytestconfig.get_terminal_writer().line(f" {db.engine.driver}: {ROUNDS} failing requests, {growth:+d} kB")
    assert kept == {}
    assert growth < ROUNDS // 2  # kB
