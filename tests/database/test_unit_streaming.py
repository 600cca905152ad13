"""Rows that are fetched piece by piece from a unit's session, while other calls use it."""

import asyncio

import pytest
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from activerow import Database
from activerow.errors import ScopeClosedError, TransactionBrokenError, UniqueViolationError, UsageError
from tests.models.units import Base, Post, User, held
from tests.tools.backends.active import MakeDatabase

interleaved = pytest.mark.backends("sqlite", "postgresql")
"""On MySQL a connection that streams can do nothing else."""

PIECES = select(User).order_by(User.id).execution_options(yield_per=5)


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """Thirty users."""
    db = await make_database(Base, pool_size=2, max_overflow=0)
    async with db.transaction() as session:
        session.add_all(User(email=f"user{n}", posts=[Post(title="a")]) for n in range(30))
    return db


@interleaved
async def test_tasks_write_between_the_pieces(db: Database) -> None:
    """A fetch and a call of another task take turns; neither meets the other half done."""
    seen: list[int] = []

    async with db.transaction() as session:

        async def read() -> None:
            async for user in await session.stream_scalars(PIECES.options(selectinload(User.posts))):
                seen.append(len(user.posts))
                await asyncio.sleep(0)

        async def write(name: str) -> None:
            for number in range(10):
                await User.create(email=f"{name}{number}")

        await asyncio.gather(read(), write("a"), read(), write("b"))

    assert len(seen) >= 60
    assert await User.query().count() == 50


@interleaved
async def test_every_way_to_read_a_stream(db: Database) -> None:
    """Rows, pieces, one value, the rest, and closing in the middle."""
    async with db.transaction() as session:
        result = await session.stream(PIECES)
        first = await result.scalars().fetchmany(2)
        parts = [len(part) async for part in (await session.stream(PIECES)).partitions(20)]
        rest = await result.all()
        stopped = await session.stream_scalars(PIECES)
        async for _ in stopped:
            break
        await stopped.close()
        await User.create(email="last")

    assert [user.email for user in first] == ["user0", "user1"]
    assert (parts, len(rest)) == ([20, 10], 28)


@interleaved
async def test_a_stream_ends_with_its_unit(db: Database) -> None:
    """What is read afterwards is refused, and no connection stays behind."""
    async with db.transaction() as session:
        result = await session.stream_scalars(PIECES)
        await result.fetchmany(2)
        await result.close()
        open_still = await session.stream_scalars(PIECES)

    with pytest.raises(ScopeClosedError):
        await open_still.all()
    await open_still.close()
    assert held(db) == 0


@interleaved
async def test_a_stream_of_a_broken_unit_is_refused(db: Database) -> None:
    """Its transaction is gone; the error is the first one."""
    with pytest.raises(TransactionBrokenError) as caught:
        async with db.transaction() as session:
            result = await session.stream_scalars(PIECES)
            with pytest.raises(UniqueViolationError):
                await User.create(email="user1")
            await result.fetchmany(2)

    assert isinstance(caught.value.first_error, UniqueViolationError)


@pytest.mark.backends("mysql")
@pytest.mark.filterwarnings("ignore:Previous unbuffered result:UserWarning")  # of the ROLLBACK, which throws it away
async def test_an_open_stream_refuses_other_statements(db: Database) -> None:
    """On MySQL the rest of the rows would be thrown away without a word."""
    with pytest.raises(UsageError, match="a stream is open in this unit, and on MySQL"):
        async with db.transaction() as session:
            async for user in await session.stream_scalars(PIECES):
                await user.update(name="x")

    assert not await User.filter_by(name="x").exists()


@pytest.mark.backends("mysql")
async def test_a_stream_that_was_read_or_closed_refuses_nothing(db: Database) -> None:
    """The connection is free again."""
    async with db.transaction() as session:
        users = [user async for user in await session.stream_scalars(PIECES)]
        await users[0].update(name="x")
        result = await session.stream_scalars(PIECES)
        await result.close()
        await users[1].update(name="x")

    assert await User.filter_by(name="x").count() == 2
