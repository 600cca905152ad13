"""A direct call that is cancelled at any moment gives its connection back, and does nothing afterwards."""

import asyncio
import os
import random
import sqlite3
from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import Executable, insert, select, text, update

from activerow import Database
from tests.models.units import Base, User, cancelled_everywhere, emails, held
from tests.tools.backends.active import MakeDatabase
from tests.tools.backends.plugin import OtherConnection
from tests.tools.direct import channel, run

MANNERS = pytest.mark.parametrize(
    ("late", "times"),
    [(False, 1), (True, 1), (False, 5)],
    ids=["before the answer", "with the answer", "again and again"],
)
CALLS = int(os.environ.get("ACTIVEROW_CANCELLATIONS", "150"))


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """A user, and a pool in which a leak shows at once."""
    db = await make_database(Base, pool_size=1, max_overflow=0, pool_timeout=10)
    await User.create(id=1, email="1@x.org", balance=0)
    return db


@MANNERS
@pytest.mark.parametrize("recycle", [-1, 0], ids=["pooled", "made anew"])
async def test_a_cancelled_read(db: Database, late: bool, times: int, recycle: int) -> None:
    """Cancelled at any await, on a connection of the pool or on one that is being made, a read leaves nothing."""
    pool: Any = db.engine.pool
    pool._recycle = recycle
    answers: list[object] = []

    async def work(_number: int) -> None:
        answers.append((await run(db, select(User.email)))[1])

    async def check(_number: int, _cancelled: bool) -> None:
        assert held(db) == 0
        assert channel(db).holdings() == []

    moments = await cancelled_everywhere(work, check, late=late, times=times)

    assert moments > 1
    assert answers[-1] == 1
    assert (await run(db, select(User.id)))[1] == 1


@MANNERS
async def test_a_cancelled_write(db: Database, other_connection: OtherConnection, late: bool, times: int) -> None:
    """Cancelled at any await a write is stored, or is not; a call that came through is, and none comes later."""
    kept: list[str] = []

    async def work(number: int) -> None:
        await run(db, insert(User).values(id=100 + number, email=f"{number}", balance=0))
        kept.append(f"{number}")

    async def check(number: int, cancelled: bool) -> None:
        assert held(db) == 0
        assert cancelled or kept[-1:] == [f"{number}"]
        known = await emails(other_connection)
        await User.filter_by(id=1).exists()
        assert await emails(other_connection) == known

    await cancelled_everywhere(work, check, late=late, times=times)

    assert set(kept) <= set(await emails(other_connection))


@MANNERS
@pytest.mark.backends("postgresql", "mysql")
async def test_a_cancelled_write_that_waits_for_a_lock_is_not_carried_out_later(
    make_database: MakeDatabase, other_connection: OtherConnection, late: bool, times: int
) -> None:
    """The server has ended it before the caller is told of the cancellation: nothing is stored when the lock goes."""
    db = await make_database(Base, pool_size=2, max_overflow=0, pool_timeout=10)
    await User.create(id=1, email="1@x.org", balance=0)
    await run(db, select(User.id))

    async with db.transaction():
        await User.get(1, lock=True)
        writing = asyncio.create_task(run(db, update(User).where(User.id == 1).values(balance=5)))
        await asyncio.sleep(0.3)
        for _ in range(times):
            writing.cancel()
            await asyncio.sleep(0.001 if late else 0)
        await asyncio.wait({writing})
        assert writing.cancelled()
        assert held(db) == 1
    await asyncio.sleep(0.1)

    assert await other_connection.scalar("SELECT balance FROM users") == 0
    assert (await run(db, update(User).values(balance=User.balance + 1)))[1] == 1
    assert await other_connection.scalar("SELECT balance FROM users") == 1


@pytest.mark.backends("sqlite")
async def test_a_cancelled_write_that_waits_for_another_process_is_not_carried_out_later(
    make_database: MakeDatabase,
) -> None:
    """The call lasts as long as SQLite waits, which nothing can interrupt."""
    db = await make_database(Base, statement_timeout=0.5)
    await User.create(id=1, email="1@x.org", balance=0)
    assert db.url is not None
    with closing(sqlite3.connect(str(db.url.database), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        writing = asyncio.create_task(run(db, update(User).values(balance=5)))
        await asyncio.sleep(0.1)
        writing.cancel()
        await asyncio.wait({writing})
        other.execute("ROLLBACK")

    assert writing.cancelled()
    assert held(db) == 0
    assert (await run(db, update(User).values(balance=User.balance + 1)))[1] == 1
    assert (await User.get(1)).balance == 1


async def test_a_cancelled_slow_read_is_stopped_on_the_server(db: Database) -> None:
    """The connection is free, or replaced, long before the statement would have ended."""
    slow: Any = {
        "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n",
        "postgresql": "SELECT pg_sleep(60)",
        "mysql": "SELECT sleep(60)",
    }
    reading = asyncio.create_task(run(db, text(slow[db.dialect])))
    await asyncio.sleep(0.2)

    reading.cancel()
    await asyncio.wait({reading}, timeout=10)

    assert reading.cancelled()
    assert held(db) == 0
    assert (await run(db, select(User.id)))[1] == 1


@pytest.mark.stray_errors  # asyncpg tells whoever waited, and that is nobody
async def test_a_call_that_is_thrown_away_gives_its_connection_back(db: Database) -> None:
    """A coroutine that is closed where it waits can await nothing: its connection is dropped on the spot."""
    await run(db, select(User.id))
    reading = run(db, select(User.email))
    reading.send(None)
    assert held(db) == 1

    reading.close()

    assert held(db) == 0
    assert (await run(db, select(User.email)))[1] == 1


def any_statement(chance: random.Random) -> Executable:
    """A read, an addition or a write that is refused."""
    return chance.choice(
        (
            select(User.email),
            update(User).values(balance=User.balance + 1),
            insert(User).values(id=1, email="taken", balance=0),
        )
    )


async def test_many_calls_cancelled_at_random(make_database: MakeDatabase, other_connection: OtherConnection) -> None:
    """Whatever happened, the pool is whole afterwards, and each addition that came through was stored once."""
    db = await make_database(Base, pool_size=3, max_overflow=2, pool_timeout=10)
    await User.create(id=1, email="1@x.org", balance=0)
    chance, added, begun = random.Random(7), 0, 0

    async def call() -> None:
        nonlocal added, begun
        statement = any_statement(chance)
        begun += statement.is_update
        try:
            async with asyncio.timeout(chance.choice((0, 0.0005, 0.002, 0.005, 60))):
                await run(db, statement)
            added += statement.is_update
        except TimeoutError:
            pass
        except Exception as error:  # noqa: BLE001  (of any driver)
            assert statement.is_insert, error

    for _ in range(CALLS // 15):
        await asyncio.gather(*(call() for _ in range(15)))

    assert held(db) == 0
    assert channel(db).holdings() == []
    assert added <= await other_connection.scalar("SELECT balance FROM users") <= begun
