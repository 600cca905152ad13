"""What a direct call costs: round trips, hops of threads, and calls of Python functions; counted, not timed."""

import cProfile
import pstats
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import select, update

from activerow import Database
from tests.models.units import Base, User
from tests.tools.backends.active import MakeDatabase
from tests.tools.backends.backend import Backend
from tests.tools.cutting import cable
from tests.tools.direct import channel, prepared, run

READ = select(User.id, User.email).where(User.id == 1)
WRITE = update(User).where(User.id == 1).values(balance=1)
BESIDES: dict[str, int] = {"asyncpg": 35, "psycopg": 50}
"""Calls that a direct read may make besides the driver's own."""


@pytest.mark.backends("postgresql", "mysql")
async def test_a_direct_call_is_one_round_trip(make_database: MakeDatabase, backend: Backend) -> None:
    """One more on a connection that has not seen the statement before (asyncpg), or comes from a unit (MySQL)."""
    await make_database(Base)
    async with cable(backend.database(0).address) as line:
        db = await make_database(Base, url=line.url, create=False, pool_size=1)
        assert channel(db).is_clear()
        async with db.transaction():
            await User.create(id=1, email="1@x.org", balance=0)
        trips: list[int] = []
        for statement in (READ, READ, READ, WRITE, WRITE, WRITE):
            before = line.trips
            await run(db, statement)
            trips.append(line.trips - before)
        await db.dispose()

    first = {"asyncpg": 2, "psycopg": 1}.get(backend.name, 2)
    assert trips == [first, 1, 1, 2 if backend.name == "asyncpg" else 1, 1, 1]


@pytest.mark.backends("sqlite")
@pytest.mark.parametrize("statement", [READ, WRITE], ids=["read", "write"])
async def test_a_direct_call_is_one_hop_of_the_connection_s_thread(make_database: MakeDatabase, statement: Any) -> None:
    """Execute, fetch, close and commit."""
    db = await make_database(Base, pool_size=1)
    await run(db, statement)
    pool: Any = db.engine.pool
    driver = pool._pool._queue._queue[0].driver_connection
    hops: list[object] = []
    put = driver._tx.put_nowait

    class Counting:
        """In place of the queue of the thread."""

        def put_nowait(self, job: object) -> None:
            hops.append(job)
            put(job)

    driver._tx = Counting()
    await run(db, statement)

    assert len(hops) == 1


async def calls(work: Callable[[], Awaitable[object]]) -> float:
    """How many functions one run of `work` calls, of C too."""
    for _ in range(5):
        await work()
    profile = cProfile.Profile()
    profile.enable()
    for _ in range(20):
        await work()
    profile.disable()
    counted: Any = pstats.Stats(profile)
    return float(counted.total_calls) / 20


async def test_few_functions_are_called_besides_the_driver_s(make_database: MakeDatabase, backend: Backend) -> None:
    """A connection is taken, its holder is noted, and it is given back; who listens is asked before."""
    db = await make_database(Base, pool_size=1)
    way = channel(db)
    read = prepared(db, READ)

    async def direct() -> None:
        if way.is_clear():
            await way.run(*read)

    counted = await calls(direct)
    print(f"{backend.name}: {counted} calls of a direct read")  # noqa: T201  (for who looks)

    if backend.name in BESIDES:
        async with bare_call(db, read) as bare_read:
            bare = await calls(bare_read)
        assert counted - bare <= BESIDES[backend.name]
    else:
        assert counted <= {"sqlite": 90, "asyncmy": 110, "aiomysql": 400}[backend.name]


@asynccontextmanager
async def bare_call(db: Database, read: Any) -> AsyncGenerator[Callable[[], Awaitable[object]]]:
    """The same read on a connection that is held, by the driver alone."""
    command, parameters = read

    async def by_cursor() -> object:
        cursor = driver.cursor()
        await cursor.execute(command.sql, parameters)
        return await cursor.fetchall()

    async with db.engine.connect() as connection:
        driver: Any = (await connection.get_raw_connection()).driver_connection
        if db.engine.dialect.driver == "asyncpg":
            yield lambda: driver.fetch(command.sql, *parameters)
        else:
            await driver.set_autocommit(True)
            yield by_cursor
            await driver.set_autocommit(False)
