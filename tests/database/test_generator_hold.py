"""A transaction that an async generator holds: what its reader does in it is kept, or refused, and never lost."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager

import pytest

from activerow import Database
from activerow.errors import SessionConflictError, UsageError
from tests.models.units import Base, User, emails, held, on
from tests.tools.backends.active import MakeDatabase
from tests.tools.backends.plugin import OtherConnection

UNDONE = r"rolled back: the async generator that held db\.transaction\(\) opened at .* was left before its end"


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """Three users."""
    db = await make_database(Base, pool_timeout=5)
    for name in "abc":
        await make(name)
    return db


async def make(name: str) -> User:
    return await User.create(email=f"{name}@example.com")


async def reading(db: Database) -> AsyncGenerator[User]:
    """Reads in a transaction of its own."""
    async with db.transaction():
        for user in await User.order_by("id").all():
            yield user


async def writing(db: Database) -> AsyncGenerator[User]:
    """Writes in a transaction of its own."""
    async with db.transaction():
        yield await make("generator")
        yield await make("generator2")


async def made(other: OtherConnection) -> list[str]:
    """Whom somebody else sees besides the first three."""
    return [email.partition("@")[0] for email in await emails(other) if len(email.partition("@")[0]) > 1]


@pytest.mark.parametrize("generator", [reading, writing])
@pytest.mark.parametrize("pause", [None, 0])
async def test_calls_after_a_break_stand_outside(
    db: Database, other_connection: OtherConnection, generator: object, pause: float | None
) -> None:
    """They are lone calls at once, though the event loop closes the generator only later; they are kept."""
    undone = asyncio.Event()
    on(db, "rollback", undone.set)

    async def work() -> None:
        async for _ in (reading if generator is reading else writing)(db):
            break
        if pause is not None:
            await asyncio.sleep(pause)
        await make("first")
        await make("second")
        async with db.transaction():
            await make("third")

    await asyncio.create_task(work())
    await undone.wait()

    assert await made(other_connection) == ["first", "second", "third"]
    assert (held(db), db.connections()) == (0, ())


async def test_a_reader_that_wrote_and_left_is_told_by_its_next_call(
    db: Database, other_connection: OtherConnection, caplog: pytest.LogCaptureFixture
) -> None:
    """What it wrote between two rows was part of the generator's transaction, and is undone; it hears so once."""
    async for user in reading(db):
        await user.update(name="lost")
        break

    with pytest.raises(UsageError, match=UNDONE):
        await make("refused")
    await make("kept")

    assert await made(other_connection) == ["kept"]
    assert await other_connection.scalar("SELECT count(*) FROM users WHERE name = 'lost'") == 0
    assert [record.levelno for record in caplog.records if record.name == "activerow"] == [logging.ERROR]


async def test_a_reader_that_wrote_and_closes_the_generator_is_told(
    db: Database, other_connection: OtherConnection
) -> None:
    """`aclosing` ends the transaction before its end: what the loop's body made is undone, with an error."""
    with pytest.raises(UsageError, match=UNDONE):
        async with aclosing(reading(db)) as users:
            async for _ in users:
                await make("lost")
                break

    await make("kept")
    assert await made(other_connection) == ["kept"]


async def test_the_readers_own_error_is_the_one_that_comes_out(db: Database, other_connection: OtherConnection) -> None:
    """It knows already that something went wrong."""
    with pytest.raises(KeyError):
        async with aclosing(reading(db)) as users:
            async for _ in users:
                await make("lost")
                raise KeyError

    await make("kept")
    assert await made(other_connection) == ["kept"]


async def test_a_generator_that_is_read_to_its_end_keeps_what_its_reader_wrote(
    db: Database, other_connection: OtherConnection
) -> None:
    """The reader's calls are part of its transaction, also in blocks of their own."""
    async for user in reading(db):
        await user.update(name="kept")
        async with db.transaction():
            await make(f"new{user.id}")

    await make("after")
    assert len(await made(other_connection)) == 4
    assert await other_connection.scalar("SELECT count(*) FROM users WHERE name = 'kept'") == 3


async def test_a_savepoint_that_a_generator_holds(db: Database, other_connection: OtherConnection) -> None:
    """Inside a unit a generator that is left undoes its savepoint alone, and what follows belongs to the unit."""
    async with db.transaction():
        await make("before")
        async with aclosing(writing(db)) as users:
            async for _ in users:
                break
        await make("after")

    assert await made(other_connection) == ["after", "before"]


async def test_a_context_manager_made_of_a_generator_holds_a_plain_block(
    db: Database, other_connection: OtherConnection
) -> None:
    """The body of its `with` joins, whatever it does."""

    @asynccontextmanager
    async def unit() -> AsyncGenerator[None]:
        async with db.transaction():
            yield

    async with unit():
        await make("inside")
        async with unit():
            await make("nested")
    with pytest.raises(KeyError):
        async with unit():
            await make("undone")
            raise KeyError

    assert await made(other_connection) == ["inside", "nested"]


async def test_a_row_of_a_generator_that_was_left_is_not_written_in_its_transaction(
    db: Database, other_connection: OtherConnection
) -> None:
    """It is attached to a unit that is about to be undone: refused until that has ended, then written."""
    undone = asyncio.Event()
    on(db, "rollback", undone.set)
    users: list[User] = []
    async for user in reading(db):
        users.append(user)
        break

    with pytest.raises(SessionConflictError):
        await users[0].update(name="too early")
    await undone.wait()
    await db.scopes.seen_off()
    while db.scopes.units:
        await asyncio.sleep(0)

    await users[0].update(name="kept")
    assert await other_connection.scalar("SELECT count(*) FROM users WHERE name = 'kept'") == 1
