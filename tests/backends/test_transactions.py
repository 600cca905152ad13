"""What each kind of server says of its transactions, held against the server itself."""

from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import Connection, func, insert, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from activerow import Database
from activerow.backends import Backend, backend_of
from tests.models.bookshop import Base, Tag
from tests.tools.backends.active import MakeDatabase

COUNT = select(func.count()).select_from(Tag)


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """The bookshop, empty, where nobody waits for long."""
    return await make_database(Base, statement_timeout=0.2)


@pytest.fixture
def server(db: Database) -> Backend:
    """What the library takes the server for."""
    return backend_of(db.engine.dialect)


def isolation_levels(connection: Connection) -> Sequence[str]:
    """Those that the dialect can ask for."""
    proxied: Any = connection.connection
    return connection.dialect.get_isolation_level_values(proxied.dbapi_connection)


async def add(db: Database, name: str) -> None:
    """Somebody else adds a row, at once."""
    async with db.engine.begin() as connection:
        await connection.execute(insert(Tag).values(name=name))


@pytest.mark.backends("postgresql", "mysql")
async def test_a_transaction_that_only_reads(db: Database, server: Backend) -> None:
    """The server refuses to write in it. (SQLite's connections do, when they begin.)"""
    async with AsyncSession(db.engine) as session:
        await server.read_only.on(session)

        with pytest.raises(DBAPIError):
            await session.execute(insert(Tag).values(name="a"))


async def test_a_transaction_that_sees_one_state(db: Database, server: Backend) -> None:
    """Whatever others commit meanwhile, and whatever transactions see that are not asked."""
    loose = db.engine.execution_options(**({} if server.covered else {"isolation_level": "READ COMMITTED"}))
    async with AsyncSession(loose) as session:
        await server.one_state.on(session)
        before = await session.scalar(COUNT)
        await add(db, "a")

        assert await session.scalar(COUNT) == before == 0


@pytest.mark.backends("postgresql", "mysql")
async def test_what_others_have_just_committed(db: Database, server: Backend) -> None:
    """Is seen by `newest`, and by a plain SELECT where the server does not say otherwise."""
    names = select(Tag.name)
    async with AsyncSession(db.engine) as session:
        await session.scalar(names)
        await add(db, "a")

        assert (await session.scalar(names) is None) is server.hides_newest
        assert await session.scalar(server.newest(names)) == "a"


async def test_how_many_write_at_once(db: Database, server: Backend) -> None:
    """One, or as many as write different rows."""
    async with AsyncSession(db.engine) as session:
        await session.execute(insert(Tag).values(name="a"))
        try:
            await add(db, "b")
            alone = False
        except DBAPIError:
            alone = True

    assert alone is server.one_writer


async def test_levels_that_need_no_asking(db: Database, server: Backend) -> None:
    """Any of these can be asked for; what the dialect does not know, every transaction is by itself."""
    levels = {"READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"}
    async with db.engine.connect() as connection:
        known = await connection.run_sync(isolation_levels)
    for level in levels:
        async with db.transaction(isolation=level) as session:
            assert await session.scalar(COUNT) == 0

    assert levels - {*known} <= server.covered


@pytest.mark.filterwarnings("ignore:Previous unbuffered result was left incomplete")
async def test_what_a_connection_can_do_while_rows_are_streamed(db: Database, server: Backend) -> None:
    """Something else, or the rest of the rows is lost."""
    for name in "abc":
        await add(db, name)
    async with db.engine.connect() as connection:
        result = await connection.stream(select(Tag.name), execution_options={"yield_per": 1})
        await result.fetchone()
        try:
            await connection.scalar(COUNT)
            rest = len(await result.fetchall())
        except DBAPIError:
            rest = 0

    assert (rest < 2) is server.busy_cursor
