"""Direct calls and units of work share connections, and neither finds the other's settings on them."""

import asyncio
import gc
import weakref
from typing import Any

import pytest
from sqlalchemy import event, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.util import greenlet_spawn

from activerow import Database
from activerow.database.failures import translating
from activerow.errors import LockTimeoutError
from tests.models.units import Base, User, emails, held
from tests.tools.backends.active import MakeDatabase
from tests.tools.backends.backend import Backend
from tests.tools.backends.plugin import OtherConnection
from tests.tools.direct import run


class UndoneError(Exception):
    """Somebody changed their mind."""


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """One user, and one connection for everybody."""
    db = await make_database(Base, pool_size=1, max_overflow=0, pool_timeout=5)
    await User.create(id=1, email="1@x.org", balance=0)
    return db


def new_user(number: int) -> Any:
    """An INSERT."""
    return insert(User).values(id=number, email=f"{number}@x.org", balance=0)


async def test_a_unit_after_a_direct_write_can_be_undone(db: Database, other_connection: OtherConnection) -> None:
    """Its connection does not commit by itself any more; after it the next direct write does."""
    for number in (2, 4):
        await run(db, new_user(number))
        with pytest.raises(UndoneError):
            async with db.transaction():
                await User.create(id=number + 1, email="undone")
                raise UndoneError

    assert await emails(other_connection) == ["1@x.org", "2@x.org", "4@x.org"]


async def test_whoever_takes_a_connection_past_activerow_gets_a_plain_one(
    db: Database, other_connection: OtherConnection
) -> None:
    """A session, a connection of the engine and one of the pool are not in autocommit."""
    await run(db, new_user(2))
    async with AsyncSession(db.engine) as session:
        await session.execute(new_user(3))
    await run(db, new_user(4))
    async with db.engine.connect() as connection:
        await connection.execute(new_user(5))
    await run(db, new_user(6))
    await greenlet_spawn(write_and_forget, db)

    assert await emails(other_connection) == ["1@x.org", "2@x.org", "4@x.org", "6@x.org"]


def write_and_forget(db: Database) -> None:
    """Write on a connection of the pool itself, and give it back uncommitted."""
    raw = db.engine.pool.connect()
    cursor = raw.cursor()
    if db.dialect == "sqlite":
        cursor.execute("BEGIN")
    cursor.execute("INSERT INTO users (id, email, balance) VALUES (7, 'lost', 0)")
    cursor.close()
    raw.close()


async def test_a_direct_write_after_a_read_only_unit(db: Database, other_connection: OtherConnection) -> None:
    """What the unit forbade on its connection is allowed again."""
    async with db.transaction(read_only=True) as session:
        await session.execute(select(User.id))

    assert (await run(db, update(User).values(balance=3)))[1] == 1
    assert await other_connection.scalar("SELECT balance FROM users") == 3


async def test_a_direct_write_after_somebody_s_autocommit(db: Database, other_connection: OtherConnection) -> None:
    """SQLAlchemy sets the isolation level back to what it takes for the default, in which a BEGIN would be sent."""
    async with db.engine.connect() as connection:
        _ = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await connection.execute(select(User.id))

    assert (await run(db, update(User).values(balance=3)))[1] == 1
    assert await other_connection.scalar("SELECT balance FROM users") == 3


async def test_a_unit_after_somebody_s_autocommit_can_be_undone(
    db: Database, other_connection: OtherConnection
) -> None:
    """Whatever its calls set right on the connection, its transaction stays open."""
    async with db.engine.connect() as connection:
        _ = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await connection.execute(select(User.id))

    with pytest.raises(UndoneError):
        async with db.transaction():
            await User.create(id=2, email="2@x.org")
            assert await User.query().count() == 2
            raise UndoneError

    assert await emails(other_connection) == ["1@x.org"]


async def test_a_direct_write_on_a_connection_that_a_listener_has_set_up(
    make_database: MakeDatabase, other_connection: OtherConnection
) -> None:
    """A listener that sends a statement on a new connection may leave its transaction open."""
    db = await make_database(Base)
    await User.create(id=1, email="1@x.org", balance=0)

    def set_up(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute("UPDATE users SET balance = 9")
        cursor.close()

    await db.engine.dispose()
    if db.dialect != "sqlite":  # where it is committed at once
        event.listen(db.engine.sync_engine, "connect", set_up)
    await run(db, update(User).values(balance=User.balance + 1))

    assert await other_connection.scalar("SELECT balance FROM users") == 1


async def test_direct_writes_and_units_write_in_turn(
    make_database: MakeDatabase, other_connection: OtherConnection
) -> None:
    """Many at once: none is told that the database is locked, and none is lost."""
    db = await make_database(Base, pool_size=8)
    await User.create(id=1, email="1@x.org", balance=0)

    async def in_a_unit() -> None:
        async with db.transaction():
            user = await User.get(1, lock=True)
            await asyncio.sleep(0.005)
            await user.update(balance=user.balance + 1)

    async def direct() -> None:
        await run(db, update(User).values(balance=User.balance + 1))

    await asyncio.gather(*(work() for _ in range(10) for work in (in_a_unit, direct, direct)))

    assert await other_connection.scalar("SELECT balance FROM users") == 30
    assert held(db) == 0


@pytest.mark.backends("sqlite")
async def test_a_direct_write_waits_for_the_lock_as_long_as_a_unit(make_database: MakeDatabase) -> None:
    """Then it is the same error, and the connection waits as patiently afterwards."""
    db = await make_database(Base, statement_timeout=0.2)
    await User.create(id=1, email="1@x.org", balance=0)
    async with db.transaction() as session:
        await session.execute(update(User).values(balance=1))
        with pytest.raises(LockTimeoutError), translating("update", User):
            await run(db, update(User).values(balance=2))

    assert (await run(db, text("PRAGMA busy_timeout")))[0] == [(200,)]
    assert (await run(db, update(User).values(balance=2)))[1] == 1


async def test_an_engine_that_nobody_has_any_more_is_collected(backend: Backend) -> None:
    """Its channel and the listeners of it keep nothing alive."""
    db = Database(backend.wipe(backend.database(0)), base=Base)
    await db.create_all()
    await run(db, new_user(1))
    engine = weakref.ref(db.engine.sync_engine)
    await db.dispose()
    del db

    gc.collect()

    assert engine() is None


def test_a_database_on_one_event_loop_after_the_other(backend: Backend) -> None:
    """Each has its own engine, and its own channel."""
    db = Database(backend.wipe(backend.database(0)), base=Base)

    async def use(number: int) -> int:
        if number == 1:
            await db.create_all()
        await run(db, new_user(number))
        return (await run(db, select(User.id)))[1]

    assert [asyncio.run(use(number)) for number in (1, 2, 3)] == [1, 2, 3]
    asyncio.run(db.dispose())
