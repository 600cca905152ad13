"""Writers of one process to a SQLite file take turns, in the order in which they came."""

import asyncio
import sqlite3
from contextlib import closing

import pytest
from sqlalchemy import text

from activerow import Database
from activerow.database.engine.writer_queue import WriterQueue
from activerow.errors import LockTimeoutError
from tests.models.bookshop import Author, Base
from tests.tools.backends.active import MakeDatabase

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


# -- the queue ---------------------------------------------------------------------------------------------------------


async def taken(queue: WriterQueue, *writers: str) -> list["asyncio.Task[bool]"]:
    """Tasks that wait, in this order."""
    tasks = [asyncio.create_task(queue.take_turn(writer, 5)) for writer in writers]
    await asyncio.sleep(0.01)
    return tasks


async def test_first_come_first_served() -> None:
    queue = WriterQueue()
    a, b, c = await taken(queue, "a", "b", "c")
    done = [[a.done(), b.done(), c.done()]]
    for writer in ("a", "b"):
        queue.end_turn(writer)
        await asyncio.sleep(0.01)
        done.append([a.done(), b.done(), c.done()])

    assert done == [[True, False, False], [True, True, False], [True, True, True]]
    assert all(await asyncio.gather(a, b, c))


async def test_a_turn_is_ended_by_its_writer_alone() -> None:
    queue = WriterQueue()
    _, b = await taken(queue, "a", "b")
    queue.end_turn("b")
    queue.end_turn("c")
    await asyncio.sleep(0.01)
    waits = not b.done()
    queue.end_turn("a")

    assert waits
    assert await b
    assert await queue.take_turn("b", 0)  # it has it already
    queue.end_turn("b")
    assert await queue.take_turn("a", 0)


async def test_who_gives_up_is_passed_over() -> None:
    queue = WriterQueue()
    _, b, c = await taken(queue, "a", "b", "c")
    late = await queue.take_turn("d", 0.01)
    b.cancel()
    await asyncio.sleep(0.01)
    queue.end_turn("a")

    assert not late
    assert await c


async def test_a_turn_that_comes_with_a_cancellation_goes_on() -> None:
    queue = WriterQueue()
    _, b, c = await taken(queue, "a", "b", "c")
    queue.end_turn("a")  # b's future is done, b itself has not run since
    b.cancel()
    with pytest.raises(asyncio.CancelledError):
        await b

    assert await c


# -- the connections ---------------------------------------------------------------------------------------------------


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    return await make_database(Base, pool_size=20)


@pytest.mark.backends("sqlite")
async def test_units_write_in_the_order_in_which_they_came(db: Database) -> None:
    written: list[int] = []

    async def write(number: int) -> None:
        async with db.transaction():
            await Author.create(email=f"{number}@example.com")
            written.append(number)

    tasks: list[asyncio.Task[None]] = []
    async with db.transaction():
        await Author.create(email="ada@example.com")
        async with db.detached():
            for number in range(8):
                tasks.append(asyncio.create_task(write(number)))
                await asyncio.sleep(0.04)  # it connects, and waits
    await asyncio.gather(*tasks)

    assert written == list(range(8))


@pytest.mark.backends("sqlite")
@pytest.mark.parametrize("end", ["error", "cancelled", "cancelled in a statement", "lost"])
async def test_the_next_one_writes_however_a_unit_ends(db: Database, end: str) -> None:
    ready = asyncio.Event()

    async def write() -> None:
        async with db.transaction() as session:
            await Author.create(email="ada@example.com")
            ready.set()
            if end == "error":
                raise ZeroDivisionError
            if end == "lost":
                connection = await session.connection()
                await connection.invalidate()
                raise ZeroDivisionError
            await (asyncio.sleep(60) if end == "cancelled" else session.execute(text(ENDLESS)))

    task = asyncio.create_task(write())
    await ready.wait()
    others = [asyncio.create_task(Author.create(email=f"{number}@example.com")) for number in range(3)]
    await asyncio.sleep(0.05)
    task.cancel()
    async with asyncio.timeout(3):
        await asyncio.gather(*others)
        with pytest.raises((asyncio.CancelledError, ZeroDivisionError)):
            await task

    assert await Author.query().count() == 3


@pytest.mark.backends("sqlite")
async def test_another_process_is_waited_for_as_ever(db: Database) -> None:
    """The queue is this process's; of others SQLite knows."""
    with closing(sqlite3.connect(db.engine.url.database or "", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        first, second = (asyncio.create_task(Author.create(email=f"{number}@example.com")) for number in range(2))
        await asyncio.sleep(0.1)
        waited = not first.done() and not second.done()
        other.execute("COMMIT")
        await asyncio.gather(first, second)

    assert waited
    assert await Author.query().count() == 2


@pytest.mark.backends("sqlite")
async def test_who_has_waited_for_too_long_is_told(make_database: MakeDatabase) -> None:
    """As by SQLite itself; and the connection is as patient as before for whoever gets it next."""
    db = await make_database(Base, statement_timeout=0.3)
    async with db.transaction():
        await Author.create(email="ada@example.com")
        async with db.detached():
            with pytest.raises(LockTimeoutError) as caught:
                await Author.create(email="grace@example.com")
            async with db.engine.connect() as connection:
                patience = await connection.scalar(text("PRAGMA busy_timeout"))

    assert caught.value.driver_code == "SQLITE_BUSY"
    assert patience == 300
    await Author.create(email="grace@example.com")
