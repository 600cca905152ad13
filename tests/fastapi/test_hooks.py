"""Hooks, listeners, versions and history in requests."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI, Header
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from activerow import ActiveRecord, Database, audit, events
from activerow.fastapi import install
from activerow.mixins import Audited, AuditLog, AutoTableName, Versioned
from tests.models.units import held
from tests.models.web import client_of
from tests.tools.backends.active import MakeDatabase


class Base(ActiveRecord, AutoTableName, DeclarativeBase):
    """Tables of the tests about requests with hooks."""


class History(AuditLog, Base):
    """What happened to articles."""


class Article(Audited, Versioned, Base):
    """Its hook writes another row when it is created."""

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]

    async def after_create(self) -> None:
        await Link.create(to=self.id)


class Link(Base):
    """What a hook writes."""

    id: Mapped[int] = mapped_column(primary_key=True)
    to: Mapped[int]


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    return await make_database(Base, pool_size=1, max_overflow=0, pool_timeout=2)


@pytest.fixture
async def client(db: Database) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application with articles."""
    app = FastAPI()
    install(app, db)

    async def signed_in(user: Annotated[str, Header()]) -> AsyncIterator[None]:
        with audit.actor(user):
            yield

    @app.post("/articles")
    async def post(title: str, session: Annotated[AsyncSession, Depends(db.session)]) -> str:
        session.add(Article(title=title))  # written when the request ends
        return title

    @app.put("/articles/{key}", dependencies=[Depends(db.session), Depends(signed_in)])
    async def put(key: int, title: str, if_match: Annotated[int, Header()]) -> int:
        article = await Article.get(key)
        await article.expect_version(if_match).update(title=title)
        return article.version

    async with client_of(app) as client:
        yield client


async def test_a_row_that_somebody_changed_is_a_conflict(client: httpx.AsyncClient) -> None:
    """The client says which version it has seen, and is told that there is another one."""
    article = await Article.create(title="a")

    answers = [
        await client.put(f"/articles/{article.id}?title={title}", headers={"If-Match": "1", "User": "u"})
        for title in "bc"
    ]

    assert [answer.status_code for answer in answers] == [200, 409]
    assert (answers[0].json(), answers[1].json()["code"]) == (2, "stale_record")


async def test_the_actor_of_a_request_is_recorded(client: httpx.AsyncClient) -> None:
    """Named by a dependency, and by nobody afterwards."""
    article = await Article.create(title="a")

    await client.put(f"/articles/{article.id}?title=b", headers={"If-Match": "1", "User": "user:7"})

    assert [entry.actor for entry in await article.history()] == ["user:7", None]
    assert audit.current_actor() is None


async def test_hooks_at_the_end_of_a_request_have_the_database(client: httpx.AsyncClient, db: Database) -> None:
    """What waits to be written then is written before the unit is closed; listeners hear before the answer."""
    heard: list[Any] = []

    @events.committed(Article)
    async def note(changes: list[events.Change]) -> None:
        heard.append((changes[0].operation, held(db), await Link.query().count()))

    answer = await client.post("/articles?title=a")
    events.unlisten(Article, "committed", note)

    assert (answer.status_code, heard) == (200, [("create", 0, 1)])
