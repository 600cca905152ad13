"""A direct call whose connection is lost: a read is repeated once, a write never, and its error says what is known."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import Executable, func, select, update

from activerow import Database
from activerow.database.direct import recovering
from activerow.database.failures import translating
from activerow.errors import CommitUnknownError, DatabaseError, UnavailableError
from tests.models.units import Base, User, held
from tests.tools.backends.active import MakeDatabase
from tests.tools.backends.backend import Backend
from tests.tools.backends.plugin import OtherConnection
from tests.tools.cutting import Cable, cable
from tests.tools.direct import channel as way
from tests.tools.direct import run

pytestmark = pytest.mark.backends("postgresql", "mysql")


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """A user."""
    db = await make_database(Base, pool_size=3, max_overflow=0, pool_timeout=5)
    await User.create(id=1, email="1@x.org", balance=0)
    return db


def who(db: Database) -> Executable:
    """Asks the server for the number of the connection."""
    return select(func.pg_backend_pid() if db.dialect == "postgresql" else func.connection_id())


async def pooled(db: Database) -> list[int]:
    """Put three connections into the pool; the server's numbers of them."""
    return [row[0][0] for row, _, _ in await asyncio.gather(*(run(db, who(db)) for _ in range(3)))]


async def kill(db: Database, other: OtherConnection, *numbers: int) -> None:
    """Let the server close connections."""
    for number in numbers:
        await other.execute(
            f"SELECT pg_terminate_backend({number}, 5000)" if db.dialect == "postgresql" else f"KILL {number}"
        )


async def test_dead_connections_in_the_pool_are_not_noticed(db: Database, other_connection: OtherConnection) -> None:
    """The server has closed all of them: reads and writes find others, and nothing is lost."""
    killed = await pooled(db)
    await kill(db, other_connection, *killed)
    await asyncio.sleep(0.1)

    for number in range(1, 4):
        assert (await run(db, select(User.id)))[1] == 1
        assert (await run(db, update(User).values(balance=number)))[1] == 1

    assert held(db) == 0
    assert set(await pooled(db)).isdisjoint(killed)
    assert await other_connection.scalar("SELECT balance FROM users") == 3


@pytest.fixture
async def cut(backend: Backend, make_database: MakeDatabase) -> Any:
    """A database at the other end of a cable that can be cut."""
    await make_database(Base)
    async with cable(backend.database(0).address) as line:
        db = await make_database(Base, url=line.url, create=False, pool_size=3, max_overflow=0)
        await User.create(id=1, email="1@x.org", balance=0)
        yield db, line


async def test_a_read_whose_connection_breaks_is_repeated_once(cut: tuple[Database, Cable]) -> None:
    """The caller sees the answer; the other old connections are replaced too."""
    db, line = cut
    before = await pooled(db)
    line.cut_at_next_request(1)

    assert (await run(db, select(User.id)))[1] == 1
    assert set(await pooled(db)).isdisjoint(before)


async def test_a_read_is_repeated_no_more_than_once(cut: tuple[Database, Cable]) -> None:
    """A server that cannot be reached is unavailable, and no connection stays behind."""
    db, line = cut
    await pooled(db)
    line.refuse()

    with pytest.raises(UnavailableError), translating("select", User):
        await run(db, select(User.id))

    assert held(db) == 0
    line.accept()
    assert (await run(db, select(User.id)))[1] == 1


@pytest.mark.parametrize("stored", [True, False], ids=["the answer is lost", "the request is lost"])
async def test_a_write_whose_connection_breaks_may_be_stored_or_not(
    cut: tuple[Database, Cable], other_connection: OtherConnection, stored: bool
) -> None:
    """Nobody can tell: it is an error of its own, and it is not sent again."""
    db, line = cut
    await pooled(db)
    await run(db, update(User).values(balance=User.balance + 1))  # prepared on its connection
    for _ in range(2):
        await run(db, update(User).values(balance=User.balance + 1))
    line.cut_at_next_request(1, deliver=stored)

    with pytest.raises(CommitUnknownError) as caught, translating("update", User):
        await run(db, update(User).values(balance=User.balance + 1))

    assert caught.value.operation == "update"
    assert held(db) == 0
    await asyncio.sleep(0.1)
    assert await other_connection.scalar("SELECT balance FROM users") == (4 if stored else 3)
    assert (await run(db, update(User).values(balance=0)))[1] == 1


async def test_a_write_is_in_doubt_unless_the_server_has_said_that_it_ended_it(
    db: Database, backend: Backend, other_connection: OtherConnection
) -> None:
    """Of the drivers psycopg hands on what the server said before it hung up; the others only say that it did."""
    numbers = set(await pooled(db))
    async with db.transaction() as session:
        numbers.discard(await session.scalar(who(db)))
        await User.get(1, lock=True)
        writing = asyncio.create_task(run(db, update(User).values(balance=5)))
        await asyncio.sleep(0.2)
        await kill(db, other_connection, *numbers)
        with pytest.raises(DatabaseError) as caught, translating("update", User):
            await writing

    assert type(caught.value) is (UnavailableError if backend.name == "psycopg" else CommitUnknownError)
    assert await other_connection.scalar("SELECT balance FROM users") == 0
    assert held(db) == 0


@pytest.mark.parametrize("statement", [select(User.id), update(User).values(balance=5)], ids=["read", "write"])
async def test_a_call_that_is_cancelled_while_the_server_is_silent(
    cut: tuple[Database, Cable], statement: Executable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits for a word for a while, then gives the connection up."""
    monkeypatch.setattr(recovering, "SETTLING", 0.2)
    db, line = cut
    await pooled(db)
    await run(db, statement)
    line.fall_silent()
    calling = asyncio.create_task(run(db, statement))
    await asyncio.sleep(0.1)

    calling.cancel()
    await asyncio.wait({calling}, timeout=15)

    assert calling.cancelled()
    assert held(db) == 0
    line.accept()
    assert (await run(db, select(User.id)))[1] == 1


@pytest.mark.backends("mysql")
async def test_numbers_of_the_operating_system_are_not_the_server_s(db: Database) -> None:
    """Of an error that is not the driver's own the number says nothing about the write."""
    dbapi = db.engine.dialect.loaded_dbapi

    said = [
        way(db).was_refused(error)
        for error in (
            dbapi.OperationalError(1053, "shutdown"),
            dbapi.OperationalError(2013, "lost"),
            OSError(104, "reset"),
        )
    ]

    assert said == [True, False, False]
