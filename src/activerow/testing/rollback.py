"""`rolled_back`: a transaction around a test, of which nothing remains."""

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from activerow.database import Database
from activerow.database.engine import sqlite_setup
from activerow.database.failures import translating
from activerow.database.unit import to_the_end
from activerow.errors import UsageError
from activerow.testing.enclosure import Enclosure
from activerow.testing.session import CallSession

logger = logging.getLogger("activerow")


@asynccontextmanager
async def rolled_back(db: Database) -> AsyncGenerator[AsyncSession]:
    """Run the block in one transaction of `db`, and roll it back at the end.

    Everything goes on as in production, in whatever task: lone calls and requests commit, errors undo what they undo,
    hooks run, `db.run` repeats. Only that all of it happens on one connection, where every unit is a savepoint, so
    units take turns. The session that it gives commits each of its calls; the models need none.

    Raises:
        UsageError: A unit of work is open around the block, or `db` is rolled back already; or, at the end, the
            connection is still in use.
        UnavailableError: The database cannot be reached.
    """
    if db.scopes.here() is not None:
        raise UsageError("rolled_back() inside an open unit of work would not undo that unit; put it around the unit")
    if db.engines.enclosed:
        raise UsageError("rolled_back() inside rolled_back(): everything in the outer block is undone with it")
    with translating("connect"):
        connection = await _begun(db)
    enclosure = Enclosure(db, connection)
    holders = None
    try:
        with enclosure.serving():
            try:
                async with CallSession(db.engine) as session:
                    yield session
            finally:
                holders = await enclosure.left_by_all()
    finally:
        await to_the_end(_undo(connection, in_use=holders != ""))
    if holders:
        raise UsageError(
            f"at the end of rolled_back() its connection is in use, by {holders};"
            " await or cancel the tasks that the test started, and end its sessions"
        )


async def _begun(db: Database) -> AsyncConnection:
    connection = await db.engine.connect()
    _ = await connection.begin()
    if db.engines.backend.one_writer:
        await connection.run_sync(sqlite_setup.begin_immediate)
    return connection


async def _undo(connection: AsyncConnection, *, in_use: bool) -> None:
    """Roll back; a connection that somebody may be using is given up, which lets the server do it."""
    try:
        if not in_use:
            await connection.rollback()
    except Exception as error:  # noqa: BLE001  (a transaction that is lost is rolled back)
        logger.warning("rolling back a test failed: %s", type(error).__name__)
        in_use = True
    if in_use:
        await connection.invalidate()
    await connection.close()
