"""Requests in a test's transaction: through the ASGI application, with everything that it does."""

from collections.abc import AsyncIterator
from typing import Annotated

import pytest
from asgi_lifespan import LifespanManager
from fastapi import BackgroundTasks, Depends, FastAPI, HTTPException
from fastapi.testclient import TestClient
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import StreamingResponse

from activerow import Database
from activerow.errors import SerializationError, UnavailableError
from activerow.testing import captured_on_commit, failing, failing_commit, rolled_back
from tests.models.web import Base, User, client_of, emails, make_app
from tests.tools.backends.active import MakeDatabase
from tests.tools.backends.plugin import OtherConnection


@pytest.fixture
async def db(make_database: MakeDatabase, other_connection: OtherConnection) -> AsyncIterator[Database]:
    """The database of a test that is rolled back; nobody else has seen anything of it."""
    db = await make_database(Base)
    async with rolled_back(db):
        yield db
        assert await emails(other_connection) == []
    assert await emails(other_connection) == []


@pytest.fixture
async def app(db: Database) -> FastAPI:
    """An application that writes, reads and fails."""
    app = make_app(db)

    @app.post("/users")
    async def create(email: str, session: Annotated[AsyncSession, Depends(db.session)], tasks: BackgroundTasks) -> int:
        user = await User.create(email=email)
        db.on_commit(lambda: app.state.told.append(email))
        tasks.add_task(User.create, email=f"task-{email}")
        await session.flush()
        return user.id

    @app.post("/refused")
    async def refuse(email: str, _: Annotated[AsyncSession, Depends(db.session)]) -> None:
        await User.create(email=email)
        raise HTTPException(418)

    @app.get("/emails")
    async def read() -> StreamingResponse:
        async def lines() -> AsyncIterator[str]:
            async for user in User.order_by("email").stream(batch=1):
                yield f"{user.email}\n"

        return StreamingResponse(lines())

    app.state.told = []
    return app


async def test_requests_commit_for_each_other(app: FastAPI) -> None:
    """What one has committed the next reads, and the test too; background tasks and streams run as ever."""
    async with client_of(app) as client:
        answer = await client.post("/users?email=ada")
        assert answer.status_code == 200
        assert (await client.get("/emails")).text == "ada\ntask-ada\n"

    assert (await User.get(answer.json())).email == "ada"
    assert app.state.told == ["ada"]


async def test_a_request_that_fails_is_undone_alone(app: FastAPI) -> None:
    """A conflict is answered, an `HTTPException` rolls back, and the test goes on."""
    async with client_of(app) as client:
        assert (await client.post("/users?email=ada")).status_code == 200
        assert (await client.post("/users?email=ada")).status_code == 409
        assert (await client.post("/refused?email=eve")).status_code == 418
        assert (await client.post("/users?email=grace")).status_code == 200

    assert await User.order_by("email").pluck(User.email) == ["ada", "grace", "task-ada", "task-grace"]


async def test_faults_are_answered(db: Database, app: FastAPI) -> None:
    """A lost connection or a refused commit is a 503, an unknown one a 500, and none of them tells anybody."""
    async with client_of(app) as client:
        with failing(db, UnavailableError, on=User, operation="insert"):
            assert (await client.post("/users?email=ada")).status_code == 503
        with failing_commit(db, SerializationError):
            assert (await client.post("/users?email=ada")).status_code == 503
        with failing_commit(db):
            answer = await client.post("/users?email=ada")
    assert (answer.status_code, answer.json()["code"]) == (500, "commit_unknown")
    assert app.state.told == []
    assert await User.query().count() == 0


async def test_hooks_of_requests_are_captured(db: Database, app: FastAPI) -> None:
    """They are there when the answer is."""
    async with client_of(app) as client:
        with captured_on_commit(db) as hooks:
            await client.post("/users?email=ada")

    assert (len(hooks), app.state.told) == (1, [])


async def test_the_lifespan_of_the_application(app: FastAPI) -> None:
    """It connects, and disposes at its end, without an end to the test's transaction."""
    async with LifespanManager(app) as started, client_of(started.app) as client:
        await client.post("/users?email=ada")

    assert await User.filter_by(email="ada").exists()


async def test_the_test_client_of_starlette_is_refused(app: FastAPI, caplog: pytest.LogCaptureFixture) -> None:
    """It runs the application on another event loop, which cannot share the connection; the log says what can."""
    answer = TestClient(app).post("/users?email=ada")

    assert answer.status_code == 500
    assert "httpx.ASGITransport" in caplog.text
