"""`db.scoped_session()`: the task's session where there is no `Depends`, or one in which each call commits itself."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession, async_object_session
from sqlalchemy.orm import Session

from activerow import Database
from activerow.errors import (
    PendingWorkError,
    ScopeClosedError,
    TransactionBrokenError,
    UnfinishedTasksError,
    UniqueViolationError,
)
from tests.models.units import Base, Post, User, emails, held
from tests.tools.backends.active import MakeDatabase
from tests.tools.backends.plugin import OtherConnection

Try = Callable[[AsyncSession], Awaitable[object]]


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """A database with users and posts."""
    return await make_database(Base, pool_size=2, max_overflow=0, pool_timeout=5)


async def make(name: str) -> User:
    return await User.create(email=f"{name}@example.com")


# -- the session of the task -----------------------------------------------------------------------------------------


async def test_inside_a_unit_it_is_the_units_session(db: Database, other_connection: OtherConnection) -> None:
    """Nothing is opened, committed or closed by the block."""
    async with db.transaction() as session:
        async with db.scoped_session() as scoped:
            assert scoped is session
            await make("ada")
        assert await emails(other_connection) == []
        await make("grace")

    assert len(await emails(other_connection)) == 2


async def test_inside_a_pending_unit_it_is_that_units_session(db: Database, other_connection: OtherConnection) -> None:
    """Calls in the block stay pending like those around it."""
    user = await User.create(email="ada@example.com", auto_commit=False)

    async with db.scoped_session() as session:
        assert user in session
        await make("grace")
    assert await emails(other_connection) == []

    await db.commit()
    assert len(await emails(other_connection)) == 2


async def test_inside_itself_it_is_the_same_session(db: Database) -> None:
    """Functions that open one may call each other."""
    async with db.scoped_session() as outer, db.scoped_session() as inner:
        assert inner is outer
        await make("ada")
        assert held(db) <= 1


# -- a session of the block ------------------------------------------------------------------------------------------


async def test_each_call_commits_itself(db: Database, other_connection: OtherConnection) -> None:
    """Others see the work of a call when it returns; the rows stay attached to the block's session."""
    async with db.scoped_session() as session:
        user = await make("ada")
        assert await emails(other_connection) == ["ada@example.com"]
        await user.update(name="Ada")
        assert await other_connection.scalar("SELECT name FROM users") == "Ada"
        assert user in session
        await user.delete()
        assert await emails(other_connection) == []

    assert async_object_session(user) is None
    assert held(db) == 0


CALLS: dict[str, Callable[[User], Awaitable[object]]] = {
    "create": lambda _: make("grace"),
    "create with session": lambda user: User.create(email="grace@example.com", session=async_object_session(user)),
    "save": lambda user: user.save(),
    "update": lambda user: user.update(name="x"),
    "update nothing": lambda user: user.update(email=user.email),
    "delete": lambda user: user.delete(),
    "get_or_create": lambda _: User.get_or_create({"email": "grace@example.com"}),
    "update_or_create": lambda user: User.update_or_create({"email": user.email}, {"name": "x"}),
    "update_or_create new": lambda _: User.update_or_create({"email": "grace@example.com"}, {"name": "x"}),
    "query update": lambda _: User.where(User.id > 0).update(name="x"),
    "query delete": lambda _: User.where(User.id > 0).delete(),
    "auto_commit": lambda user: user.update(name="x", auto_commit=True),
    "auto_commit and refresh": lambda user: user.update(name="x", auto_commit=True, refresh=True),
}


@pytest.mark.parametrize("call", CALLS)
async def test_every_writing_call_commits(db: Database, call: str) -> None:
    """After each of them the block has nothing open that could be forgotten."""
    await make("ada")

    async with db.scoped_session() as session:
        user = await User.get(email="ada@example.com")
        await CALLS[call](user)
        assert db.connections() == () or call == "auto_commit and refresh"
        assert not session.new
        assert not session.dirty

    assert held(db) == 0


async def test_auto_commit_false_leaves_the_call_to_a_later_one(
    db: Database, other_connection: OtherConnection
) -> None:
    """Two calls of the block in one transaction; forgetting the second is found out at its end."""
    async with db.scoped_session():
        user = await User.create(email="ada@example.com", auto_commit=False)
        assert await emails(other_connection) == []
        await user.update(name="Ada")
        assert await emails(other_connection) == ["ada@example.com"]
    with pytest.raises(PendingWorkError):
        async with db.scoped_session():
            await User.create(email="grace@example.com", auto_commit=False)

    assert await emails(other_connection) == ["ada@example.com"]


async def test_a_transaction_in_the_block_is_committed_at_its_end(
    db: Database, other_connection: OtherConnection
) -> None:
    """`db.transaction()` inside is one commit for its calls, or none."""
    async with db.scoped_session() as session:
        async with db.transaction() as inner:
            assert inner is session
            await make("ada")
            async with db.transaction():
                await make("grace")
            assert await emails(other_connection) == []
        assert len(await emails(other_connection)) == 2
        with pytest.raises(KeyError):
            async with db.transaction():
                await make("undone")
                raise KeyError
        await make("last")

    assert len(await emails(other_connection)) == 3


async def test_a_middleware_finds_a_key_and_its_user(db: Database, other_connection: OtherConnection) -> None:
    """Reads and loads in the block's session, by SQLAlchemy or by activerow; nothing is left uncommitted."""
    await Post.create(title="the key", user=await make("ada"))

    async with db.scoped_session() as session:
        key = await Post.filter_by(title="the key").one()
        await session.refresh(key, attribute_names=["user"])
        assert key.user.email == "ada@example.com"
    async with db.scoped_session() as session:
        key = await Post.filter_by(title="the key", session=session).one()
        await key.load("user")
        assert key.user in session

    assert (key.user.email, held(db)) == ("ada@example.com", 0)


READS: dict[str, Try] = {
    "scalars": lambda session: session.scalars(select(User)),
    "text": lambda session: session.execute(text("SELECT * FROM users")),
    "get": lambda session: session.get(User, 1),
    "run_sync": lambda session: session.run_sync(lambda sync: sync.scalars(select(User)).all()),
    "connection": lambda session: session.connection(),
    "query": lambda _: User.query().all(),
}


@pytest.mark.parametrize("read", READS)
async def test_reading_leaves_nothing_pending(db: Database, read: str) -> None:
    """A block that only reads, raw or not, ends without a word."""
    await make("ada")

    async with db.scoped_session() as session:
        await READS[read](session)

    assert held(db) == 0


# -- what nobody committed -------------------------------------------------------------------------------------------


async def add(session: AsyncSession) -> None:
    session.add(User(email="grace@example.com"))


async def add_and_flush(session: AsyncSession) -> None:
    session.add(User(email="grace@example.com"))
    await session.flush()


async def change(_: AsyncSession) -> None:
    (await User.query().one()).name = "x"


async def delete(session: AsyncSession) -> None:
    await session.delete(await User.query().one())


async def nest(session: AsyncSession) -> None:
    async with session.begin_nested():
        session.add(User(email="grace@example.com"))


RAW: dict[str, Try] = {
    "add": add,
    "flush": add_and_flush,
    "attribute": change,
    "delete": delete,
    "begin_nested": nest,
    "insert": lambda session: session.execute(insert(User).values(email="grace@example.com", balance=0)),
    "update": lambda session: session.execute(update(User).values(name="x")),
    "text": lambda session: session.execute(text("UPDATE users SET name = 'x'")),
    "run_sync": lambda session: session.run_sync(lambda sync: sync.execute(update(User).values(name="x"))),
}


@pytest.mark.parametrize("write", RAW)
async def test_raw_work_left_uncommitted_is_told(db: Database, other_connection: OtherConnection, write: str) -> None:
    """It is rolled back, and the end of the block raises `PendingWorkError`, naming the line that opened it."""
    await make("ada")

    with pytest.raises(PendingWorkError, match=r"test_execution_scoped\.py:\d+ in test_raw_work_left") as caught:
        async with db.scoped_session() as session:
            await RAW[write](session)

    assert "test_execution_scoped.py" in caught.value.opened_at
    assert await emails(other_connection) == ["ada@example.com"]
    assert await other_connection.scalar("SELECT count(name) FROM users") == 0
    assert held(db) == 0


@pytest.mark.parametrize("write", RAW)
async def test_raw_work_may_be_committed_by_hand(db: Database, write: str) -> None:
    """`session.commit()` is somebody who commits, `run_sync(Session.commit)` too, and so is `session.rollback()`."""
    ends: list[Try] = [
        lambda session: session.commit(),
        lambda session: session.rollback(),
        lambda session: session.run_sync(Session.commit),
    ]
    for end in ends:
        await User.query().delete(all_rows=True)
        await make("ada")
        async with db.scoped_session() as session:
            await RAW[write](session)
            await end(session)

    assert held(db) == 0


async def test_raw_work_is_committed_by_the_next_call(db: Database, other_connection: OtherConnection) -> None:
    """A call that commits commits its unit, with all that was added to it."""
    async with db.scoped_session() as session:
        session.add(User(email="raw@example.com"))
        await make("call")

    assert await emails(other_connection) == ["call@example.com", "raw@example.com"]


async def test_the_error_of_the_block_comes_first(db: Database, other_connection: OtherConnection) -> None:
    """Raw work that an exception left behind is rolled back; the exception is what the caller sees."""
    with pytest.raises(KeyError):
        async with db.scoped_session() as session:
            await make("kept")
            session.add(User(email="undone@example.com"))
            raise KeyError

    assert await emails(other_connection) == ["kept@example.com"]
    assert held(db) == 0


# -- errors ----------------------------------------------------------------------------------------------------------


async def test_a_failed_call_is_undone_alone(db: Database, other_connection: OtherConnection) -> None:
    """Each call of the block is a transaction: those before it are committed, those after it begin anew."""
    ran: list[str] = []
    async with db.scoped_session():
        await make("ada")
        db.on_commit(lambda: ran.append("committed"))
        db.on_rollback(lambda: ran.append("rolled back"))
        with pytest.raises(UniqueViolationError):
            await make("ada")
        await make("grace")

    assert await emails(other_connection) == ["ada@example.com", "grace@example.com"]
    assert ran == ["rolled back"]


async def test_a_failed_call_breaks_a_block_with_raw_work(db: Database, other_connection: OtherConnection) -> None:
    """It took work with it that nobody has committed yet: the next call, and the end, say so."""
    with pytest.raises(TransactionBrokenError) as caught:
        async with db.scoped_session() as session:
            await make("ada")
            session.add(User(email="raw@example.com"))
            await session.flush()
            with pytest.raises(UniqueViolationError):
                await make("ada")
            with pytest.raises(TransactionBrokenError):
                await make("grace")

    assert isinstance(caught.value.first_error, UniqueViolationError)
    assert await emails(other_connection) == ["ada@example.com"]


async def test_a_rollback_by_hand_heals_the_block(db: Database, other_connection: OtherConnection) -> None:
    """`session.rollback()`, which is how plain sessions go on after an error, works: no half can be committed there."""
    ran: list[str] = []
    async with db.scoped_session() as session:
        await make("ada")
        db.on_rollback(lambda: ran.append("rolled back"))
        await session.execute(insert(User).values(email="raw@example.com", balance=0))
        with pytest.raises(IntegrityError):
            await session.execute(insert(User).values(email="ada@example.com", balance=0))
        await session.rollback()
        await make("grace")

    assert len(await emails(other_connection)) == 2
    assert ran == ["rolled back"]


async def test_a_failed_call_in_a_transaction_of_the_block_is_undone_alone(
    db: Database, other_connection: OtherConnection
) -> None:
    """The nested block protects, as it does in any unit."""
    async with db.scoped_session():
        await make("ada")
        with pytest.raises(UniqueViolationError):
            async with db.transaction():
                await make("undone")
                await make("ada")
        await make("grace")

    assert await emails(other_connection) == ["ada@example.com", "grace@example.com"]


# -- tasks -----------------------------------------------------------------------------------------------------------


async def test_child_tasks_share_the_block(db: Database, other_connection: OtherConnection) -> None:
    """They use its session one call at a time, and each call commits itself."""
    async with db.scoped_session():
        await asyncio.gather(*(make(str(number)) for number in range(20)))
        assert len(await emails(other_connection)) == 20

    assert held(db) == 0


async def test_the_block_does_not_end_before_its_tasks(db: Database) -> None:
    """A task still running is told by the error, a later one is refused."""
    may_go_on, wrote = asyncio.Event(), asyncio.Event()

    async def child() -> None:
        await make("child")
        wrote.set()
        await may_go_on.wait()
        await make("late")

    tasks: list[asyncio.Task[None]] = []
    with pytest.raises(UnfinishedTasksError, match="the slow one"):
        async with db.scoped_session():
            tasks.append(asyncio.create_task(child(), name="the slow one"))
            await wrote.wait()

    may_go_on.set()
    with pytest.raises(ScopeClosedError):
        await tasks[0]
    assert await User.query().count() == 1
