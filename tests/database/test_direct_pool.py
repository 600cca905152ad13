"""Direct calls use the connections of the units' pool, and keep to its rules."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from sqlalchemy import event, select, text

from activerow import Database
from activerow.database.failures import translating
from activerow.errors import PoolExhaustedError
from activerow.testing.replacing import replaced
from tests.models.units import Base, User, held
from tests.tools.backends.active import MakeDatabase
from tests.tools.direct import channel, run

SLOW = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 3000000) SELECT max(i) FROM n",
    "postgresql": "SELECT pg_sleep(0.5)",
    "mysql": "SELECT sleep(0.5)",
}
"""Takes about half a second."""


def connections_made(db: Database) -> list[object]:
    """Grows as the pool makes connections."""
    made: list[object] = []

    def note(connection: object, _record: object) -> None:
        made.append(connection)

    event.listen(db.engine.sync_engine, "connect", note)
    return made


def idle(db: Database, number: int = 0) -> Any:
    """The record of a connection that lies in the pool."""
    pool: Any = db.engine.pool
    return pool._pool._queue._queue[number]


async def test_a_direct_call_takes_the_connection_that_a_unit_gave_back(make_database: MakeDatabase) -> None:
    """There is one pool, and one connection does for calls that follow each other."""
    db = await make_database(Base)
    made = connections_made(db)

    await User.create(id=1, email="1@x.org")
    for _ in range(3):
        await run(db, select(User.id))
        async with db.transaction() as session:
            await session.execute(select(User.id))

    assert not made
    assert db.engine.pool.checkedin() == 1  # type: ignore[attr-defined]


async def test_a_pool_without_a_free_connection_says_who_has_them(make_database: MakeDatabase) -> None:
    """Direct calls are among the holders, with their task and where in the program they were made."""
    db = await make_database(Base, pool_size=2, max_overflow=0, pool_timeout=0.1)
    async with db.transaction(read_only=True) as session:
        await session.execute(select(User.id))
        slow = asyncio.create_task(run(db, text(SLOW[db.dialect])), name="the slow one")
        await asyncio.sleep(0.05)

        with pytest.raises(PoolExhaustedError), translating("select", User):
            await run(db, select(User.id))
        with pytest.raises(PoolExhaustedError) as caught:
            async with db.transaction(independent=True):
                await User.get(1)
        await slow

    assert any("'the slow one'" in holder and "direct.py" in holder for holder in caught.value.holders)
    assert len(caught.value.holders) == 2
    assert held(db) == 0


async def test_a_call_waits_for_a_connection_that_is_given_back(make_database: MakeDatabase) -> None:
    """Many more tasks than connections: each gets its turn, and nobody is passed over until its time is up."""
    db = await make_database(Base, pool_size=2, max_overflow=1, pool_timeout=2)
    turns = [0] * 12
    end = asyncio.get_running_loop().time() + 3

    async def work(number: int) -> None:
        while asyncio.get_running_loop().time() < end:
            await run(db, select(User.id))
            turns[number] += 1

    await asyncio.gather(*map(work, range(12)))

    assert min(turns) > max(turns) / 4
    assert held(db) == 0


async def test_a_connection_beyond_the_size_of_the_pool_is_closed(make_database: MakeDatabase) -> None:
    """As one that a unit gives back."""
    db = await make_database(Base, pool_size=1, max_overflow=4)

    await asyncio.gather(*(run(db, select(User.id)) for _ in range(5)))

    pool: Any = db.engine.pool
    assert (held(db), pool.checkedin(), pool.overflow()) == (0, 1, 0)


async def test_old_and_invalidated_connections_are_replaced(make_database: MakeDatabase) -> None:
    """By `pool_recycle`, by an invalidation of the pool and by a soft invalidation of one connection."""
    db = await make_database(Base, pool_size=1)
    await run(db, select(User.id))
    made = connections_made(db)
    pool: Any = db.engine.pool

    pool._recycle = 0
    await run(db, select(User.id))
    pool._recycle = -1
    pool._invalidate_time = idle(db).starttime + 0.001
    await run(db, select(User.id))
    idle(db).invalidate(soft=True)
    await run(db, select(User.id))
    await run(db, select(User.id))

    assert len(made) == 3


async def test_events_of_the_pool_are_fired(make_database: MakeDatabase) -> None:
    """When a connection is made, given up and closed; those of taking it and giving it back are a session's."""
    db = await make_database(Base, pool_size=1)
    await run(db, select(User.id))
    seen: list[str] = []

    def note(name: str, *_: object) -> None:
        seen.append(name)

    for name in ("connect", "close", "soft_invalidate"):
        event.listen(db.engine.sync_engine, name, partial(note, name))

    idle(db).invalidate(soft=True)
    await run(db, select(User.id))

    assert seen == ["soft_invalidate", "close", "connect"]
    assert channel(db).is_clear()


async def test_disposing_replaces_every_connection(make_database: MakeDatabase) -> None:
    """A call that runs meanwhile is not disturbed."""
    db = await make_database(Base)
    slow = asyncio.create_task(run(db, text(SLOW[db.dialect])))
    await asyncio.sleep(0.1)
    made = connections_made(db)

    await db.engine.dispose()
    assert (await run(db, select(User.id)))[1] == 0
    assert (await slow)[1] == 1

    assert len(made) == 1
    assert held(db) == 0


async def test_the_connection_used_last_may_be_the_first(make_database: MakeDatabase) -> None:
    """As the pool is told: the others grow old, and may be closed by the server."""
    db = await make_database(Base, engine_options={"pool_use_lifo": True})
    await asyncio.gather(*(run(db, select(User.id)) for _ in range(3)))
    last = idle(db, -1)

    for _ in range(3):
        await run(db, select(User.id))

    assert idle(db, -1) is last
    assert all(idle(db, number).info["activerow_used"] < last.info["activerow_used"] for number in (0, 1))


async def test_a_connection_that_was_idle_is_tested_first(make_database: MakeDatabase) -> None:
    """Only then: a test costs a round trip. A file cannot hang up."""
    db = await make_database(Base, pool_size=1)
    tested: list[object] = []

    def make(ping: Callable[[Any], bool]) -> Callable[[Any], bool]:
        def note(connection: Any) -> bool:
            tested.append(connection)
            return ping(connection)

        return note

    with replaced(db.engine.dialect, "_do_ping_w_event", make):
        for _ in range(2):
            await run(db, select(User.id))
        tested.clear()
        await run(db, select(User.id))
        assert not tested
        idle(db).info["activerow_used"] -= 6
        for _ in range(2):
            await run(db, select(User.id))

    assert len(tested) == (0 if db.dialect == "sqlite" else 1)
