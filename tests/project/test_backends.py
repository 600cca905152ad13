"""The test backends themselves: what every other test stands on."""

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from tests.tools.backends.backend import Backend, TestDatabase
from tests.tools.backends.plugin import OtherConnection

metadata = MetaData()
things = Table("things", metadata, Column("id", Integer, primary_key=True))


async def run(url: str, *statements: str) -> None:
    engine = create_async_engine(url, poolclass=NullPool)
    async with engine.begin() as connection:
        for statement in statements:
            await connection.execute(text(statement))
    await engine.dispose()


async def make_things(database: TestDatabase) -> None:
    engine = create_async_engine(database.url, poolclass=NullPool)
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    await engine.dispose()


async def test_a_backend_answers(backend: Backend, database_url: str, other_connection: OtherConnection) -> None:
    """Every backend that is not skipped has a server that answers through its own driver."""
    assert database_url.startswith(f"{backend.dialect}+{backend.driver}://")
    assert await other_connection.scalar("SELECT 1") == 1


@pytest.mark.parametrize("turn", [1, 2])
async def test_database_url_names_an_empty_database(turn: int, database_url: str) -> None:
    """What one test made is gone for the next."""
    await run(database_url, "CREATE TABLE left_over (id INTEGER PRIMARY KEY)")


async def test_fresh_urls_are_databases_of_their_own(backend: Backend) -> None:
    """Two fresh databases do not see each other's tables."""
    first, second = await backend.fresh_url(), await backend.fresh_url()

    await run(first, "CREATE TABLE things (id INTEGER PRIMARY KEY)")

    await run(second, "CREATE TABLE things (id INTEGER PRIMARY KEY)")


async def test_tables_of_the_same_metadata_are_kept_and_emptied(backend: Backend) -> None:
    """The second test of a module finds its tables made, without the first one's rows."""
    database = backend.database(1)
    backend.wipe(database)
    await make_things(database)
    backend.settle(database, metadata)
    await run(database.url, "INSERT INTO things (id) VALUES (1)")

    kept = backend.ready(database, metadata)

    assert kept
    await run(database.url, "INSERT INTO things (id) VALUES (1)")


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TABLE other (id INTEGER PRIMARY KEY)",
        "ALTER TABLE things ADD COLUMN name VARCHAR(20)",
    ],
)
async def test_a_database_whose_schema_was_changed_is_wiped(backend: Backend, change: str) -> None:
    """A test that changes tables by hand does not change them for the next."""
    database = backend.database(1)
    backend.wipe(database)
    await make_things(database)
    backend.settle(database, metadata)
    await run(database.url, change)

    kept = backend.ready(database, metadata)

    assert not kept
    await run(database.url, "CREATE TABLE things (id INTEGER PRIMARY KEY)")


@pytest.mark.backends("postgresql")
def test_the_marker_backends_chooses_by_dialect(backend: Backend) -> None:
    """A test marked for one dialect runs on its drivers only."""
    assert backend.name in {"asyncpg", "psycopg"}
