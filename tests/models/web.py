"""The small application that the FastAPI tests grow their endpoints on."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
from fastapi import FastAPI
from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from activerow import ActiveRecord, Database
from activerow.fastapi import install
from activerow.mixins import AutoTableName
from tests.tools.backends.plugin import OtherConnection

ORIGIN = {"origin": "https://shop.example"}


class Base(ActiveRecord, AutoTableName, DeclarativeBase):
    """Tables of the application."""


class User(Base):
    """Somebody."""

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str | None]


def make_app(db: Database, **options: Any) -> FastAPI:
    """An application with the database installed; CORS is added afterwards, as many do."""
    app = FastAPI(**options)
    install(app, db)
    app.add_middleware(CORSMiddleware, allow_origins=["*"])
    return app


@asynccontextmanager
async def client_of(app: ASGIApp, *, raising: bool = False) -> AsyncGenerator[httpx.AsyncClient, None]:
    """A client that speaks to `app` in this process; what the application raises is a 500, unless `raising`."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=raising)
    async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=ORIGIN) as client:
        yield client


async def get(app: ASGIApp, path: str = "/") -> httpx.Response:
    """One GET."""
    async with client_of(app) as client:
        return await client.get(path)


async def emails(other: OtherConnection) -> list[str]:
    """The e-mails that another connection sees."""
    return await other.column("SELECT email FROM users ORDER BY email")


def on_commit_statement(engine: AsyncEngine, fn: Callable[[], object]) -> None:
    """Call `fn` whenever the engine is about to send COMMIT."""

    def listener(_: Connection) -> None:
        fn()

    event.listen(engine.sync_engine, "commit", listener)
