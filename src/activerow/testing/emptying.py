"""`emptied`: a test whose transactions are real, and whose rows are deleted afterwards."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from activerow.database import Database
from activerow.database.failures import translating
from activerow.database.unit import to_the_end


@asynccontextmanager
async def emptied(db: Database) -> AsyncGenerator[None]:
    """Delete the rows of all tables of `db` after the block, the ones from before it too.

    For what `rolled_back` cannot undo: several connections, `independent=True`, isolation, threads, DDL on MySQL.
    """
    try:
        yield
    finally:
        await to_the_end(_empty(db))


async def _empty(db: Database) -> None:
    await db.scopes.seen_off()
    tables = [table for metadata in db.metadata for table in metadata.tables.values()]
    if not tables:
        return
    with translating("delete"):
        async with db.engine.connect() as connection:
            await connection.run_sync(db.engines.backend.empty, tables)
            await connection.commit()
