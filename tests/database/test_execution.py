"""Which session a call uses: the one given, the row's, the unit's, or one of its own; asked in this order."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import inspect
from sqlalchemy.ext.asyncio import AsyncSession, async_object_session, async_scoped_session, async_sessionmaker
from sqlalchemy.orm import Session

from activerow import Database
from activerow.errors import (
    NestedCommitError,
    PoolExhaustedError,
    ScopeClosedError,
    SessionConflictError,
    TransactionBrokenError,
    UnfinishedTasksError,
    UniqueViolationError,
    UsageError,
)
from tests.models.units import Base, Post, Statements, User, emails, held, on
from tests.tools.backends.active import MakeDatabase
from tests.tools.backends.plugin import OtherConnection


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """A database with users and posts."""
    return await make_database(Base, pool_timeout=5)


@pytest.fixture
async def session(db: Database) -> AsyncIterator[AsyncSession]:
    """A session that activerow did not open."""
    async with AsyncSession(db.engine, expire_on_commit=False) as session:
        yield session


async def make(name: str, **options: Any) -> User:
    return await User.create(email=f"{name}@example.com", **options)


# -- 1: the session that was given -----------------------------------------------------------------------------------


async def test_a_given_session_is_used_and_left_open(session: AsyncSession, other_connection: OtherConnection) -> None:
    """`create` joins it, does not commit and does not close it; its owner does both."""
    user = await make("ada", session=session)

    assert (inspect(user).persistent, user in session, session.in_transaction()) == (True, True, True)
    assert await emails(other_connection) == []
    await session.commit()
    assert await emails(other_connection) == ["ada@example.com"]


async def test_a_given_session_is_committed_only_when_told(
    session: AsyncSession, other_connection: OtherConnection
) -> None:
    """`auto_commit=True` commits it; False and None leave that to the owner."""
    await make("ada", session=session, auto_commit=False)
    user = await make("grace", session=session)
    assert await emails(other_connection) == []

    await user.update(name="Grace", session=session, auto_commit=True)

    assert len(await emails(other_connection)) == 2
    assert user in session


@pytest.mark.parametrize("kind", ["session", "registry"])
async def test_every_method_takes_a_session(db: Database, other_connection: OtherConnection, kind: str) -> None:
    """All see and do their work in the transaction that was given, or that an `async_scoped_session` holds."""
    make_session = async_sessionmaker(db.engine, expire_on_commit=False)
    registry = async_scoped_session(make_session, scopefunc=asyncio.current_task)
    given: Any = registry() if kind == "session" else registry
    user = await make("ada", session=given)
    post = await Post.create(title="x", user=user, session=given)
    await user.update(balance=5, session=given)
    user.name = "Ada"
    await user.save(session=given)
    await user.refresh(session=given)
    await user.load("posts", session=given)
    assert (await User.get(user.id, session=given)) is user
    assert (await User.get(email=user.email, session=given)) is user
    assert (await User.get_or_none(-1, session=given)) is None
    for query in (
        User.query(session=given),
        User.filter_by(balance=5, session=given),
        User.where(User.name == "Ada", session=given),
        User.order_by("id", session=given),
    ):
        assert await query.all() == [user]
    assert [each async for each in User.query(session=given).stream()] == [user]
    assert await User.get_or_create({"email": user.email}, session=given) == (user, False)
    assert await User.update_or_create({"email": user.email}, {"balance": 6}, session=given) == (user, False)
    assert (await User.get_or_create({"email": "grace@example.com"}, session=given))[1]
    assert await User.create_many([{"email": "eve@example.com"}], session=given) == 1
    await post.delete(session=given)
    await User.filter_by(email__in=["grace@example.com", "eve@example.com"], session=given).delete()

    assert await emails(other_connection) == []
    await user.update(name="Ada L.", session=given, auto_commit=True)
    await registry.remove()
    assert await emails(other_connection) == ["ada@example.com"]
    assert await other_connection.scalar("SELECT balance FROM users") == 6


async def test_what_is_no_session_is_refused_in_words(db: Database) -> None:
    """A `Session` without asyncio, a connection, a factory that was not called."""
    async with db.engine.connect() as connection:
        for given in (Session(), connection, async_sessionmaker(db.engine)):
            wrong: Any = given
            with pytest.raises(UsageError, match=f"takes an AsyncSession, not a {type(given).__name__}"):
                await User.query(session=wrong).all()
            with pytest.raises(UsageError, match=f"takes an AsyncSession, not a {type(given).__name__}"):
                await make("ada", session=wrong)
            with pytest.raises(UsageError, match=f"takes an AsyncSession, not a {type(given).__name__}"):
                await User.get_or_create({"email": "ada@example.com"}, session=wrong)


async def test_a_given_session_wins_over_the_unit(
    make_database: MakeDatabase, other_connection: OtherConnection
) -> None:
    """A call that names a session is no part of the unit around it, and outlives its rollback."""
    db = await make_database(Base)
    async with AsyncSession(db.engine) as session:
        with pytest.raises(KeyError):
            async with db.transaction():
                await make("given", session=session, auto_commit=True)
                await make("unit")
                raise KeyError

    assert await emails(other_connection) == ["given@example.com"]


async def test_errors_in_a_given_session_are_activerows(session: AsyncSession) -> None:
    """What the session raises is translated, and its owner rolls back."""
    await make("ada", session=session, auto_commit=True)

    with pytest.raises(UniqueViolationError) as caught:
        await make("ada", session=session)

    assert caught.value.model == "User"
    await session.rollback()
    await make("grace", session=session, auto_commit=True)


async def test_the_session_of_a_unit_obeys_its_rules(db: Database, other_connection: OtherConnection) -> None:
    """Handed to a call it is the unit: no commit in the middle, and its error breaks the unit."""
    with pytest.raises(TransactionBrokenError):
        async with db.transaction() as session:
            await make("ada", session=session)
            with pytest.raises(NestedCommitError):
                await make("grace", session=session, auto_commit=True)
            with pytest.raises(UniqueViolationError):
                await make("ada", session=session)

    assert await emails(other_connection) == []


async def test_the_session_of_a_unit_works_from_outside_its_scope(
    db: Database, other_connection: OtherConnection
) -> None:
    """A detached task, or one that was there before, joins by the session that was handed to it."""
    handed: asyncio.Future[AsyncSession] = asyncio.get_running_loop().create_future()

    async def earlier() -> None:
        await make("handed", session=await handed)

    task = asyncio.create_task(earlier())
    async with db.transaction() as session:
        handed.set_result(session)
        await task
        async with db.detached():
            await make("detached", session=session)
        assert await User.query().count() == 2
        assert await emails(other_connection) == []

    assert len(await emails(other_connection)) == 2


async def test_a_unit_waits_for_tasks_that_came_by_its_session(db: Database) -> None:
    """They have joined like children: the unit does not end before them."""
    handed: asyncio.Future[AsyncSession] = asyncio.get_running_loop().create_future()
    may_end, wrote = asyncio.Event(), asyncio.Event()

    async def earlier() -> None:
        await make("handed", session=await handed)
        wrote.set()
        await may_end.wait()

    task = asyncio.create_task(earlier(), name="by session")
    with pytest.raises(UnfinishedTasksError, match="by session"):
        async with db.transaction() as session:
            handed.set_result(session)
            await wrote.wait()

    may_end.set()
    await task
    assert not await User.query().exists()


async def test_the_session_of_an_ended_unit_is_refused(db: Database, other_connection: OtherConnection) -> None:
    """It cannot be given to a call any more; the call does not open a transaction of its own instead."""
    async with db.transaction() as session:
        await make("ada")

    with pytest.raises(ScopeClosedError, match=r"test_execution\.py"):
        await make("late", session=session)

    assert await emails(other_connection) == ["ada@example.com"]


async def test_a_row_of_one_session_given_another(session: AsyncSession, db: Database) -> None:
    """A row cannot be in two sessions: the call is refused, and says so."""
    user = await make("ada", session=session, auto_commit=True)

    async with AsyncSession(db.engine) as other:
        with pytest.raises(SessionConflictError, match="a session that activerow did not open") as caught:
            await user.update(name="x", session=other)

    assert caught.value.row == f"<User id={user.id}>"
    assert (user.name, user.changes()) == (None, {})


# -- 2: the session that the row is attached to ----------------------------------------------------------------------


async def test_an_attached_row_uses_its_session(
    session: AsyncSession, db: Database, other_connection: OtherConnection
) -> None:
    """Inside a unit too: a row of a session that somebody else opened is written there, and not committed."""
    user = await make("ada", session=session, auto_commit=True)

    async with db.transaction(read_only=True):
        await user.update(name="Ada")
        await user.load("posts")
        await user.refresh()
    assert await other_connection.scalar("SELECT count(name) FROM users") == 0
    assert user in session

    await user.update(name="Grace", auto_commit=True)
    assert await other_connection.scalar("SELECT name FROM users") == "Grace"


async def test_a_row_of_the_unit_uses_the_unit(db: Database, other_connection: OtherConnection) -> None:
    """All calls of a row that was loaded or made in the unit are a part of it."""
    user = await make("ada")

    with pytest.raises(KeyError):
        async with db.transaction() as session:
            row = await User.get(user.id)
            await row.update(name="Ada")
            await row.refresh()
            assert async_object_session(row) is session
            raise KeyError

    assert await other_connection.scalar("SELECT count(name) FROM users") == 0


async def test_a_row_of_another_tasks_unit_is_refused(db: Database) -> None:
    """Writing it where it is attached would join a transaction that may be rolled back; both units are named."""
    handed: asyncio.Future[User] = asyncio.get_running_loop().create_future()
    may_end = asyncio.Event()

    async def owner() -> None:
        async with db.transaction():
            handed.set_result(await make("ada"))
            await may_end.wait()

    task = asyncio.create_task(owner())
    user = await handed
    uses: list[Callable[[], Awaitable[object]]] = [
        *(lambda: user.update(name="x"), user.save, user.refresh, user.delete, lambda: user.load("posts")),
    ]
    for use in uses:
        with pytest.raises(SessionConflictError, match=r"(?s)test_execution\.py.*a call of its own.*get\(\)"):
            await use()
    may_end.set()
    await task
    await user.update(name="Ada")

    assert (await User.get(user.id)).name == "Ada"


@pytest.mark.backends("postgresql", "mysql")
async def test_a_row_of_the_outer_unit_is_refused_in_an_independent_one(
    db: Database, other_connection: OtherConnection
) -> None:
    """It belongs to the other transaction of the same task; the refusal breaks neither."""
    ada, grace = await make("ada"), await make("grace")

    async with db.transaction():
        await ada.update(name="x")
        async with db.transaction(independent=True):
            with pytest.raises(SessionConflictError) as caught:
                await ada.update(name="y")
            await grace.update(name="Grace")
        await ada.update(name="Ada")

    assert len(caught.value.units) == 2
    assert await other_connection.column("SELECT name FROM users ORDER BY email") == ["Ada", "Grace"]


async def test_a_row_of_a_synchronous_session_is_refused(db: Database) -> None:
    """It could only be written by blocking the event loop."""
    user = await make("ada")

    with Session() as plain:
        plain.add(user)
        with pytest.raises(UsageError, match="asyncio"):
            await user.update(name="x")


@pytest.mark.backends("postgresql", "mysql")
async def test_a_row_in_the_lone_call_of_a_waiting_task(make_database: MakeDatabase) -> None:
    """Two tasks that share one object wait for each other, one in the server and one here: the error ends it."""
    db = await make_database(Base, pool_timeout=0.3)
    shared = await make("ada")
    sent = asyncio.Event()

    async with db.transaction():
        await User.where(User.id == shared.id).update(balance=1)
        on(db, "before_cursor_execute", sent.set)
        async with db.detached():
            task = asyncio.create_task(shared.update(name="lone"))
            await sent.wait()
        with pytest.raises(SessionConflictError, match="a lone call"):
            await shared.update(name="unit")

    await task
    stored = await User.get(shared.id)
    assert (stored.name, stored.balance) == ("lone", 1)


# -- 3 and 4: the unit of the task, or one of the call's own ---------------------------------------------------------


async def test_a_lone_call_is_a_transaction(db: Database, other_connection: OtherConnection) -> None:
    """It opens, runs, commits and closes; the row comes back detached and stays usable."""
    statements = Statements(db)

    user = await make("ada")

    assert await emails(other_connection) == ["ada@example.com"]
    assert (statements.count("INSERT"), statements.count("COMMIT")) == (1, 1)
    assert async_object_session(user) is None
    assert (held(db), db.connections(), user.balance) == (0, (), 0)


async def test_a_lone_read_gives_its_connection_back(db: Database) -> None:
    """Rows come back detached, with all their columns."""
    await make("ada")

    users = await User.query().all()

    assert [(user.email, async_object_session(user)) for user in users] == [("ada@example.com", None)]
    assert held(db) == 0


async def test_a_lone_call_that_fails_leaves_nothing_open(db: Database) -> None:
    """The next call is not affected."""
    await make("ada")

    with pytest.raises(UniqueViolationError):
        await make("ada")

    assert (held(db), db.scopes.here()) == (0, None)
    await make("grace")


# -- one connection is enough ----------------------------------------------------------------------------------------


async def all_of_a_row(_: Database) -> None:
    user = await make("ada", refresh=True)
    await user.update(name="Ada", refresh=True)
    await Post.create(title="x", user=user)
    await user.load("posts")
    await user.refresh(lock=True)
    await user.posts[0].delete()
    await user.delete(auto_commit=True)


async def all_of_a_query(_: Database) -> None:
    user = await make("ada")
    await User.query().include("posts").all()
    assert await User.get(user.id)
    assert await User.filter_by(posts__title="x").count() == 0
    await User.where(User.id > 0).update(name="x")
    await User.where(User.id > 0).delete()


async def get_or_create(db: Database) -> None:
    for _ in range(2):
        await User.get_or_create({"email": "lone"})
        await User.update_or_create({"email": "lone"}, {"name": "x"}, auto_commit=True)
    async with db.transaction():
        for _ in range(2):
            await User.get_or_create({"email": "unit"})
            await User.update_or_create({"email": "unit"}, {"name": "y"})


async def nested(db: Database) -> None:
    async with db.transaction():
        user = await make("ada")
        async with db.transaction() as session, session.begin_nested():
            await user.update(name="Ada")
            await asyncio.gather(*(make(str(number)) for number in range(10)))
        await user.refresh()
    await db.run(lambda: make("grace"))


async def pending(db: Database) -> None:
    user = await make("ada", auto_commit=False)
    await user.update(name="Ada", auto_commit=False)
    async with db.transaction():
        await make("grace")
    assert await User.query().count() == 2
    await user.update(name="Grace", auto_commit=True, refresh=True)
    await make("lone")
    await User.get_or_create({"email": "pending"}, auto_commit=False)
    await db.commit()
    await make("after", auto_commit=False)
    await db.rollback()


async def scoped(db: Database) -> None:
    async with db.scoped_session() as session:
        user = await make("ada")
        await Post.create(title="x", user=user)
        await session.refresh(user, attribute_names=["posts"])
        async with db.transaction():
            await user.update(name="Ada")
        await User.get_or_create({"email": "scoped"})
        db.on_commit(lambda: make("hook"))
        await user.update(name="Grace", auto_commit=True, refresh=True)


async def fails(db: Database) -> None:
    await make("ada")
    with pytest.raises(UniqueViolationError):
        await make("ada")
    with pytest.raises(UniqueViolationError):
        await db.run(lambda: make("ada"))
    async with db.transaction():
        with pytest.raises(UniqueViolationError):
            async with db.transaction():
                await make("ada")
        await make("grace")


async def shared(_: Database) -> None:
    user = await make("ada")
    await asyncio.gather(
        *(Post.create(title=str(number), user=user) for number in range(10)),
        *(user.update(balance=number) for number in range(1, 10)),
        *(User.query().count() for _ in range(10)),
    )


FLOWS: list[Callable[[Database], Awaitable[None]]] = [
    *(all_of_a_row, all_of_a_query, get_or_create, nested, pending, scoped, fails, shared)
]


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.__name__)
async def test_one_connection_is_enough(
    make_database: MakeDatabase, flow: Callable[[Database], Awaitable[None]]
) -> None:
    """With a pool of one no flow of one task waits for itself."""
    db = await make_database(Base, pool_size=1, max_overflow=0, pool_timeout=3)

    await flow(db)

    assert held(db) == 0


@pytest.mark.backends("postgresql", "mysql")
async def test_an_exhausted_pool_is_an_error_of_its_own(make_database: MakeDatabase) -> None:
    """Who waits for a connection in vain learns who has them; `independent=True` is the one way to wait for oneself."""
    db = await make_database(Base, pool_size=1, max_overflow=0, pool_timeout=0.1)

    async with db.transaction():
        await make("ada")
        with pytest.raises(PoolExhaustedError):
            async with db.transaction(independent=True):
                await make("grace")
        await make("last")

    assert await User.query().count() == 2
