"""Scopes and tasks: who joins a unit, who must not, and what became of those that were left behind."""

import asyncio
import contextvars
import gc
import logging
import uuid
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from typing import Any

import pytest
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from activerow import ActiveRecord, Database
from activerow.errors import ScopeClosedError, SessionConflictError, UnfinishedTasksError
from activerow.mixins import AutoTableName
from tests.models.units import Base, Post, User, emails, held, on
from tests.tools.backends.active import MakeDatabase
from tests.tools.backends.plugin import OtherConnection

WARMTH = pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """A database whose pool is much smaller than the number of tasks."""
    return await make_database(Base, pool_size=4, max_overflow=0)


async def make(name: str) -> User:
    return await User.create(email=f"{name}@example.com")


async def chill(db: Database, *, warm: bool) -> None:
    """Leave the pool full of connections, or without any."""
    await asyncio.gather(*(User.query().count() for _ in range(8)))
    if not warm:
        await db.engine.dispose()


async def settle() -> None:
    """Let every task run as far as it can without the database."""
    for _ in range(20):
        await asyncio.sleep(0)


# -- gather inside a unit --------------------------------------------------------------------------------------------


@WARMTH
async def test_gather_inside_a_transaction(db: Database, other_connection: OtherConnection, warm: bool) -> None:
    """50 creates at once are 50 rows of one transaction, on one connection."""
    await chill(db, warm=warm)

    async with db.transaction():
        users = await asyncio.gather(*(make(str(number)) for number in range(50)))
        assert held(db) == 1
        assert await emails(other_connection) == []

    assert len({user.id for user in users}) == 50
    assert len(await emails(other_connection)) == 50


@WARMTH
async def test_gather_inside_a_transaction_that_fails(
    db: Database, other_connection: OtherConnection, warm: bool
) -> None:
    """50 creates at once are none when an error leaves the block."""
    await chill(db, warm=warm)

    with pytest.raises(KeyError):
        async with db.transaction():
            await asyncio.gather(*(make(str(number)) for number in range(50)))
            raise KeyError

    assert await emails(other_connection) == []


async def test_all_kinds_of_calls_at_once(db: Database) -> None:
    """Reads, writes, set-based writes, loads and raw statements of 60 tasks never meet in the middle."""
    users = [await make(str(number)) for number in range(10)]
    for user in users:
        await Post.create(title="x", user=user)

    async with db.transaction() as session:
        rows = await User.query().order_by("id").all()
        await asyncio.gather(
            *(row.update(balance=row.id) for row in rows),
            *(row.refresh() for row in rows),
            *(row.load("posts") for row in rows),
            *(User.filter_by(email=row.email).exists() for row in rows),
            *(User.where(User.id == row.id).update(name="x") for row in rows),
            *(session.get(User, row.id) for row in rows),
        )
        assert all(len(row.posts) == 1 for row in rows)

    assert {(user.balance - user.id, user.name) for user in await User.query().all()} == {(0, "x")}


async def test_children_see_what_the_unit_wrote(db: Database) -> None:
    """A child task joins the unit of the task that started it, and so do its own children."""

    async def grandchild() -> bool:
        return await User.filter_by(email="parent@example.com").exists()

    async def child() -> bool:
        return await asyncio.create_task(grandchild())

    async with db.transaction():
        await make("parent")
        assert await asyncio.create_task(child())


async def test_tasks_that_were_there_before_do_not_join(db: Database, other_connection: OtherConnection) -> None:
    """A scope belongs to the task that opened it: one that was started earlier makes calls of its own."""
    may_start, done = asyncio.Event(), asyncio.Event()

    async def earlier() -> None:
        await may_start.wait()
        assert not await User.query().exists()
        done.set()

    task = asyncio.create_task(earlier())
    async with db.transaction():
        await make("ada")
        may_start.set()
        await done.wait()

    await task
    assert await emails(other_connection) == ["ada@example.com"]


async def test_the_unit_of_a_child_is_not_its_parents(db: Database, other_connection: OtherConnection) -> None:
    """What a child opens is its own: neither its parent nor its siblings join."""
    opened, may_end = asyncio.Event(), asyncio.Event()

    async def child() -> None:
        async with db.transaction():
            assert not await User.query().exists()
            opened.set()
            await may_end.wait()

    task = asyncio.create_task(child())
    await opened.wait()
    assert db.scopes.here() is None
    assert await asyncio.create_task(User.query().count()) == 0
    may_end.set()
    await task


# -- gather outside --------------------------------------------------------------------------------------------------


@WARMTH
async def test_gather_outside_a_unit(db: Database, other_connection: OtherConnection, warm: bool) -> None:
    """50 creates at once are 50 transactions on as many connections as there are; one that fails is alone."""
    await chill(db, warm=warm)
    most: list[int] = []
    run = uuid.uuid4().hex  # InnoDB locks around deleted keys that were not purged yet
    on(db, "before_cursor_execute", lambda: most.append(held(db)))

    done = await asyncio.gather(*(make(f"{run}-{number % 49}") for number in range(50)), return_exceptions=True)

    assert sum(isinstance(outcome, User) for outcome in done) == 49
    assert len(await emails(other_connection)) == 49
    assert max(most) > 1


async def test_a_detached_row_shared_as_relation_value(db: Database, other_connection: OtherConnection) -> None:
    """50 tasks refer to one row: each has its own transaction, and the row stays what it was."""
    user = await make("ada")
    before = dict(vars(user))

    posts = await asyncio.gather(*(Post.create(title=str(number), user=user) for number in range(50)))

    assert all(post.user is user for post in posts)
    assert vars(user) == before
    assert await other_connection.scalar(f"SELECT count(*) FROM posts WHERE user_id = {user.id}") == 50


async def test_a_detached_row_shared_as_the_updated_row(db: Database) -> None:
    """50 tasks change one object: they take turns, each in a transaction of its own."""
    user = await make("ada")

    async def add() -> None:
        await user.update(balance=user.balance + 1)

    await asyncio.gather(*(user.update(balance=number) for number in range(1, 51)), add())

    stored = await User.get(user.id)
    assert (user.changes(), user.balance) == ({}, stored.balance)


async def test_a_detached_row_shared_as_both(db: Database, other_connection: OtherConnection) -> None:
    """Referred to by some tasks and changed by others at the same time."""
    user = await make("ada")

    await asyncio.gather(
        *(Post.create(title=str(number), user=user) for number in range(25)),
        *(user.update(balance=number) for number in range(1, 25)),
        *(user.refresh() for _ in range(10)),
        *(User.get(user.id) for _ in range(10)),
    )

    assert await other_connection.scalar(f"SELECT count(*) FROM posts WHERE user_id = {user.id}") == 25
    assert await other_connection.scalar("SELECT balance FROM users") == user.balance


async def test_a_detached_row_shared_inside_a_transaction(db: Database, other_connection: OtherConnection) -> None:
    """The children of one unit refer to a row of outside, which stays outside."""
    user = await make("ada")

    async with db.transaction() as session:
        await asyncio.gather(*(Post.create(title=str(number), user=user) for number in range(50)))
        assert user not in session

    assert await other_connection.scalar(f"SELECT count(*) FROM posts WHERE user_id = {user.id}") == 50


async def test_children_change_one_row_of_the_unit(db: Database) -> None:
    """Inside a transaction the tasks change the same attached object, one call at a time."""
    user = await make("ada")

    async with db.transaction():
        await asyncio.gather(*(user.update(balance=user.balance + number) for number in range(1, 20)))
        balance = user.balance

    assert (await User.get(user.id)).balance == balance == 19


# -- savepoints of several tasks -------------------------------------------------------------------------------------


@WARMTH
async def test_children_with_savepoints_beside_children_without(
    db: Database, other_connection: OtherConnection, warm: bool
) -> None:
    """What returned OK is there after the commit; what failed in a savepoint is not; they do not touch each other."""
    await chill(db, warm=warm)

    async def child(number: int) -> str:
        if number % 3 == 0:
            return (await make(str(number))).email
        async with db.transaction():
            user = await make(str(number))
            await asyncio.sleep(0)
            await user.update(name="x")
            if number % 3 == 1:
                raise KeyError(number)
            async with db.transaction():
                await make(f"nested{number}")
        return user.email

    async with db.transaction():
        done = await asyncio.gather(*(child(number) for number in range(30)), return_exceptions=True)

    kept = {outcome for outcome in done if isinstance(outcome, str)}
    nested = {f"nested{number}@example.com" for number in range(2, 30, 3)}
    assert len(kept) == 20
    assert set(await emails(other_connection)) == kept | nested


async def test_the_children_of_a_savepoint_work_in_it(db: Database, other_connection: OtherConnection) -> None:
    """Tasks started inside a nested block go on while it is open, and are undone with it."""
    async with db.transaction():
        await make("outer")
        with pytest.raises(KeyError):
            async with db.transaction():
                await asyncio.gather(*(make(str(number)) for number in range(10)))
                assert await User.query().count() == 11
                raise KeyError

    assert await emails(other_connection) == ["outer@example.com"]


async def test_a_call_waits_for_another_tasks_savepoint(db: Database, other_connection: OtherConnection) -> None:
    """Between SAVEPOINT and ROLLBACK TO no other task's work gets in, so none of it is undone."""
    inside, may_fail = asyncio.Event(), asyncio.Event()

    async def nested() -> None:
        async with db.transaction():
            await make("undone")
            inside.set()
            await may_fail.wait()
            raise KeyError

    async with db.transaction():
        failing = asyncio.create_task(nested())
        await inside.wait()
        sibling = asyncio.create_task(make("kept"))
        await settle()
        assert not sibling.done()
        may_fail.set()
        await asyncio.gather(failing, sibling, return_exceptions=True)

    assert await emails(other_connection) == ["kept@example.com"]


async def test_a_task_waits_in_vain_for_a_savepoint(
    make_database: MakeDatabase, other_connection: OtherConnection
) -> None:
    """A task that waits longer than `pool_timeout` gets an error that names both tasks; the unit is whole."""
    db = await make_database(Base, pool_timeout=0.05)

    async with db.transaction():
        task = asyncio.current_task()
        assert task is not None
        task.set_name("the holder")
        child = asyncio.ensure_future(later(make("never"), until := asyncio.Event()))
        child.set_name("the waiter")
        async with db.transaction():
            until.set()
            with pytest.raises(SessionConflictError, match=r"test_scope\.py") as caught:
                await child
            await make("nested")
        await make("outer")

    assert "'the holder'" in str(caught.value)
    assert "'the waiter'" in str(caught.value)
    assert await emails(other_connection) == ["nested@example.com", "outer@example.com"]


async def later(work: Coroutine[Any, Any, Any], event: asyncio.Event) -> Any:
    await event.wait()
    return await work


# -- late and detached tasks -----------------------------------------------------------------------------------------


async def test_a_task_left_behind_is_refused(db: Database, other_connection: OtherConnection) -> None:
    """A call of a task whose scope has ended does not fall into a transaction of its own; the message has the cure."""
    until = asyncio.Event()
    async with db.transaction():
        await make("ada")
        task = asyncio.create_task(later(make("late"), until), name="the late one")

    until.set()
    with pytest.raises(ScopeClosedError, match=r"the late one.*test_scope\.py.*db\.detached\(\)"):
        await task

    assert await emails(other_connection) == ["ada@example.com"]


async def test_every_use_of_an_ended_scope_is_refused(db: Database) -> None:
    """Reads, blocks, hooks and sessions alike."""
    until = asyncio.Event()
    refused: list[str] = []

    async def late() -> None:
        await until.wait()
        for use in (User.query().all, db.transaction().__aenter__, db.commit):
            with pytest.raises(ScopeClosedError):
                await use()
            refused.append("refused")
        for register in (db.on_commit, db.on_rollback):
            with pytest.raises(ScopeClosedError):
                register(late)
        with pytest.raises(ScopeClosedError):
            async with db.scoped_session():
                refused.append("never")

    async with db.transaction():
        task = asyncio.create_task(late())
    until.set()
    await task

    assert refused == ["refused"] * 3


async def test_a_task_left_behind_by_a_savepoint_is_refused(db: Database, other_connection: OtherConnection) -> None:
    """Also while the unit around it is still open: it belonged to the block that ended."""
    until = asyncio.Event()
    async with db.transaction():
        async with db.transaction():
            task = asyncio.create_task(later(make("late"), until))
        until.set()
        with pytest.raises(ScopeClosedError):
            await task
        await make("ada")

    assert await emails(other_connection) == ["ada@example.com"]


async def test_a_detached_task_outlives_its_starter(db: Database, other_connection: OtherConnection) -> None:
    """In `db.detached()` a background task makes calls of its own, during the unit and after it."""
    looked, until = asyncio.Event(), asyncio.Event()

    async def background() -> None:
        async with db.detached():
            assert not await User.filter_by(email="ada@example.com").exists()
            looked.set()
            await until.wait()
            await make("background")
            async with db.transaction():
                await make("own")

    async with db.transaction():
        await make("ada")
        task = asyncio.create_task(background())
        await looked.wait()

    until.set()
    await task
    assert await emails(other_connection) == ["ada@example.com", "background@example.com", "own@example.com"]


async def test_a_task_started_inside_detached_does_not_join(db: Database, other_connection: OtherConnection) -> None:
    """The block may also stand around the start of the task."""
    until = asyncio.Event()

    async with db.transaction():
        async with db.detached():
            task = asyncio.create_task(later(make("background"), until))
        await make("ada")

    until.set()
    await task
    assert await emails(other_connection) == ["ada@example.com", "background@example.com"]


async def test_detached_ends_with_its_block(db: Database, other_connection: OtherConnection) -> None:
    """After the block, calls join the unit again; a block inside it is the outermost."""
    with pytest.raises(KeyError):
        async with db.transaction():
            async with db.detached(), db.transaction(isolation="SERIALIZABLE"):
                await make("kept")
            await make("undone")
            raise KeyError

    assert await emails(other_connection) == ["kept@example.com"]


async def test_a_sibling_that_still_runs_when_the_unit_ends(db: Database, other_connection: OtherConnection) -> None:
    """`gather` that fails at once leaves its other tasks running: the unit is undone, not half committed."""

    async def fail() -> None:
        await make("failing")
        raise KeyError

    tasks: list[asyncio.Task[Any]] = []
    with pytest.raises(KeyError):
        async with db.transaction():
            tasks += [asyncio.create_task(fail()), *(asyncio.create_task(make(str(n))) for n in range(10))]
            await asyncio.gather(*tasks)

    await asyncio.gather(*tasks, return_exceptions=True)
    assert await emails(other_connection) == []
    assert held(db) == 0


# -- contexts that are copied, shared or left elsewhere --------------------------------------------------------------


async def rows(db: Database, count: int) -> AsyncGenerator[User, None]:
    """Creates users in a transaction, as they are asked for."""
    async with db.transaction():
        for number in range(count):
            yield await make(str(number))


async def test_an_async_generator_may_hold_a_unit(db: Database, other_connection: OtherConnection) -> None:
    """Read to its end it is committed, and the reader is outside again."""
    seen = [user.email async for user in rows(db, 3)]

    assert seen == await emails(other_connection)
    assert db.scopes.here() is None


async def test_an_async_generator_that_is_closed_early(db: Database, other_connection: OtherConnection) -> None:
    """`aclosing` ends it at once: what it did is undone, the reader is outside again."""
    async with aclosing(rows(db, 3)) as users:
        async for _ in users:
            break

    assert db.scopes.here() is None
    assert held(db) == 0
    await make("after")
    assert await emails(other_connection) == ["after@example.com"]


async def test_an_abandoned_async_generator_is_ended_elsewhere(
    db: Database, other_connection: OtherConnection, caplog: pytest.LogCaptureFixture
) -> None:
    """The event loop closes it in another task and context: no `ValueError`; the connection is back, the log tells."""
    ended = asyncio.Event()
    on(db, "rollback", ended.set)

    async for _ in rows(db, 3):
        break
    gc.collect()
    await ended.wait()
    await settle()

    await make("after")
    assert held(db) == 0
    assert await emails(other_connection) == ["after@example.com"]
    logged = [record for record in caplog.records if record.name in {"activerow", "asyncio"}]
    assert [(record.name, record.levelno) for record in logged if record.levelno > logging.INFO] == [
        ("activerow", logging.ERROR)
    ]
    assert "aclosing" in logged[-1].getMessage()


async def test_a_generator_read_by_several_tasks(db: Database, other_connection: OtherConnection) -> None:
    """Each step in a task of its own, as by `wait_for` on Python 3.11, inside a unit: all of them are a part of it."""
    async with db.transaction():
        users = rows(db, 2)
        first = await asyncio.create_task(anext(users))
        second = await asyncio.create_task(anext(users))
        with pytest.raises(StopAsyncIteration):
            await anext(users)
        await make("outer")

    assert {first.email, second.email, "outer@example.com"} == set(await emails(other_connection))


async def test_a_unit_opened_and_closed_by_other_tasks(db: Database, other_connection: OtherConnection) -> None:
    """Tasks that share one context, as the fixtures and the body of a test do, share the unit opened in it."""
    context, loop = contextvars.copy_context(), asyncio.get_running_loop()
    block = db.transaction()

    await loop.create_task(block.__aenter__(), context=context)
    await loop.create_task(make("inside"), context=context)
    assert await emails(other_connection) == []
    await loop.create_task(block.__aexit__(None, None, None), context=context)
    await loop.create_task(make("after"), context=context)

    assert await emails(other_connection) == ["after@example.com", "inside@example.com"]


async def test_a_block_left_in_another_context_is_closed(db: Database, other_connection: OtherConnection) -> None:
    """Without `ValueError`; the task that opened it stands outside again."""
    block = db.transaction()
    await block.__aenter__()
    await make("inside")

    await asyncio.create_task(block.__aexit__(None, None, None))

    assert await emails(other_connection) == ["inside@example.com"]
    await make("after")
    assert len(await emails(other_connection)) == 2


async def test_detached_left_in_another_context(db: Database, other_connection: OtherConnection) -> None:
    """The same for `db.detached()`."""
    block = db.detached()
    await asyncio.create_task(block.__aenter__())
    await asyncio.create_task(block.__aexit__(None, None, None))

    async with db.transaction():
        await make("ada")

    assert await emails(other_connection) == ["ada@example.com"]


# -- two databases ---------------------------------------------------------------------------------------------------


class LogBase(ActiveRecord, AutoTableName, DeclarativeBase):
    """Tables of another database."""


class Entry(LogBase):
    """A line in a log."""

    id: Mapped[int] = mapped_column(primary_key=True)
    line: Mapped[str]


async def test_two_databases_have_scopes_of_their_own(
    make_database: MakeDatabase, other_connection: OtherConnection
) -> None:
    """A unit of one is none of the other: each commits and rolls back alone."""
    db, log = await make_database(Base), await make_database(LogBase)

    with pytest.raises(KeyError):
        async with db.transaction():
            await make("undone")
            await Entry.create(line="kept")
            assert log.scopes.here() is None
            raise KeyError
    async with db.transaction():
        await make("kept")
        with pytest.raises(KeyError):
            async with log.transaction():
                await Entry.create(line="undone")
                raise KeyError

    assert await emails(other_connection) == ["kept@example.com"]
    assert [entry.line for entry in await Entry.query().all()] == ["kept"]


async def test_two_databases_side_by_side(make_database: MakeDatabase, other_connection: OtherConnection) -> None:
    """Blocks of both may be crossed and used by many tasks."""
    db, log = await make_database(Base), await make_database(LogBase)

    async with db.transaction() as session, log.transaction() as other:
        assert session is not other
        await asyncio.gather(
            *(make(str(number)) for number in range(20)), *(Entry.create(line=str(number)) for number in range(20))
        )
        assert (held(db), held(log)) == (1, 1)

    assert len(await emails(other_connection)) == 20
    assert await Entry.query().count() == 20


async def test_a_task_that_joined_one_database_does_not_hold_up_the_other(make_database: MakeDatabase) -> None:
    """Unfinished is a task only for the units it used."""
    db, log = await make_database(Base), await make_database(LogBase)
    may_end, wrote = asyncio.Event(), asyncio.Event()

    async def child() -> None:
        await Entry.create(line="child")
        wrote.set()
        await may_end.wait()

    tasks: list[asyncio.Task[None]] = []
    with pytest.raises(UnfinishedTasksError):
        async with log.transaction():
            async with db.transaction():
                tasks.append(asyncio.create_task(child()))
                await wrote.wait()
                await make("ada")
            assert await User.query().count() == 1

    may_end.set()
    await tasks[0]
    assert not await Entry.query().exists()
