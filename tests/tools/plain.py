"""Plain SQLAlchemy engines on the backends, for tests of what stands below `Database`."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import MetaData, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from tests.tools.backends.backend import Backend


@asynccontextmanager
async def plain_engine(backend: Backend, metadata: MetaData) -> AsyncGenerator[AsyncEngine]:
    """An engine on a database that has the tables of `metadata`, empty; SQLite checks foreign keys there."""
    database = backend.database(0)
    ready = await asyncio.to_thread(backend.ready, database, metadata)
    engine = create_async_engine(database.url, poolclass=NullPool)
    if backend.dialect == "sqlite":
        event.listen(engine.sync_engine, "connect", _check_foreign_keys)
    if not ready:
        async with engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
        await asyncio.to_thread(backend.settle, database, metadata)
    yield engine
    await engine.dispose()


def _check_foreign_keys(connection: Any, _record: object) -> None:
    connection.cursor().execute("PRAGMA foreign_keys=ON")
