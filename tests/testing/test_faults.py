"""Faults: what an application sees of them is what it would see of the real ones."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from activerow import Database
from activerow.errors import (
    CommitUnknownError,
    DatabaseError,
    DeadlockError,
    LockTimeoutError,
    SerializationError,
    StatementTimeoutError,
    TransactionBrokenError,
    TransientError,
    UnavailableError,
    UniqueViolationError,
    UsageError,
)
from activerow.testing import failing, failing_commit, rolled_back, slow
from tests.models.units import Base, Post, User, held
from tests.tools.backends.active import MakeDatabase
from tests.tools.backends.backend import Backend


@asynccontextmanager
async def _committed(_: Database) -> AsyncGenerator[None]:
    yield


@pytest.fixture(params=[rolled_back, _committed], ids=["rolled_back", "committed"])
async def db(request: pytest.FixtureRequest, make_database: MakeDatabase) -> AsyncGenerator[Database]:
    """Faults work in a test's transaction and without."""
    db = await make_database(Base)
    around: AbstractAsyncContextManager[Any] = request.param(db)
    async with around:
        yield db


@pytest.mark.parametrize(
    "kind", [DeadlockError, SerializationError, LockTimeoutError, StatementTimeoutError, UnavailableError]
)
async def test_the_error_is_the_one_of_the_driver(db: Database, backend: Backend, kind: type[DatabaseError]) -> None:
    """It is translated from the code that the driver gives, names the model, and the next call is well."""
    if backend.dialect == "sqlite" and kind is DeadlockError:
        kind = LockTimeoutError
    user = await User.create(email="ada@example.com")

    with failing(db, kind, on=User, operation="update") as fault, pytest.raises(kind) as caught:
        await user.update(balance=1)

    assert type(caught.value) is kind
    assert (caught.value.model, caught.value.operation, fault.met) == ("User", "update", 1)
    assert caught.value.driver_code
    assert caught.value.__cause__ is not None
    assert user.balance == 0
    await user.update(balance=2)
    assert await User.query().pluck(User.balance) == [2]
    assert held(db) == 0


async def test_a_transaction_is_run_again(db: Database) -> None:
    """`db.run` repeats the whole transaction, and its hooks run once."""
    done: list[str] = []

    async def work() -> None:
        db.on_commit(lambda: done.append("committed"))
        db.on_rollback(lambda: done.append("rolled back"))
        await User.create(email="ada@example.com")
        await User.filter_by(email="ada@example.com").update(balance=1)

    with failing(db, TransientError, on=User, operation="update", times=2) as fault:
        await db.run(work)

    assert done == ["rolled back", "rolled back", "committed"]
    assert fault.met == 2
    assert await User.query().pluck(User.balance) == [1]


async def test_a_fault_breaks_its_unit(db: Database) -> None:
    """A lock timeout undoes the savepoint it happens in, a lost connection the whole transaction."""
    async with db.transaction():
        await User.create(email="ada@example.com")
        with failing(db, LockTimeoutError, operation="insert"), pytest.raises(LockTimeoutError):
            async with db.transaction():
                await User.create(email="eve@example.com")
    with failing(db, UnavailableError, operation="insert"), pytest.raises(TransactionBrokenError):
        async with db.transaction():
            await User.query().count()
            with pytest.raises(UnavailableError):
                async with db.transaction():
                    await User.create(email="eve@example.com")

    assert await User.query().pluck(User.email) == ["ada@example.com"]


async def test_a_commit_that_is_lost(db: Database) -> None:
    """Nobody is told whether it took place: once it did not, once it did; and it is not run again."""
    with failing_commit(db), pytest.raises(CommitUnknownError):
        await db.run(lambda: User.create(email="lost@example.com"))
    with failing_commit(db, saved=True), pytest.raises(CommitUnknownError):
        await User.create(email="saved@example.com")

    assert await User.query().pluck(User.email) == ["saved@example.com"]
    assert held(db) == 0


async def test_a_commit_that_is_refused(db: Database) -> None:
    """A serialization failure may come with COMMIT; then nothing is saved, and the transaction is run again."""
    with failing_commit(db, SerializationError), pytest.raises(SerializationError):
        await User.create(email="ada@example.com")
    assert await User.query().count() == 0

    with failing_commit(db, SerializationError) as fault:
        await db.run(lambda: User.create(email="ada@example.com"))
    assert await User.query().count() == 1
    assert fault.met == 1
    with pytest.raises(UsageError, match="saves nothing"), failing_commit(db, SerializationError, saved=True):
        raise AssertionError


async def test_the_chosen_statements_fail_alone(db: Database) -> None:
    """Those of another model or another kind pass, and so do those after `times`."""
    with failing(db, TransientError, on=Post, operation="select", times=None) as fault:
        user = await User.create(email="ada@example.com")
        await Post.create(title="One", user=user)
        await User.query().all()
        for _ in range(2):
            with pytest.raises(TransientError):
                await Post.filter_by(title="One").all()
        with pytest.raises(TransientError):
            await User.filter_by(posts__title="One").all()
    assert fault.met == 3

    with failing(db, TransientError):
        with pytest.raises(TransientError):
            await User.query().all()
        assert await Post.query().count() == 1


async def test_a_fault_without_effect_fails_the_test(db: Database) -> None:
    """A test that never comes to the statement it speaks of is told so, unless it failed before."""
    useless = failing(db, TransientError, on=User, operation="update")
    with pytest.raises(AssertionError, match=r"nothing was sent .* update of User"), useless:
        await User.create(email="ada@example.com")
    with pytest.raises(AssertionError, match="a commit"), failing_commit(db):
        await User.query().count()
    with pytest.raises(ZeroDivisionError), slow(db, 1):
        raise ZeroDivisionError


async def test_errors_that_cannot_be_brought_about_are_refused(db: Database, backend: Backend) -> None:
    """Constraint errors need the data for it, and SQLite has no deadlocks; the message says what there is."""
    with pytest.raises(UsageError, match=r"these can: .*LockTimeoutError"), failing(db, UniqueViolationError):
        raise AssertionError
    if backend.dialect == "sqlite":
        with pytest.raises(UsageError, match="on sqlite"), failing(db, DeadlockError):
            raise AssertionError


async def test_slow_statements_can_be_cancelled(db: Database) -> None:
    """A time-out that meets one undoes the transaction it is in, and the next call is well."""

    async def work() -> None:
        async with db.transaction():
            await User.create(email="eve@example.com")
            await User.query().update(balance=1, all_rows=True)

    await User.create(email="ada@example.com")
    with slow(db, 10, on=User, operation="update") as fault:
        task = asyncio.create_task(work())
        while not fault.met:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert await User.query().pluck(User.balance) == [0]


async def test_slow_statements_take_their_time(db: Database) -> None:
    """They are sent after the delay, and answered."""
    with slow(db, 0.05, times=1) as fault:
        started = asyncio.get_running_loop().time()
        assert await User.query().count() == 0

    assert asyncio.get_running_loop().time() - started >= 0.05
    assert fault.met == 1


async def test_nothing_is_left_behind(db: Database) -> None:
    """After the blocks the engine is as it was."""
    dialect = db.engine.dialect
    before = dict(vars(dialect))
    with slow(db, 0), failing(db, TransientError), pytest.raises(TransientError):
        await User.query().all()
    with failing_commit(db), pytest.raises(CommitUnknownError):
        await User.create(email="ada@example.com")

    assert {name: value for name, value in vars(dialect).items() if name in before} == before
    assert not {"is_disconnect", "do_commit"} & (vars(dialect).keys() - before.keys())
    await User.create(email="ada@example.com")
