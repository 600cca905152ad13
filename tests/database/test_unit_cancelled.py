"""Cancellation at any moment leaves no connection behind, and all or nothing in the database."""

import asyncio
import logging
import sqlite3

import pytest
from sqlalchemy.exc import IntegrityError

from activerow import Database
from activerow.errors import TransactionBrokenError, UniqueViolationError
from tests.models.units import Base, Cancelled, Statements, User, cancelled_everywhere, emails, held, on
from tests.tools.backends.active import MakeDatabase
from tests.tools.backends.plugin import OtherConnection

MANNERS = pytest.mark.parametrize(
    ("late", "times"),
    [(False, 1), (True, 1), (False, 5)],
    ids=["before the answer", "with the answer", "again and again"],
)


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """A database with users, and a pool in which a leak shows at once."""
    return await make_database(Base, pool_size=1, max_overflow=0, pool_timeout=10)


# -- at every await --------------------------------------------------------------------------------------------------


@MANNERS
async def test_a_cancelled_create(db: Database, other_connection: OtherConnection, late: bool, times: int) -> None:
    """A lone `create` cancelled at any await gives its connection back; its row is there, or is not."""
    kept: list[str] = []

    async def work(number: int) -> None:
        await User.create(email=f"{number}@example.com", refresh=True)
        kept.append(f"{number}@example.com")

    async def check(number: int, cancelled: bool) -> None:
        await User.filter_by(email="nobody").exists()
        assert held(db) == 0
        assert cancelled or kept[-1:] == [f"{number}@example.com"]

    await cancelled_everywhere(work, check, late=late, times=times)

    assert set(kept) <= set(await emails(other_connection))


@MANNERS
async def test_a_cancelled_failure(db: Database, late: bool, times: int) -> None:
    """A task that is cancelled while a refused INSERT is being undone is cancelled, whatever the driver says to it."""
    await User.create(email="taken@example.com")

    async def work(_number: int) -> None:
        async with db.transaction():
            try:
                async with db.transaction():
                    await User.create(email="taken@example.com")
            except UniqueViolationError:
                return

    async def check(_number: int, _cancelled: bool) -> None:
        await User.filter_by(email="nobody").exists()
        assert held(db) == 0

    moments = await cancelled_everywhere(work, check, late=late, times=times)

    assert moments > 3


@MANNERS
async def test_a_cancelled_update(db: Database, late: bool, times: int) -> None:
    """An `update` cancelled at any await leaves the row as it was, or changed, and the object usable."""
    user = await User.create(email="ada@example.com", balance=0)
    before = [0]

    async def work(number: int) -> None:
        await user.update(balance=number)

    async def check(number: int, cancelled: bool) -> None:
        stored = (await User.get(user.id)).balance
        assert held(db) == 0
        assert stored == number or (cancelled and stored == before[-1])
        await user.refresh()
        assert user.changes() == {}
        before.append(user.balance)

    await cancelled_everywhere(work, check, late=late, times=times)

    assert user.balance == before[-1]


@MANNERS
async def test_a_cancelled_transaction(db: Database, late: bool, times: int) -> None:
    """A transaction with a savepoint cancelled at any await is there as a whole, or not at all."""

    async def work(number: int) -> None:
        async with db.transaction():
            first = await User.create(email=f"{number}-a@example.com")
            async with db.transaction():
                await User.create(email=f"{number}-b@example.com")
            await first.update(name="c")

    async def check(number: int, cancelled: bool) -> None:
        rows = await User.where(User.email.startswith(f"{number}-")).all()
        assert held(db) == 0
        assert len(rows) in ({0, 2} if cancelled else {2})
        assert {row.name for row in rows if "-a" in row.email} <= {"c"}

    await cancelled_everywhere(work, check, late=late, times=times)


@MANNERS
async def test_a_cancelled_child_of_a_transaction(db: Database, late: bool, times: int) -> None:
    """A child cancelled at any await leaves the transaction whole, or broken as a whole; it never blocks it."""
    runs: list[Cancelled] = []

    async def parent(number: int) -> None:
        async with db.transaction():
            await User.create(email=f"{number}-parent@example.com")
            runs.append(Cancelled(child(number), number, late=late, times=times))
            await asyncio.gather(asyncio.ensure_future(runs[-1]), return_exceptions=True)
            await User.create(email=f"{number}-after@example.com")

    async def child(number: int) -> None:
        async with db.transaction():
            await User.create(email=f"{number}-child@example.com")

    number = 0
    while not runs or runs[-1].reached:
        number += 1
        (outcome,) = await asyncio.gather(parent(number), return_exceptions=True)
        assert outcome is None or isinstance(outcome, TransactionBrokenError)
        count = await User.where(User.email.startswith(f"{number}-")).count()
        assert count in ({2, 3} if outcome is None else {0})
        assert held(db) == 0


@MANNERS
async def test_a_cancelled_pending_unit(db: Database, late: bool, times: int) -> None:
    """Calls with `auto_commit=False` cancelled at any await: all or nothing, and the unit can be ended."""

    async def work(number: int) -> None:
        try:
            user = await User.create(email=f"{number}-a@example.com", auto_commit=False)
            await User.create(email=f"{number}-b@example.com", auto_commit=False)
            await user.update(name="c", auto_commit=True)
        except asyncio.CancelledError:
            if db.connections() or db.scopes.here() is not None:
                await db.rollback()
            raise

    async def check(number: int, cancelled: bool) -> None:
        names = [user.name for user in await User.where(User.email.startswith(f"{number}-")).order_by("id").all()]
        assert held(db) == 0
        assert names in ([[], ["c", None]] if cancelled else [["c", None]])

    await cancelled_everywhere(work, check, late=late, times=times)


# -- what a cancellation does to a unit ------------------------------------------------------------------------------


async def test_a_cancelled_statement_breaks_its_unit(db: Database, other_connection: OtherConnection) -> None:
    """A timeout that the program swallows does not let half of the transaction be committed."""
    with pytest.raises(TransactionBrokenError) as caught:
        async with db.transaction():
            await User.create(email="first@example.com")
            task = asyncio.ensure_future(Cancelled(make("second"), 1))
            await asyncio.wait({task})
            assert task.cancelled()
            with pytest.raises(TransactionBrokenError):
                await User.create(email="third@example.com")

    assert isinstance(caught.value.first_error, asyncio.CancelledError)
    assert await emails(other_connection) == []


async def make(name: str) -> None:
    await User.create(email=f"{name}@example.com")


async def test_a_cancelled_statement_breaks_the_unit_inside_a_savepoint_too(
    db: Database, other_connection: OtherConnection
) -> None:
    """Nobody knows how far a cancelled statement came: its savepoint cannot be rolled back alone."""

    async def child() -> None:
        async with db.transaction():
            await Cancelled(make("second"), 1)

    with pytest.raises(TransactionBrokenError):
        async with db.transaction():
            await make("first")
            await asyncio.gather(asyncio.ensure_future(child()), return_exceptions=True)

    assert await emails(other_connection) == []
    assert held(db) == 0


async def test_a_task_cancelled_between_its_statements_breaks_nothing(
    db: Database, other_connection: OtherConnection
) -> None:
    """A child cancelled while it waits for something else than the database leaves the unit whole."""
    wrote = asyncio.Event()

    async def child() -> None:
        await make("child")
        wrote.set()
        await asyncio.Event().wait()

    async with db.transaction():
        task = asyncio.create_task(child())
        await wrote.wait()
        task.cancel()
        await asyncio.wait({task})
        await make("parent")

    assert await emails(other_connection) == ["child@example.com", "parent@example.com"]


async def test_a_savepoint_cancelled_between_its_statements_is_rolled_back_alone(
    db: Database, other_connection: OtherConnection
) -> None:
    """`asyncio.timeout` around a nested block undoes that block; the transaction goes on."""
    async with db.transaction():
        await make("outer")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(None) as limit:
                async with db.transaction():
                    await make("inner")
                    limit.reschedule(0)
                    await asyncio.Event().wait()
        await make("after")

    assert await emails(other_connection) == ["after@example.com", "outer@example.com"]


async def test_a_cancelled_wait_for_the_lock_breaks_nothing(db: Database, other_connection: OtherConnection) -> None:
    """A task that is cancelled before its turn has sent nothing, so the unit is whole."""
    async with db.transaction():
        async with db.transaction():
            outside = asyncio.create_task(make("inside"))
            outside.cancel()
            await asyncio.wait({outside})
        await make("parent")

    assert await emails(other_connection) == ["parent@example.com"]


async def test_a_waiting_task_is_cancelled_without_effect(db: Database, other_connection: OtherConnection) -> None:
    """A child that waits for the end of a savepoint can be cancelled; the savepoint and the unit go on."""
    may_start = asyncio.Event()

    async def child() -> None:
        await may_start.wait()
        await make("child")

    async with db.transaction():
        task = asyncio.create_task(child())
        async with db.transaction():
            may_start.set()
            for _ in range(10):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait({task})
            await make("nested")
        await make("outer")

    assert await emails(other_connection) == ["nested@example.com", "outer@example.com"]


# -- the shield around COMMIT ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("times", [1, 20])
async def test_a_cancellation_waits_for_the_commit(db: Database, other_connection: OtherConnection, times: int) -> None:
    """Cancelled while COMMIT is under way, once or all the time, a task learns the outcome, and is then cancelled."""
    ran: list[str] = []
    task = asyncio.create_task(committing(db, ran))

    def cancel(left: int = times) -> None:
        task.cancel()
        if left > 1:
            asyncio.get_running_loop().call_soon(cancel, left - 1)

    on(db, "commit", cancel)
    await asyncio.wait({task})

    assert task.cancelled()
    assert await emails(other_connection) == ["ada@example.com"]
    assert (ran, held(db)) == (["committed"], 0)


async def committing(db: Database, ran: list[str]) -> None:
    async with db.transaction():
        await make("ada")
        db.on_commit(lambda: ran.append("committed"))
        db.on_rollback(lambda: ran.append("rolled back"))


def refuse() -> None:
    """Stands in for a server that refuses COMMIT."""
    raise IntegrityError("COMMIT", {}, sqlite3.IntegrityError("refused"))


async def test_a_failed_commit_under_a_cancellation_is_logged(
    db: Database, other_connection: OtherConnection, caplog: pytest.LogCaptureFixture
) -> None:
    """The caller sees the cancellation; that the commit failed meanwhile is in the log, and its hooks know."""
    ran: list[str] = []
    task = asyncio.create_task(committing(db, ran))
    on(db, "commit", task.cancel)
    on(db, "commit", refuse)

    await asyncio.wait({task})

    assert task.cancelled()
    assert [record.levelno for record in caplog.records if record.name == "activerow"] == [logging.ERROR]
    assert await emails(other_connection) == []
    assert (ran, held(db)) == (["rolled back"], 0)


async def test_a_cancellation_waits_for_a_commit_in_the_middle(db: Database, other_connection: OtherConnection) -> None:
    """The commit of a call is shielded like the one of a unit; the block is then left by the cancellation."""
    ran: list[str] = []

    async def work() -> None:
        async with db.scoped_session():
            db.on_commit(lambda: ran.append("committed"))
            await make("first")
            await make("second")

    task = asyncio.create_task(work())
    on(db, "commit", task.cancel)
    await asyncio.wait({task})

    assert task.cancelled()
    assert await emails(other_connection) == ["first@example.com"]
    assert (ran, held(db)) == (["committed"], 0)


async def test_a_cancelled_release_keeps_the_block_and_its_hooks(
    db: Database, other_connection: OtherConnection
) -> None:
    """A savepoint that was released although its task was cancelled is a part of the transaction, with its hooks."""
    ran: list[str] = []

    async def work() -> None:
        async with db.transaction():
            try:
                async with db.transaction():
                    await make("nested")
                    db.on_commit(lambda: ran.append("committed"))
                    db.on_rollback(lambda: ran.append("rolled back"))
            except asyncio.CancelledError:
                ran.append("cancelled")
            await make("outer")

    task = asyncio.create_task(work())
    on(db, "release_savepoint", task.cancel)
    await task

    assert await emails(other_connection) == ["nested@example.com", "outer@example.com"]
    assert ran == ["cancelled", "committed"]


async def test_a_cancelled_rollback_is_carried_out(db: Database, other_connection: OtherConnection) -> None:
    """Cancelled while ROLLBACK is under way, a task gives its connection back clean; the cancellation is seen."""
    ran: list[str] = []

    async def work() -> None:
        async with db.transaction():
            await make("ada")
            db.on_rollback(lambda: ran.append("rolled back"))
            raise ValueError

    task = asyncio.create_task(work())
    on(db, "rollback", task.cancel)
    await asyncio.wait({task})

    assert task.cancelled()
    assert (ran, held(db)) == (["rolled back"], 0)
    assert await emails(other_connection) == []


# -- what asyncio offers ---------------------------------------------------------------------------------------------


async def test_wait_for_joins_the_transaction(db: Database, other_connection: OtherConnection) -> None:
    """`wait_for`, which on Python 3.11 starts a task, is one more way to call inside the transaction."""
    with pytest.raises(ValueError, match="undo"):
        async with db.transaction():
            await asyncio.wait_for(make("inside"), 10)
            assert await asyncio.wait_for(User.filter_by(email="inside@example.com").exists(), 10)
            raise ValueError("undo")

    assert await emails(other_connection) == []


async def test_a_block_entered_by_wait_for_ends_where_it_is_left(
    db: Database, other_connection: OtherConnection
) -> None:
    """A nested block that was entered under `wait_for` is left by the task that goes on with it."""
    async with db.transaction():
        nested = db.transaction()
        await asyncio.wait_for(nested.__aenter__(), 10)
        await make("nested")
        await asyncio.wait_for(nested.__aexit__(None, None, None), 10)
        await make("outer")

    assert await emails(other_connection) == ["nested@example.com", "outer@example.com"]


async def test_a_timed_out_statement_breaks_the_unit(db: Database, other_connection: OtherConnection) -> None:
    """What `asyncio.timeout` cut off in the middle of a statement cannot be committed."""
    limit = asyncio.timeout(None)
    statements = Statements(db)

    def be_up() -> None:
        if statements.count("INSERT"):
            limit.reschedule(0)

    on(db, "before_cursor_execute", be_up)

    with pytest.raises(TransactionBrokenError):
        async with db.transaction():
            assert not await User.filter_by(email="first@example.com").exists()
            with pytest.raises(TimeoutError):
                async with limit:
                    await make("first")

    assert await emails(other_connection) == []


async def test_a_failing_task_group_undoes_the_transaction(db: Database, other_connection: OtherConnection) -> None:
    """A child's error cancels its siblings and leaves the block: nothing is stored, nothing is held."""

    async def fail() -> None:
        await make("failing")
        raise ValueError("undo")

    with pytest.raises(ExceptionGroup) as caught:
        async with db.transaction(), asyncio.TaskGroup() as group:
            for number in range(10):
                group.create_task(make(str(number)))
            group.create_task(fail())
            for number in range(10, 20):
                group.create_task(make(str(number)))

    assert caught.group_contains(ValueError, match="undo")
    assert await emails(other_connection) == []
    assert held(db) == 0


async def test_a_task_group_that_succeeds_is_committed(db: Database, other_connection: OtherConnection) -> None:
    """The children of a TaskGroup inside a transaction are a part of it."""
    async with db.transaction(), asyncio.TaskGroup() as group:
        for number in range(10):
            group.create_task(make(str(number)))

    assert len(await emails(other_connection)) == 10
