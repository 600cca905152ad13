"""`on_commit` and `on_rollback`: once, in order, after the unit ended, outside any unit."""

import asyncio
import logging
from collections.abc import Callable

import pytest
from sqlalchemy import Connection, event
from sqlalchemy.orm import Mapper

from activerow import Database
from activerow.errors import SerializationError, TransactionBrokenError, UniqueViolationError, UsageError
from tests.models.units import Base, User, emails, held
from tests.tools.backends.active import MakeDatabase
from tests.tools.backends.plugin import OtherConnection


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """A database whose pool has one connection: a hook that ran too early would wait for it in vain."""
    return await make_database(Base, pool_size=1, max_overflow=0, pool_timeout=2)


@pytest.fixture
def ran() -> list[str]:
    """What ran, in order."""
    return []


def note(ran: list[str], word: str) -> Callable[[], None]:
    return lambda: ran.append(word)


async def make(name: str) -> User:
    return await User.create(email=f"{name}@example.com")


# -- when and where --------------------------------------------------------------------------------------------------


async def test_hooks_run_in_order_after_the_commit(
    db: Database, other_connection: OtherConnection, ran: list[str]
) -> None:
    """Plain and async functions run in the order of registration, when others see the work."""

    async def look() -> None:
        ran.extend(await emails(other_connection))

    async with db.transaction():
        await make("ada")
        db.on_commit(note(ran, "first"))
        db.on_commit(look)
        db.on_commit(note(ran, "last"))
        assert ran == []

    assert ran == ["first", "ada@example.com", "last"]


async def test_the_connection_went_back_before_the_hooks(db: Database, ran: list[str]) -> None:
    """A hook finds the pool as if the unit had never been."""

    async def hook() -> None:
        ran.append(f"{held(db)} {db.connections()}")

    async with db.transaction():
        await make("ada")
        db.on_commit(hook)

    assert ran == ["0 ()"]


async def test_a_hook_runs_outside_any_unit(db: Database, other_connection: OtherConnection) -> None:
    """Its calls commit themselves, whatever becomes of it; a unit of its own is the outermost."""

    async def hook() -> None:
        assert db.scopes.here() is None
        await make("lone")
        async with db.transaction(isolation="SERIALIZABLE"):
            await make("own")

    async with db.transaction():
        db.on_commit(hook)
        await make("ada")

    assert await emails(other_connection) == ["ada@example.com", "lone@example.com", "own@example.com"]


async def test_the_hooks_of_a_unit_inside_detached_run_outside_any_unit(
    db: Database, other_connection: OtherConnection
) -> None:
    """A hook never joins the unit around the block in which it was registered."""

    async def hook() -> None:
        assert db.scopes.here() is None

    async with db.transaction():
        async with db.detached(), db.transaction():
            db.on_commit(hook)
        await make("ada")

    assert await emails(other_connection) == ["ada@example.com"]


async def test_the_hooks_of_an_independent_unit_run_outside_any_unit(make_database: MakeDatabase) -> None:
    """The unit around it is not ended by it, and is none of the hook's business."""
    db = await make_database(Base)
    places: list[object] = []

    async with db.transaction(read_only=True):
        async with db.transaction(independent=True):
            db.on_commit(lambda: places.append(db.scopes.here()))
            await make("ada")
        assert db.scopes.here() is not None

    assert places == [None]


async def test_a_failing_hook_is_logged_and_the_rest_run(
    db: Database, other_connection: OtherConnection, ran: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """The work is committed, so the caller is not told of an error; the log is."""

    async def fail() -> None:
        raise ValueError("hook")

    async with db.transaction():
        await make("ada")
        db.on_commit(fail)
        db.on_commit(note(ran, "second"))

    assert ran == ["second"]
    logged = [record for record in caplog.records if record.name == "activerow" and record.levelno >= logging.WARNING]
    assert [record.levelno for record in logged] == [logging.ERROR]
    assert logged[0].exc_info is not None
    assert await emails(other_connection) == ["ada@example.com"]


async def test_hooks_run_once(db: Database, ran: list[str]) -> None:
    """What ran after one unit does not run after the next."""
    async with db.transaction():
        await make("ada")
        db.on_commit(note(ran, "hook"))
    async with db.transaction():
        await make("grace")

    assert ran == ["hook"]


async def test_a_child_task_registers_with_the_unit(db: Database, ran: list[str]) -> None:
    """The hooks of all tasks wait for the end of the unit they joined."""

    async def child(number: int) -> None:
        await make(str(number))
        db.on_commit(note(ran, str(number)))

    async with db.transaction():
        await asyncio.gather(*(child(number) for number in range(5)))
        assert ran == []

    assert sorted(ran) == ["0", "1", "2", "3", "4"]


# -- rolled back -----------------------------------------------------------------------------------------------------


async def test_after_a_rollback_the_other_hooks_run(db: Database, ran: list[str]) -> None:
    """`on_rollback` runs when an error left the block, `on_commit` does not; the error passes."""
    with pytest.raises(KeyError):
        async with db.transaction():
            await make("ada")
            db.on_commit(note(ran, "commit"))
            db.on_rollback(note(ran, "rollback"))
            raise KeyError

    assert ran == ["rollback"]


async def test_after_a_commit_the_rollback_hooks_are_dropped(db: Database, ran: list[str]) -> None:
    """The counterpart."""
    async with db.transaction():
        await make("ada")
        db.on_rollback(note(ran, "rollback"))

    assert ran == []


async def test_a_broken_unit_runs_its_rollback_hooks(db: Database, ran: list[str]) -> None:
    """A swallowed error ends in a rollback, and the hooks know."""
    with pytest.raises(TransactionBrokenError):
        async with db.transaction():
            db.on_commit(note(ran, "commit"))
            db.on_rollback(note(ran, "rollback"))
            await make("ada")
            with pytest.raises(UniqueViolationError):
                await make("ada")

    assert ran == ["rollback"]


async def test_a_failed_commit_runs_the_rollback_hooks(db: Database, ran: list[str]) -> None:
    """What the commit refused was not committed."""
    with pytest.raises(UniqueViolationError):
        async with db.transaction() as session:
            db.on_commit(note(ran, "commit"))
            db.on_rollback(note(ran, "rollback"))
            await make("ada")
            session.add(User(email="ada@example.com"))

    assert ran == ["rollback"]


async def test_a_failing_rollback_hook_does_not_hide_the_error(
    db: Database, ran: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """The caller sees what ended the block, the log what the hook did."""

    def fail() -> None:
        raise ValueError("hook")

    with pytest.raises(KeyError):
        async with db.transaction():
            await make("ada")
            db.on_rollback(fail)
            db.on_rollback(note(ran, "second"))
            raise KeyError

    assert ran == ["second"]
    assert [record.levelno for record in caplog.records if record.name == "activerow"][-1] == logging.ERROR


async def test_a_unit_that_is_rollback_only_runs_its_rollback_hooks(db: Database, ran: list[str]) -> None:
    """`rollback_only` is a rollback like any other."""
    async with db.transaction():
        await make("ada")
        db.on_commit(note(ran, "commit"))
        db.on_rollback(note(ran, "rollback"))
        db.rollback_only()

    assert ran == ["rollback"]


# -- savepoints ------------------------------------------------------------------------------------------------------


async def test_the_hooks_of_a_savepoint_wait_for_the_outermost_unit(db: Database, ran: list[str]) -> None:
    """A released savepoint is not committed yet."""
    async with db.transaction():
        db.on_commit(note(ran, "outer"))
        async with db.transaction():
            await make("ada")
            db.on_commit(note(ran, "inner"))
        assert ran == []
        db.on_commit(note(ran, "after"))

    assert ran == ["outer", "inner", "after"]


async def test_the_hooks_of_a_rolled_back_savepoint_are_dropped(db: Database, ran: list[str]) -> None:
    """Its `on_rollback` runs at once, its `on_commit` never, and the unit's own are not touched."""
    async with db.transaction():
        db.on_commit(note(ran, "outer commit"))
        db.on_rollback(note(ran, "outer rollback"))
        with pytest.raises(KeyError):
            async with db.transaction():
                await make("ada")
                db.on_commit(note(ran, "inner commit"))
                db.on_rollback(note(ran, "inner rollback"))
                raise KeyError
        assert ran == ["inner rollback"]

    assert ran == ["inner rollback", "outer commit"]


async def test_a_released_savepoint_is_undone_with_its_unit(db: Database, ran: list[str]) -> None:
    """`on_rollback` of a savepoint that was released runs when the transaction around it is rolled back."""
    with pytest.raises(KeyError):
        async with db.transaction():
            async with db.transaction():
                await make("ada")
                db.on_rollback(note(ran, "inner"))
                async with db.transaction():
                    db.on_rollback(note(ran, "innermost"))
            assert ran == []
            raise KeyError

    assert ran == ["inner", "innermost"]


async def test_the_hooks_of_begin_nested_are_those_of_a_savepoint(db: Database, ran: list[str]) -> None:
    """SQLAlchemy's own way to a savepoint follows the same rules."""
    async with db.transaction() as session:
        savepoint = await session.begin_nested()
        db.on_commit(note(ran, "dropped"))
        await savepoint.rollback()
        async with session.begin_nested():
            db.on_commit(note(ran, "kept"))

    assert ran == ["kept"]


# -- other units -----------------------------------------------------------------------------------------------------


async def test_a_retried_function_fires_the_hooks_of_the_attempt_that_was_committed(
    db: Database, ran: list[str]
) -> None:
    """`on_commit` once, however often the function ran; `on_rollback` for each attempt that was undone."""
    attempts: list[int] = []

    @db.transactional(retries=3)
    async def work() -> None:
        attempts.append(1)
        db.on_commit(note(ran, f"commit {len(attempts)}"))
        db.on_rollback(note(ran, f"rollback {len(attempts)}"))
        await make("ada")
        if len(attempts) < 3:
            raise SerializationError

    await work()

    assert ran == ["rollback 1", "rollback 2", "commit 3"]


async def test_a_pending_unit_runs_its_hooks_when_a_call_commits_it(
    db: Database, other_connection: OtherConnection, ran: list[str]
) -> None:
    """The last call ends the unit; its hooks run before that call returns, outside of it."""

    async def hook() -> None:
        ran.extend(await emails(other_connection))
        await make("hook")

    user = await User.create(email="ada@example.com", auto_commit=False)
    db.on_commit(hook)
    assert ran == []
    await user.update(name="Ada", auto_commit=True)

    assert ran == ["ada@example.com"]
    assert await emails(other_connection) == ["ada@example.com", "hook@example.com"]


@pytest.mark.parametrize(("way", "word"), [("commit", "commit"), ("rollback", "rollback")])
async def test_a_pending_unit_ended_by_hand_runs_its_hooks(db: Database, ran: list[str], way: str, word: str) -> None:
    """`db.commit()` and `db.rollback()` are ends of a unit."""
    await User.create(email="ada@example.com", auto_commit=False)
    db.on_commit(note(ran, "commit"))
    db.on_rollback(note(ran, "rollback"))

    await getattr(db, way)()

    assert ran == [word]


async def test_each_call_in_a_scoped_session_runs_the_hooks_before_it(db: Database, ran: list[str]) -> None:
    """Every call commits there, so each of them is the end of what was registered until then."""

    async def hook() -> None:
        assert db.scopes.here() is None
        await make(f"hook{len(ran)}")
        ran.append("hook")

    async with db.scoped_session():
        db.on_commit(hook)
        await make("first")
        assert ran == ["hook"]
        db.on_commit(hook)
        await make("second")
        assert ran == ["hook", "hook"]


async def test_a_life_cycle_hook_of_a_lone_call_may_register(
    db: Database, other_connection: OtherConnection, ran: list[str]
) -> None:
    """In SQLAlchemy's `after_insert` of a lone `create` the unit is that call's; the hook runs after its commit."""

    async def look() -> None:
        ran.extend(await emails(other_connection))

    def after_insert(_mapper: Mapper[User], _connection: Connection, _user: User) -> None:
        db.on_commit(look)

    event.listen(User, "after_insert", after_insert)
    try:
        await make("ada")
    finally:
        event.remove(User, "after_insert", after_insert)

    assert ran == ["ada@example.com"]


async def test_a_life_cycle_hook_in_the_flush_of_the_commit_may_register(db: Database, ran: list[str]) -> None:
    """What was only added is written by the commit itself; its hooks are hooks of the unit all the same."""

    def after_insert(_mapper: Mapper[User], _connection: Connection, user: User) -> None:
        db.on_commit(note(ran, user.email))

    event.listen(User, "after_insert", after_insert)
    try:
        async with db.transaction() as session:
            session.add(User(email="added"))
            async with db.transaction():
                session.add(User(email="nested"))
    finally:
        event.remove(User, "after_insert", after_insert)

    assert sorted(ran) == ["added", "nested"]


async def test_there_is_nothing_to_wait_for_outside_a_unit(db: Database) -> None:
    """`on_commit`, `on_rollback` and `rollback_only` need an open unit, also inside `detached()` and in a hook."""
    refused: list[str] = []

    def try_all() -> None:
        calls: tuple[Callable[[], object], ...]
        calls = (lambda: db.on_commit(try_all), lambda: db.on_rollback(try_all), db.rollback_only)
        for call in calls:
            with pytest.raises(UsageError, match="open unit of work"):
                call()
            refused.append("refused")

    try_all()
    async with db.transaction():
        async with db.detached():
            try_all()
        db.on_commit(try_all)

    assert len(refused) == 9
