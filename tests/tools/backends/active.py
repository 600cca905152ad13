"""The fixture `make_database`: Databases with empty tables, checked for leaks when the test is over."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import Any, Protocol

import pytest
from sqlalchemy import MetaData
from sqlalchemy.pool import QueuePool

from activerow import Database
from tests.tools.backends.backend import Backend

_GRACE_TURNS = 50


class MakeDatabase(Protocol):
    """The fixture `make_database`."""

    def __call__(
        self, base: type[Any], *, url: str | None = None, create: bool = True, **options: Any
    ) -> Awaitable[Database]:
        """A connected Database bound to `base`, its tables made and empty; `options` are the Database's.

        The first one of a test is in the database that `database_url` and `other_connection` name, each further one in
        another. `url` takes a database as it is instead, and `create=False` makes no tables.
        """
        ...


@pytest.fixture
async def make_database(backend: Backend, request: pytest.FixtureRequest) -> AsyncIterator[MakeDatabase]:
    """Makes Databases, disposes of them after the test, and fails it when a connection was not given back."""
    maker = _Maker(backend, first_is_wiped="database_url" in request.fixturenames)
    yield maker
    leaks = [leak for db in maker.opened if (leak := await _close(db))]
    if leaks:
        pytest.fail(f"connections were not given back to the pool: {'; '.join(leaks)}")


class _Maker:
    def __init__(self, backend: Backend, *, first_is_wiped: bool) -> None:
        self.opened: list[Database] = []
        self._backend = backend
        self._first_is_wiped = first_is_wiped
        self._taken = 0

    async def __call__(
        self, base: type[Any], *, url: str | None = None, create: bool = True, **options: Any
    ) -> Database:
        if url is not None:
            db = await self._open(url, base, options)
            if create:
                await db.create_all()
            return db
        return await self._next(base, create, options)

    async def _next(self, base: type[Any], create: bool, options: dict[str, Any]) -> Database:
        metadata: MetaData = base.metadata
        database = self._backend.database(self._taken)
        made_by_other_fixture = self._first_is_wiped and self._taken == 0
        self._taken += 1
        ready = False
        if not made_by_other_fixture:
            ready = await asyncio.to_thread(self._backend.ready, database, metadata)
        db = await self._open(database.url, base, options)
        if create and not ready:
            await db.create_all()
            if not made_by_other_fixture:
                await asyncio.to_thread(self._backend.settle, database, metadata)
        return db

    async def _open(self, url: str, base: type[Any], options: dict[str, Any]) -> Database:
        db = Database(url, base=base, **options)
        self.opened.append(db)
        await db.connect()
        return db


async def leak_of(db: Database) -> str | None:
    """What is still checked out of the pool of `db`, after work that is being put away had a moment for it."""
    pool = db.engine.pool
    if not isinstance(pool, QueuePool):
        return None
    for _ in range(_GRACE_TURNS):
        if not pool.checkedout():
            return None
        await asyncio.sleep(0.01)
    return pool.status()


async def _close(db: Database) -> str | None:
    leak = await leak_of(db)
    await db.dispose()
    return leak
