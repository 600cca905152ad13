"""What each kind of server says it does with rows that are written, held against the server itself."""

import math
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import BigInteger, Column, Float, Integer, MetaData, String, Table, insert, select, text
from sqlalchemy.exc import CompileError, DBAPIError, IntegrityError, StatementError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from activerow.backends import BIG_KEY, STRING, Backend, backend_of

METADATA = MetaData()
PLACES = Table(
    "places",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("code", String(5), unique=True),
    Column("number", Integer, unique=True),
    Column("x", Float),
)


@pytest.fixture
async def connection(database_url: str, other_engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Plain SQLAlchemy's, with an empty table."""
    async with other_engine.connect() as connection:
        await connection.run_sync(METADATA.create_all)
        yield connection


@pytest.fixture
def server(connection: AsyncConnection) -> Backend:
    """What the library takes the server for."""
    return backend_of(connection.dialect)


async def stored(connection: AsyncConnection, number: float) -> Any:
    """What becomes of a number in a FLOAT; a word where the server or its driver refuses it."""
    try:
        await connection.execute(insert(PLACES), [{"id": 1, "x": number}])
    except DBAPIError:
        return "refused"
    return await connection.scalar(select(PLACES.c.x))


async def test_what_becomes_of_an_infinite_number(connection: AsyncConnection, server: Backend) -> None:
    """It is stored, or refused."""
    assert await stored(connection, math.inf) == (math.inf if server.infinity else "refused")


async def test_what_becomes_of_no_number(connection: AsyncConnection, server: Backend) -> None:
    """SQLite makes NULL of it."""
    found = await stored(connection, math.nan)

    assert (found != found) is server.nan
    assert server.nan or found in {None, "refused"}


async def test_which_key_an_upsert_meets(connection: AsyncConnection, server: Backend) -> None:
    """A row with another unique value of a row that is there: an error, or taken for that row."""
    await connection.execute(insert(PLACES), [{"id": 1, "code": "a", "number": 7}])
    statement = server.insert(PLACES).values(id=2, code="b", number=7)
    if server.upserts_by_every_key:
        await connection.execute(statement.on_duplicate_key_update(x=1))
        assert await connection.scalar(select(PLACES.c.id).where(PLACES.c.x == 1)) == 1
    else:
        with pytest.raises(IntegrityError):
            await connection.execute(statement.on_conflict_do_update(index_elements=["code"], set_={"x": 1}))


async def test_whether_it_reads_the_table_that_it_writes(connection: AsyncConnection, server: Backend) -> None:
    """In a subquery with a limit, which is what becomes of a query's."""
    try:
        await connection.execute(text("DELETE FROM places WHERE id IN (SELECT id FROM places LIMIT 1)"))
        does = True
    except DBAPIError:
        does = False

    assert does is server.reads_own_table


async def test_whether_it_takes_rows_by_copy(connection: AsyncConnection, server: Backend) -> None:
    """Others do not know the word."""
    try:
        await connection.exec_driver_sql("COPY places TO '/nowhere/at/all'")
        said = ""
    except DBAPIError as error:
        said = str(error.orig)

    assert ("syntax" in said) is not server.copies


async def test_which_long_keys_it_generates(connection: AsyncConnection, server: Backend) -> None:
    """BIGINT, or what is said instead; nothing else would be generated."""
    keys = {"plain": BigInteger(), "ours": BIG_KEY}
    tables = {
        name: Table(f"keys_{name}", MetaData(), Column("id", kind, primary_key=True)) for name, kind in keys.items()
    }
    generated: dict[str, bool] = {}
    for name, table in tables.items():
        await connection.run_sync(table.create)
        try:
            await connection.execute(insert(table))
            generated[name] = await connection.scalar(select(table.c.id)) == 1
        except IntegrityError:
            generated[name] = False

    assert generated == {"plain": server.generated_key is None, "ours": True}


async def test_whether_a_text_needs_a_length(connection: AsyncConnection, server: Backend) -> None:
    """VARCHAR has one where the server asks for it."""
    await connection.run_sync(Table("ours", MetaData(), Column("word", STRING)).create)
    try:
        await connection.run_sync(Table("plain", MetaData(), Column("word", String())).create)
        needs = False
    except CompileError:
        needs = True

    assert needs is (server.string is not None)


async def test_a_moment_keeps_its_microseconds(connection: AsyncConnection, server: Backend) -> None:
    """In the type that is taken for it, and its time zone where that says so."""
    moment = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC if server.moment.timezone else None)
    table = Table("moments", MetaData(), Column("at", server.moment))
    await connection.run_sync(table.create)
    await connection.execute(insert(table).values(at=moment))

    found = await connection.scalar(select(table.c.at))

    assert found == moment
    assert found is not None
    assert (found.tzinfo is not None) is server.moment.timezone


async def test_whose_errors_they_are(connection: AsyncConnection, server: Backend) -> None:
    """What a driver raises is of a package that its server names, and is read."""
    with pytest.raises(StatementError) as raised:
        await connection.execute(text("SELECT nothing FROM nowhere"))

    error = raised.value.driver_exception if isinstance(raised.value, DBAPIError) else None
    assert type(error).__module__.partition(".")[0] in server.modules
    assert server.report(error).code is not None
