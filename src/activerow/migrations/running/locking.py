"""One migration at a time: instances of a service that start together wait for the first, and find the work done.

PostgreSQL and MySQL have advisory locks; they are held by a connection of their own. It asks again and again instead of
waiting in a statement: whoever waits inside a statement has a snapshot, for which `CREATE INDEX CONCURRENTLY` waits in
turn. Such locks belong to a server session, which pgbouncer's transaction mode does not keep: migrate past it.

On SQLite the whole upgrade is one `BEGIN IMMEDIATE` transaction, which is lock enough.
"""

import asyncio
import hashlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from activerow.migrations.errors import MigrationLockError

_PAUSE: Final = 0.2


@asynccontextmanager
async def locked(engine: AsyncEngine, name: str, patience: float) -> AsyncGenerator[None]:
    """Hold the migration lock of the engine's database for the block.

    Args:
        engine: Where; the lock's connection comes from its pool, and is closed afterwards.
        name: Migrations of another name in the same database have a lock of their own.
        patience: Seconds to wait for it.

    Raises:
        MigrationLockError: Somebody else held it all the time.
    """
    if engine.dialect.name == "sqlite":
        yield
        return
    key = _key(engine, name)
    async with engine.connect() as plain:
        connection = await plain.execution_options(isolation_level="AUTOCOMMIT")
        try:
            await _take(connection, key, patience)
            yield
        finally:
            await connection.invalidate()  # the server frees the locks of a session that ends


async def _take(connection: AsyncConnection, key: str | int, patience: float) -> None:
    ask = _ASK["postgresql" if connection.dialect.name == "postgresql" else "mysql"]
    clock = asyncio.get_running_loop().time
    until = clock() + patience
    while not (await connection.execute(ask, {"key": key})).scalar():
        if clock() >= until:
            raise MigrationLockError(patience)
        await asyncio.sleep(_PAUSE)


_ASK: Final[dict[str, Any]] = {
    "postgresql": text("SELECT pg_try_advisory_lock(:key)"),
    "mysql": text("SELECT GET_LOCK(:key, 0)"),
}


def _key(engine: AsyncEngine, name: str) -> str | int:
    """The lock's name on the server: MySQL's are server-wide, so they have the database in them."""
    digest = hashlib.sha256(f"activerow:{engine.url.database}:{name}".encode()).digest()
    if engine.dialect.name == "postgresql":
        return int.from_bytes(digest[:8], "big", signed=True)
    return f"activerow:{digest.hex()[:40]}"
