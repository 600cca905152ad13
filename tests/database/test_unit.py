"""The unit of work: how it ends, what its session refuses, and who holds a connection."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import event, insert, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from activerow import Database
from activerow.errors import (
    CommitUnknownError,
    DatabaseError,
    NestedCommitError,
    ScopeClosedError,
    TransactionBrokenError,
    UnfinishedTasksError,
    UsageError,
)
from tests.models.units import Base, Statements, User, cut_off, emails, held, on
from tests.tools.backends.active import MakeDatabase
from tests.tools.backends.backend import Backend
from tests.tools.backends.plugin import OtherConnection

Try = Callable[[AsyncSession], Awaitable[object]]


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """A database with users and posts."""
    return await make_database(Base, pool_timeout=2)


async def make(name: str) -> User:
    return await User.create(email=f"{name}@example.com")


async def settle() -> None:
    """Let every task run as far as it can without the database."""
    for _ in range(20):
        await asyncio.sleep(0)


# -- the end ---------------------------------------------------------------------------------------------------------


async def test_a_block_is_one_transaction(db: Database, other_connection: OtherConnection) -> None:
    """Nobody else sees a part of it; at its end all of it is there, after one COMMIT."""
    statements = Statements(db)

    async with db.transaction():
        user = await make("ada")
        await user.update(name="Ada")
        await make("grace")
        seen = await emails(other_connection)

    assert seen == []
    assert await emails(other_connection) == ["ada@example.com", "grace@example.com"]
    assert (statements.count("COMMIT"), statements.count("ROLLBACK")) == (1, 0)


async def test_a_block_that_does_nothing_takes_no_connection(db: Database) -> None:
    """The transaction begins with its first statement."""
    statements = Statements(db)

    async with db.transaction():
        assert held(db) == 0

    assert statements.sent == []


class Stop(BaseException):
    """Like `KeyboardInterrupt`: no `Exception`."""


async def test_any_exception_rolls_back(db: Database, other_connection: OtherConnection) -> None:
    """Also one that `except Exception` would not see."""
    with pytest.raises(Stop):
        async with db.transaction():
            await make("ada")
            raise Stop

    assert await emails(other_connection) == []
    assert held(db) == 0


async def test_leaving_the_block_early_commits(db: Database, other_connection: OtherConnection) -> None:
    """`return`, `break` and `continue` are no errors."""

    async def early() -> str:
        async with db.transaction():
            await make("return")
            return "done"

    assert await early() == "done"
    for name in ("continue", "break"):
        async with db.transaction():
            await make(name)
            if name == "break":
                break
            continue

    assert await emails(other_connection) == ["break@example.com", "continue@example.com", "return@example.com"]


async def test_the_rows_of_a_unit_stay_usable(db: Database) -> None:
    """After the end they are detached, loaded and can be changed by a call of their own."""
    async with db.transaction() as session:
        user = await make("ada")
        assert user in session

    assert (user.email, user.balance) == ("ada@example.com", 0)
    assert user not in session
    await user.update(name="Ada")
    assert (await User.get(user.id)).name == "Ada"


async def test_rollback_only_undoes_a_block_that_ends_well(db: Database, other_connection: OtherConnection) -> None:
    """`db.rollback_only()` ends the unit by a rollback, without an error; until then it goes on."""
    async with db.transaction():
        await make("ada")
        db.rollback_only()
        assert await User.query().count() == 1
        await make("grace")

    assert await emails(other_connection) == []


async def test_rollback_only_inside_a_savepoint_means_the_unit(db: Database, other_connection: OtherConnection) -> None:
    """Whatever else happens: the unit is the outermost one."""
    async with db.transaction():
        await make("ada")
        async with db.transaction():
            db.rollback_only()
        await make("grace")

    assert await emails(other_connection) == []


async def test_rollback_only_forbids_a_commit_in_the_middle(db: Database, other_connection: OtherConnection) -> None:
    """A unit that must be rolled back whatever happens is not committed by a call in it: that is refused."""
    user = await User.create(email="ada@example.com", auto_commit=False)
    db.rollback_only()

    with pytest.raises(UsageError, match="rollback_only"):
        await user.update(name="Ada", auto_commit=True)

    await db.rollback()
    assert await emails(other_connection) == []


async def test_rollback_only_in_a_scoped_session(db: Database, other_connection: OtherConnection) -> None:
    """Its calls stop committing themselves, a commit by hand is refused, and nothing is left over as forgotten."""
    async with db.scoped_session() as session:
        db.rollback_only()
        await make("ada")
        assert await User.query().count() == 1
        with pytest.raises(UsageError, match="rollback_only"):
            await session.commit()

    assert await emails(other_connection) == []


@pytest.mark.backends("postgresql", "mysql")
async def test_a_lost_answer_to_the_commit_is_an_error_of_its_own(
    db: Database, backend: Backend, other_connection: OtherConnection
) -> None:
    """When the connection is gone at COMMIT nobody can say whether it was carried out."""
    with pytest.raises(CommitUnknownError):
        async with db.transaction() as session:
            await make("ada")
            await cut_off(session, backend, other_connection)

    assert held(db) == 0
    assert (await make("grace")).id


async def test_a_commit_that_fails_stores_nothing(db: Database, other_connection: OtherConnection) -> None:
    """The error of COMMIT is raised in activerow's words, nothing is stored, the connection is back."""

    def refuse(_: object) -> None:
        raise IntegrityError("COMMIT", {}, sqlite3.IntegrityError("refused"))

    event.listen(db.engine.sync_engine, "commit", refuse, once=True)
    with pytest.raises(DatabaseError):
        async with db.transaction():
            await make("ada")

    assert await emails(other_connection) == []
    assert held(db) == 0
    assert (await make("grace")).id


async def make_and_wait(wrote: asyncio.Event, until: asyncio.Event) -> None:
    await make("child")
    wrote.set()
    await until.wait()


# -- unfinished tasks ------------------------------------------------------------------------------------------------


async def test_a_unit_does_not_end_before_its_tasks(db: Database, other_connection: OtherConnection) -> None:
    """A task that joined and still runs: the unit is rolled back, and the error names the task."""
    wrote, may_end = asyncio.Event(), asyncio.Event()
    tasks: list[asyncio.Task[None]] = []

    with pytest.raises(UnfinishedTasksError, match=r"the slow one.*db\.detached\(\)") as caught:
        async with db.transaction():
            tasks.append(asyncio.create_task(make_and_wait(wrote, may_end), name="the slow one"))
            await wrote.wait()

    may_end.set()
    await tasks[0]
    assert caught.value.tasks == ("the slow one",)
    assert await emails(other_connection) == []
    assert held(db) == 0


async def test_a_unit_does_not_end_in_the_middle_of_a_statement(
    db: Database, other_connection: OtherConnection
) -> None:
    """The end waits for the call under way, and then undoes it too; the caller of that call is not told OK later."""
    started = asyncio.Event()
    on(db, "before_cursor_execute", started.set)
    tasks: list[asyncio.Task[User]] = []

    with pytest.raises(UnfinishedTasksError):
        async with db.transaction():
            tasks += [asyncio.create_task(make(str(number))) for number in range(5)]
            await started.wait()

    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(outcome, User | ScopeClosedError) for outcome in done)
    assert any(isinstance(outcome, ScopeClosedError) for outcome in done)
    assert await emails(other_connection) == []


async def test_a_savepoint_does_not_end_before_its_tasks(db: Database, other_connection: OtherConnection) -> None:
    """The savepoint is rolled back, its late task refused; the transaction around it goes on."""
    wrote, may_go_on = asyncio.Event(), asyncio.Event()
    tasks: list[asyncio.Task[None]] = []

    async def child() -> None:
        await make_and_wait(wrote, may_go_on)
        await make("late")

    async with db.transaction():
        with pytest.raises(UnfinishedTasksError, match="the slow one"):
            async with db.transaction():
                tasks.append(asyncio.create_task(child(), name="the slow one"))
                await wrote.wait()
        may_go_on.set()
        with pytest.raises(ScopeClosedError):
            await tasks[0]
        await make("outer")

    assert await emails(other_connection) == ["outer@example.com"]


async def test_a_call_that_waits_when_its_savepoint_ends_is_refused(
    db: Database, other_connection: OtherConnection
) -> None:
    """Tasks queueing for the lock of a savepoint do not go on in the transaction around it."""
    started = asyncio.Event()
    tasks: list[asyncio.Task[None]] = []

    async def child(name: str) -> None:
        await make(name)
        await (session.scalar(select(User.id)) if name == "a" else make(f"late-{name}"))

    async with db.transaction() as session:
        await make("outer")
        on(db, "before_cursor_execute", started.set)
        with pytest.raises(UnfinishedTasksError):
            async with db.transaction():
                tasks += [asyncio.create_task(child(name)) for name in "abc"]
                await started.wait()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert await User.query().count() == 1

    assert [type(outcome) for outcome in done] == [ScopeClosedError] * 3
    assert await emails(other_connection) == ["outer@example.com"]


async def test_an_error_of_the_block_comes_before_its_unfinished_tasks(db: Database) -> None:
    """The first error is the one to see."""
    wrote, may_end = asyncio.Event(), asyncio.Event()
    tasks: list[asyncio.Task[None]] = []

    with pytest.raises(KeyError):
        async with db.transaction():
            tasks.append(asyncio.create_task(make_and_wait(wrote, may_end)))
            await wrote.wait()
            raise KeyError

    may_end.set()
    await tasks[0]


async def test_a_task_that_is_done_is_not_unfinished(db: Database, other_connection: OtherConnection) -> None:
    """Nobody has to await a task whose work is over; a failed one has its error elsewhere."""

    async def child() -> None:
        await make("child")
        raise KeyError

    async with db.transaction():
        task = asyncio.create_task(child())
        await asyncio.wait({task})

    assert isinstance(task.exception(), KeyError)
    assert await emails(other_connection) == ["child@example.com"]


# -- the raw session: its end ----------------------------------------------------------------------------------------


async def test_session_commit_is_refused(db: Database, other_connection: OtherConnection) -> None:
    """`session.commit()` raises `NestedCommitError`; nothing was committed, and the block goes on."""
    async with db.transaction() as session:
        await make("ada")
        with pytest.raises(NestedCommitError, match="independent=True"):
            await session.commit()
        async with db.transaction():
            with pytest.raises(NestedCommitError):
                await session.commit()
        assert await emails(other_connection) == []
        await make("grace")

    assert len(await emails(other_connection)) == 2


ENDS: dict[str, Try] = {
    "rollback": lambda session: session.rollback(),
    "close": lambda session: session.close(),
    "reset": lambda session: session.reset(),
    "aclose": lambda session: session.aclose(),
    "invalidate": lambda session: session.invalidate(),
    "run_sync rollback": lambda session: session.run_sync(Session.rollback),
    "run_sync close": lambda session: session.run_sync(Session.close),
    "run_sync invalidate": lambda session: session.run_sync(Session.invalidate),
}


@pytest.mark.parametrize("end", ENDS)
async def test_ending_the_session_by_hand_breaks_the_unit(
    db: Database, other_connection: OtherConnection, end: str
) -> None:
    """What came before is undone, so what comes after must not be committed alone; the first error is a hint."""
    with pytest.raises(TransactionBrokenError) as caught:
        async with db.transaction() as session:
            await make("before")
            with suppress(UsageError):
                await ENDS[end](session)
            with pytest.raises(TransactionBrokenError):
                await make("after")

    assert isinstance(caught.value.first_error, UsageError)
    assert await emails(other_connection) == []
    assert held(db) == 0


async def test_a_commit_in_sync_code_is_refused(db: Database, other_connection: OtherConnection) -> None:
    """Code under `run_sync` cannot commit half of the unit either."""
    with pytest.raises(NestedCommitError):
        async with db.transaction() as session:
            await make("before")
            await session.run_sync(Session.commit)

    assert await emails(other_connection) == []


async def test_a_rollback_by_hand_inside_a_savepoint_means_the_unit(
    db: Database, other_connection: OtherConnection
) -> None:
    """`session.rollback()` is SQLAlchemy's word for the whole transaction."""
    with pytest.raises(TransactionBrokenError):
        async with db.transaction() as session:
            await make("first")
            with pytest.raises(TransactionBrokenError):
                async with db.transaction():
                    await make("second")
                    await session.rollback()

    assert await emails(other_connection) == []


async def test_closing_a_session_that_wrote_nothing_is_harmless(
    db: Database, other_connection: OtherConnection
) -> None:
    """`async with session:` around reads, as some helpers do, loses nothing."""
    async with db.transaction() as session:
        async with session:
            await session.scalars(select(User))
        await session.close()
        await make("ada")

    assert await emails(other_connection) == ["ada@example.com"]


async def test_session_begin_is_refused(db: Database, other_connection: OtherConnection) -> None:
    """The unit's transaction is open; the message names the block for a part that may fail."""
    async with db.transaction() as session:
        with pytest.raises(UsageError, match=r"db\.transaction\(\)"):
            async with session.begin():
                pass
        await make("ada")

    assert await emails(other_connection) == ["ada@example.com"]


USES: dict[str, Try] = {
    "execute": lambda session: session.execute(select(User)),
    "scalar": lambda session: session.scalar(text("SELECT 1")),
    "get": lambda session: session.get(User, 1),
    "flush": lambda session: session.flush(),
    "connection": lambda session: session.connection(),
    "run_sync": lambda session: session.run_sync(lambda sync: sync.execute(select(User))),
    "commit": lambda session: session.commit(),
}


@pytest.mark.parametrize("use", USES)
async def test_the_session_of_an_ended_unit_is_closed(db: Database, use: str) -> None:
    """It does not start a transaction that nobody would end."""
    async with db.transaction() as session:
        await make("ada")

    with pytest.raises(ScopeClosedError):
        await USES[use](session)

    assert held(db) == 0


async def test_nothing_can_be_added_to_the_session_of_an_ended_unit(db: Database) -> None:
    """A row added there would be lost without a word."""
    async with db.transaction() as session:
        await make("ada")

    with pytest.raises(ScopeClosedError):
        session.add(User(email="late@example.com"))
    with pytest.raises(ScopeClosedError):
        session.add_all([User(email="late@example.com")])


async def test_ending_the_session_of_an_ended_unit_is_harmless(db: Database) -> None:
    """Clean-up code may run late."""
    async with db.transaction() as session:
        await make("ada")

    await session.rollback()
    await session.close()

    assert held(db) == 0


# -- the raw session: savepoints -------------------------------------------------------------------------------------


async def test_begin_nested_is_a_savepoint(db: Database, other_connection: OtherConnection) -> None:
    """Rolled back alone when an error leaves it, released otherwise."""
    async with db.transaction() as session:
        async with session.begin_nested():
            await make("kept")
        with pytest.raises(KeyError):
            async with session.begin_nested():
                session.add(User(email="undone@example.com"))
                await session.flush()
                raise KeyError
        await make("after")

    assert await emails(other_connection) == ["after@example.com", "kept@example.com"]


async def test_begin_nested_can_be_ended_by_hand(db: Database, other_connection: OtherConnection) -> None:
    """`await session.begin_nested()`, then `commit()` or `rollback()` of what it gave."""
    async with db.transaction() as session:
        savepoint = await session.begin_nested()
        await make("kept")
        await savepoint.commit()
        savepoint = await session.begin_nested()
        await make("undone")
        await savepoint.rollback()
        await make("after")

    assert await emails(other_connection) == ["after@example.com", "kept@example.com"]


async def test_a_savepoint_ended_by_hand_inside_its_block_is_ended_once(
    db: Database, other_connection: OtherConnection
) -> None:
    """`rollback()` inside `async with session.begin_nested()` is what SQLAlchemy's documentation shows."""
    async with db.transaction() as session:
        async with session.begin_nested() as savepoint:
            await make("undone")
            await savepoint.rollback()
        await make("after")

    assert await emails(other_connection) == ["after@example.com"]


async def test_begin_nested_keeps_other_tasks_out(db: Database, other_connection: OtherConnection) -> None:
    """What another task writes meanwhile is not undone with the savepoint."""
    may_start = asyncio.Event()

    async def outside() -> None:
        await may_start.wait()
        await make("outside")

    async with db.transaction() as session:
        task = asyncio.create_task(outside())
        with pytest.raises(KeyError):
            async with session.begin_nested():
                may_start.set()
                await settle()
                assert await User.query().count() == 0
                raise KeyError
        await task

    assert await emails(other_connection) == ["outside@example.com"]


# -- the raw session: the lock ---------------------------------------------------------------------------------------


async def add_and_flush(session: AsyncSession) -> None:
    session.add(User(email="outside@example.com"))
    await session.flush()


CALLS: dict[str, Try] = {
    "execute": lambda session: session.execute(select(User)),
    "scalar": lambda session: session.scalar(select(User.id)),
    "scalars": lambda session: session.scalars(select(User)),
    "stream": lambda session: session.stream(select(User)),
    "stream_scalars": lambda session: session.stream_scalars(select(User)),
    "get": lambda session: session.get(User, 1),
    "merge": lambda session: session.merge(User(id=1, email="outside@example.com")),
    "flush": add_and_flush,
    "connection": lambda session: session.connection(),
    "run_sync": lambda session: session.run_sync(lambda sync: sync.execute(select(User))),
    "begin_nested": lambda session: session.begin_nested().start(),
}


@pytest.mark.backends("sqlite")
@pytest.mark.parametrize("name", CALLS)
async def test_raw_calls_take_the_lock_of_the_unit(db: Database, name: str) -> None:
    """A call on the raw session waits for the end of another task's savepoint like any other call."""
    holding, may_end = asyncio.Event(), asyncio.Event()

    async def holder() -> None:
        async with db.transaction():
            holding.set()
            await may_end.wait()

    with pytest.raises(KeyError):
        async with db.transaction() as session:
            savepoint = asyncio.create_task(holder())
            await holding.wait()
            call = asyncio.ensure_future(CALLS[name](session))
            await settle()
            assert not call.done()
            may_end.set()
            await asyncio.gather(savepoint, call)
            raise KeyError


@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
async def test_tasks_may_share_the_raw_session(db: Database, other_connection: OtherConnection, warm: bool) -> None:
    """50 statements at once on one `AsyncSession`: none of them meets another in progress."""
    if warm:
        await make("warm")

    async with db.transaction() as session:
        await asyncio.gather(
            *(session.execute(insert(User).values(email=str(number), balance=0)) for number in range(50))
        )

    assert len(await emails(other_connection)) == 50 + warm


@pytest.mark.backends("sqlite", "postgresql")  # MySQL refuses, see test_unit_streaming
async def test_a_streamed_result_may_be_read_beside_other_calls(db: Database) -> None:
    """While one task reads a result of `session.stream()`, its siblings call the database."""
    for number in range(20):
        await make(str(number))

    async def read(session: AsyncSession) -> int:
        return len([user async for user in await session.stream_scalars(select(User).execution_options(yield_per=2))])

    async with db.transaction() as session:
        done: list[Any] = await asyncio.gather(read(session), *(User.query().count() for _ in range(20)), read(session))

    assert done == [20] * 22


# -- connections -----------------------------------------------------------------------------------------------------


async def test_connections_says_who_holds_one(db: Database) -> None:
    """Task, route, call site and since when, the longest first; only while a connection is held."""
    assert db.connections() == ()
    holding, may_end = asyncio.Event(), asyncio.Event()

    async def other() -> None:
        async with db.transaction(read_only=True):
            await User.query().count()
            holding.set()
            await may_end.wait()

    task = asyncio.create_task(other(), name="the other")
    await holding.wait()
    async with db.scoped_session():
        assert len(db.connections()) == 1
        await User.query().count()
        first, second = db.connections()
    may_end.set()
    await task

    assert (first.task, first.route) == ("the other", None)
    assert "test_unit.py" in first.site
    assert "in other" in first.site
    assert "in test_connections_says_who_holds_one" in second.site
    assert first.since >= second.since >= 0
    assert db.connections() == ()
