"""`auto_commit`: who commits, the pending unit that `auto_commit=False` opens, and what becomes of a forgotten one."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import async_object_session

from activerow import Database
from activerow.errors import (
    NestedCommitError,
    PendingWorkError,
    ScopeClosedError,
    TransactionBrokenError,
    UniqueViolationError,
    UsageError,
)
from tests.models.units import Base, Cancelled, Statements, User, emails, held, on
from tests.tools.backends.active import MakeDatabase
from tests.tools.backends.backend import Backend
from tests.tools.backends.plugin import OtherConnection

VALUES = pytest.mark.parametrize("auto_commit", [None, True, False])


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """A database with users and posts."""
    return await make_database(Base)


async def make(name: str, **options: Any) -> User:
    return await User.create(email=f"{name}@example.com", **options)


# -- what the values mean --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("auto_commit", [None, True])
async def test_a_lone_call_commits(db: Database, other_connection: OtherConnection, auto_commit: bool | None) -> None:
    """None means commit unless someone else will; outside any unit nobody else will."""
    await make("ada", auto_commit=auto_commit)

    assert await emails(other_connection) == ["ada@example.com"]
    assert (held(db), db.scopes.here()) == (0, None)


@pytest.mark.parametrize("auto_commit", [None, False])
async def test_in_a_transaction_its_end_commits(
    db: Database, other_connection: OtherConnection, auto_commit: bool | None
) -> None:
    """Also when the call says that it does not; no second unit is opened for it."""
    async with db.transaction() as session:
        user = await make("ada", auto_commit=auto_commit)
        await user.update(name="Ada", auto_commit=auto_commit)
        assert user in session
        assert (held(db), await emails(other_connection)) == (1, [])

    assert await emails(other_connection) == ["ada@example.com"]


CALLS: dict[str, Callable[[User], Awaitable[object]]] = {
    "create": lambda _: make("grace", auto_commit=True),
    "save": lambda user: user.save(auto_commit=True),
    "update": lambda user: user.update(name="x", auto_commit=True),
    "delete": lambda user: user.delete(auto_commit=True),
    "get_or_create": lambda _: User.get_or_create({"email": "grace@example.com"}, auto_commit=True),
    "get_or_create what is there": lambda user: User.get_or_create({"email": user.email}, auto_commit=True),
    "update_or_create": lambda user: User.update_or_create({"email": user.email}, {"name": "x"}, auto_commit=True),
}


@pytest.mark.parametrize("call", CALLS)
async def test_in_a_transaction_a_commit_is_refused(db: Database, other_connection: OtherConnection, call: str) -> None:
    """`auto_commit=True` would commit half of it: `NestedCommitError` before anything is sent; the unit is whole."""
    await make("ada")
    statements = Statements(db)

    async with db.transaction():
        user = await User.get(email="ada@example.com")
        with pytest.raises(NestedCommitError):
            await CALLS[call](user)
        await user.update(balance=1)

    assert (statements.count("INSERT"), statements.count("DELETE"), statements.count("UPDATE")) == (0, 0, 1)
    assert await other_connection.scalar("SELECT count(*) FROM users WHERE name IS NULL AND balance = 1") == 1


async def test_in_a_savepoint_or_a_child_task_a_commit_is_refused(
    db: Database, other_connection: OtherConnection
) -> None:
    """However deep the call stands, the transaction is somebody else's to commit."""
    async with db.transaction():
        async with db.transaction():
            with pytest.raises(NestedCommitError):
                await make("nested", auto_commit=True)
        done = await asyncio.gather(
            make("child", auto_commit=True), make("sibling"), make("other", auto_commit=True), return_exceptions=True
        )
        assert [type(outcome) for outcome in done] == [NestedCommitError, User, NestedCommitError]

    assert await emails(other_connection) == ["sibling@example.com"]


async def test_refresh_reads_after_the_commit(db: Database, other_connection: OtherConnection) -> None:
    """`refresh=True` shows the row as the commit left it: SELECT comes after COMMIT where the call commits."""
    statements = Statements(db)

    for options in ({}, {"auto_commit": True}):
        statements.sent.clear()
        user = await make(f"ada{len(options)}", refresh=True, **options)
        words = [statement.split()[0] for statement in statements.sent]
        assert words.index("INSERT") < words.index("COMMIT") < words.index("SELECT")
    assert async_object_session(user) is None


async def test_refresh_reads_after_the_flush_where_the_call_does_not_commit(db: Database) -> None:
    """In a unit the row is read again in the same transaction."""
    statements = Statements(db)

    async with db.transaction():
        await make("ada", refresh=True)
        words = [statement.split()[0] for statement in statements.sent]
        assert words.index("INSERT") < words.index("SELECT")
        assert "COMMIT" not in words


# -- the pending unit ------------------------------------------------------------------------------------------------


async def test_a_call_may_leave_its_work_pending(db: Database, other_connection: OtherConnection) -> None:
    """One transaction on the server, from the first call with `auto_commit=False` to the first with True."""
    statements = Statements(db)

    user = await make("abc", auto_commit=False)
    await user.update(email=f"new_1_{user.email}", auto_commit=False)
    assert (await emails(other_connection), held(db)) == ([], 1)
    await user.update(email=f"new_2_{user.email}", auto_commit=True)
    assert (await emails(other_connection), held(db)) == (["new_2_new_1_abc@example.com"], 0)

    row = await User.get(user.id)
    await row.update(email=f"get_1_{row.email}", auto_commit=False)
    assert await emails(other_connection) == ["new_2_new_1_abc@example.com"]
    await row.update(email=f"get_2_{row.email}", auto_commit=True)
    assert await emails(other_connection) == ["get_2_get_1_new_2_new_1_abc@example.com"]
    assert statements.count("COMMIT") == 2


async def test_later_calls_join_the_pending_unit(db: Database, other_connection: OtherConnection) -> None:
    """Reads, calls that do not mention it, child tasks and nested blocks: all in its transaction."""
    user = await make("ada", auto_commit=False)
    await make("grace")
    assert await User.query().count() == 2
    await asyncio.gather(*(make(str(number)) for number in range(5)))
    with pytest.raises(KeyError):
        async with db.transaction():
            await make("undone")
            raise KeyError
    assert (await emails(other_connection), held(db)) == ([], 1)

    await user.update(name="Ada", auto_commit=True)

    assert len(await emails(other_connection)) == 7


async def test_a_commit_without_a_change_ends_the_pending_unit(db: Database, other_connection: OtherConnection) -> None:
    """`auto_commit=True` means the unit: an update that changes nothing commits what was pending."""
    user = await make("ada", auto_commit=False)

    assert await user.update(email=user.email, auto_commit=True) is None

    assert (await emails(other_connection), held(db)) == (["ada@example.com"], 0)


@pytest.mark.parametrize("call", ["get_or_create", "update_or_create"])
async def test_get_or_create_takes_part(db: Database, other_connection: OtherConnection, call: str) -> None:
    """Both may open a pending unit and end one, whether they make a row or not."""
    method = getattr(User, call)

    assert (await method({"email": "ada"}, {"name": "x"}, auto_commit=False))[1]
    assert not (await method({"email": "ada"}, {"name": "y"}, auto_commit=False))[1]
    assert await emails(other_connection) == []
    assert not (await method({"email": "ada"}, {"name": "z"}, auto_commit=True))[1]

    assert (await emails(other_connection), held(db)) == (["ada"], 0)


async def test_update_or_create_commits_all_or_nothing(db: Database, other_connection: OtherConnection) -> None:
    """Its `auto_commit=True` is the commit after its last step: when that fails nothing pending was committed."""
    await make("ada")
    await make("pending", auto_commit=False)

    with pytest.raises(UniqueViolationError):
        await User.update_or_create({"email": "ada@example.com"}, {"email": "pending@example.com"}, auto_commit=True)

    await db.rollback()
    assert await emails(other_connection) == ["ada@example.com"]


@pytest.mark.parametrize("auto_commit", [False, True])
async def test_the_same_value_twice_fails_at_once(db: Database, backend: Backend, auto_commit: bool) -> None:
    """Two calls of one task never wait for each other's lock: the second is a `UniqueViolationError`."""
    if backend.dialect == "mysql":
        event.listen(db.engine.sync_engine, "connect", impatient)
        await db.engine.dispose()
    await make("ada", auto_commit=auto_commit)

    with pytest.raises(UniqueViolationError):
        await make("ada", auto_commit=auto_commit)

    if not auto_commit:
        await db.rollback()
    assert held(db) == 0


def impatient(connection: Any, _record: object) -> None:
    """Let a wait for oneself end soon, in another error."""
    cursor = connection.cursor()
    cursor.execute("SET SESSION innodb_lock_wait_timeout = 2")
    cursor.close()


async def test_a_failed_call_breaks_the_pending_unit(db: Database, other_connection: OtherConnection) -> None:
    """Not even `auto_commit=True` commits the other half; `db.rollback()` ends it."""
    await make("ada", auto_commit=False)
    with pytest.raises(UniqueViolationError):
        await make("ada", auto_commit=False)

    with pytest.raises(TransactionBrokenError):
        await make("grace", auto_commit=True)

    await db.rollback()
    await make("after")
    assert await emails(other_connection) == ["after@example.com"]


async def test_a_pending_unit_is_its_tasks(db: Database, other_connection: OtherConnection) -> None:
    """What a child leaves pending is not joined by its parent or siblings."""
    pending, may_end = asyncio.Event(), asyncio.Event()

    async def child() -> None:
        user = await make("child", auto_commit=False)
        pending.set()
        await may_end.wait()
        await user.update(name="x", auto_commit=True)

    task = asyncio.create_task(child())
    await pending.wait()
    assert not await User.query().exists()
    may_end.set()
    await task

    assert await emails(other_connection) == ["child@example.com"]


async def test_a_child_may_end_the_pending_unit(db: Database, other_connection: OtherConnection) -> None:
    """`auto_commit=True` in a child that joined it commits for all; the parent goes on with calls of its own."""
    user = await make("ada", auto_commit=False)

    await asyncio.create_task(make("child", auto_commit=True))

    assert (await emails(other_connection), held(db)) == (["ada@example.com", "child@example.com"], 0)
    await user.update(name="Ada")
    assert await other_connection.scalar("SELECT count(name) FROM users") == 1


async def test_a_commit_is_not_taken_for_the_end_of_other_tasks(db: Database) -> None:
    """A task that joined a pending unit and comes back after its end is refused: its work has nowhere to go."""
    may_go_on, joined = asyncio.Event(), asyncio.Event()

    async def child() -> None:
        await User.query().count()
        joined.set()
        await may_go_on.wait()
        await make("late")

    user = await make("ada", auto_commit=False)
    task = asyncio.create_task(child())
    await joined.wait()
    task_error: list[BaseException] = []
    try:
        await user.update(name="Ada", auto_commit=True)
    except UsageError as error:
        task_error.append(error)  # the child still runs
    may_go_on.set()

    with pytest.raises(ScopeClosedError):
        await task
    assert held(db) == 0


# -- commit and rollback by hand -------------------------------------------------------------------------------------


async def test_db_commit_ends_the_pending_unit(db: Database, other_connection: OtherConnection) -> None:
    """The work is there, the connection is back, and later calls are lone calls."""
    user = await make("ada", auto_commit=False)

    await db.commit()

    assert (await emails(other_connection), held(db), db.scopes.here()) == (["ada@example.com"], 0, None)
    assert async_object_session(user) is None


async def test_db_rollback_ends_the_pending_unit(db: Database, other_connection: OtherConnection) -> None:
    """The work is gone, the object is new again, and can be saved."""
    user = await make("ada", auto_commit=False)

    await db.rollback()

    assert (await emails(other_connection), held(db), repr(user)) == ([], 0, "<User new>")
    await user.save()
    assert await emails(other_connection) == ["ada@example.com"]


async def test_db_commit_is_refused_inside_a_transaction(db: Database, other_connection: OtherConnection) -> None:
    """Also inside a nested block of a pending unit: the block comes first."""
    async with db.transaction():
        await make("ada")
        with pytest.raises(NestedCommitError):
            await db.commit()
    await make("pending", auto_commit=False)
    async with db.transaction():
        await make("nested")
        with pytest.raises(NestedCommitError):
            await db.commit()
        assert await emails(other_connection) == ["ada@example.com"]
    await db.commit()

    assert len(await emails(other_connection)) == 3


async def test_db_rollback_is_refused_where_a_block_ends_the_unit(
    db: Database, other_connection: OtherConnection
) -> None:
    """A transaction is ended by its block, and a nested block cannot outlive its unit."""
    async with db.transaction():
        await make("ada")
        with pytest.raises(UsageError, match="rollback_only"):
            await db.rollback()
    await make("pending", auto_commit=False)
    async with db.transaction():
        with pytest.raises(UsageError):
            await db.rollback()
        await make("nested")
    await db.commit()

    assert len(await emails(other_connection)) == 3


@pytest.mark.parametrize("end", ["commit", "rollback"])
async def test_without_a_unit_there_is_nothing_to_end(db: Database, end: str) -> None:
    """A forgotten `auto_commit=False` earlier is found out."""
    with pytest.raises(UsageError, match="open unit of work"):
        await getattr(db, end)()


async def test_a_pending_unit_committed_by_its_session_is_no_longer_pending(
    db: Database, other_connection: OtherConnection, caplog: pytest.LogCaptureFixture
) -> None:
    """`session.commit()` is a commit: nothing is left that the end of the task could complain about."""

    async def work() -> None:
        await make("ada", auto_commit=False)
        async with db.scoped_session() as session:
            await session.commit()

    await asyncio.create_task(work())

    assert await emails(other_connection) == ["ada@example.com"]
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []
    assert held(db) == 0


async def test_a_pending_unit_whose_commit_met_a_cancellation_has_ended(
    db: Database, other_connection: OtherConnection, caplog: pytest.LogCaptureFixture
) -> None:
    """The call that commits it is cancelled during COMMIT: committed, its hooks ran, nothing is pending any more."""
    ran: list[str] = []

    async def work() -> None:
        user = await make("ada", auto_commit=False)
        db.on_commit(lambda: ran.append("committed"))
        await user.update(name="Ada", auto_commit=True)

    task = asyncio.create_task(work())
    on(db, "commit", task.cancel)
    await asyncio.wait({task})

    assert task.cancelled()
    assert await emails(other_connection) == ["ada@example.com"]
    assert ran == ["committed"]
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []
    assert (held(db), db.scopes.units) == (0, set())


def ignore(_loop: asyncio.AbstractEventLoop, _context: dict[str, Any]) -> None:
    """Hear of forgotten work that another test is about."""


# -- forgotten -------------------------------------------------------------------------------------------------------


async def forget(name: str) -> None:
    await make(name, auto_commit=False)


async def forget_and_fail(name: str) -> None:
    await make(name, auto_commit=False)
    raise KeyError(name)


@pytest.mark.parametrize("work", [forget, forget_and_fail])
async def test_work_left_pending_at_the_end_of_a_task_is_told(
    db: Database,
    other_connection: OtherConnection,
    caplog: pytest.LogCaptureFixture,
    work: Callable[[str], Coroutine[Any, Any, None]],
) -> None:
    """It is rolled back, logged as an error, and handed to the loop's exception handler; the line is named."""
    told: list[dict[str, Any]] = []

    def hear(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        told.append(context)

    asyncio.get_running_loop().set_exception_handler(hear)
    rolled_back = asyncio.Event()
    on(db, "rollback", rolled_back.set)
    task = asyncio.create_task(work("ada"))
    await asyncio.wait({task})
    await rolled_back.wait()
    await User.query().count()

    (context,) = told
    assert isinstance(context["exception"], PendingWorkError)
    assert f"test_execution_commit.py:{make.__code__.co_firstlineno + 1} in make" in context["message"]
    assert [(record.levelno, record.name) for record in caplog.records if record.levelno > logging.INFO] == [
        (logging.ERROR, "activerow")
    ]
    assert await emails(other_connection) == []
    assert (held(db), db.connections(), db.scopes.units) == (0, (), set())


async def test_a_cancelled_task_did_not_forget_its_work(
    db: Database, other_connection: OtherConnection, caplog: pytest.LogCaptureFixture
) -> None:
    """It could not come to its end: the work is rolled back, and only the curious are told."""
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    rolled_back = asyncio.Event()
    on(db, "rollback", rolled_back.set)
    caplog.set_level(logging.DEBUG, "activerow")

    async def wait_for_ever() -> None:
        await make("ada", auto_commit=False)
        await Cancelled(asyncio.Event().wait(), 1)

    await asyncio.wait({asyncio.create_task(wait_for_ever())})
    await rolled_back.wait()
    await db.scopes.seen_off()

    assert told == []
    (record,) = [record for record in caplog.records if "was cancelled" in record.getMessage()]
    assert (record.levelno, record.name) == (logging.DEBUG, "activerow")
    assert await emails(other_connection) == []
    assert (held(db), db.connections(), db.scopes.units) == (0, (), set())


async def test_forgotten_work_locks_nobody_out(db: Database, other_connection: OtherConnection) -> None:
    """The locks of the forgotten transaction are gone when its task is."""
    asyncio.get_running_loop().set_exception_handler(ignore)

    for _ in range(3):
        await asyncio.create_task(forget("ada"))
    await make("ada")

    assert await emails(other_connection) == ["ada@example.com"]


async def test_forgotten_work_runs_its_rollback_hooks(db: Database) -> None:
    """They are told of this rollback like of any other."""
    ran = asyncio.Event()
    asyncio.get_running_loop().set_exception_handler(ignore)

    async def work() -> None:
        await make("ada", auto_commit=False)
        db.on_commit(lambda: pytest.fail("not committed"))
        db.on_rollback(ran.set)

    await asyncio.create_task(work())

    await asyncio.wait_for(ran.wait(), 5)


async def test_a_task_that_joined_forgotten_work_is_refused(db: Database, other_connection: OtherConnection) -> None:
    """A child that goes on after its parent forgot the unit gets an error, not a transaction of its own."""
    asyncio.get_running_loop().set_exception_handler(ignore)
    children: list[asyncio.Task[Any]] = []

    async def parent() -> None:
        await make("ada", auto_commit=False)
        children.extend(asyncio.create_task(make(str(number))) for number in range(5))
        await asyncio.sleep(0)

    await asyncio.create_task(parent())
    done = await asyncio.gather(*children, return_exceptions=True)

    assert all(isinstance(outcome, User | ScopeClosedError) for outcome in done)
    assert any(isinstance(outcome, ScopeClosedError) for outcome in done)
    assert await emails(other_connection) == []
    await make("after")
    assert held(db) == 0


def test_work_left_pending_by_the_main_task_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """A script that forgets the commit does not end in silence."""

    async def main() -> None:
        async with Database("sqlite+aiosqlite://", base=Base) as db:
            await db.create_all()
            pending = asyncio.create_task(script())
            await asyncio.wait({pending})
            assert not await User.query().exists()

    async def script() -> None:
        asyncio.get_running_loop().set_exception_handler(ignore)
        await make("ada", auto_commit=False)

    asyncio.run(main())

    assert "never committed" in caplog.text
