"""`rolled_back`: what a test sees in it, and that nothing of it remains."""

import asyncio

import pytest
from sqlalchemy import ForeignKey, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from activerow import ActiveRecord, Database
from activerow.errors import (
    ForeignKeyViolationError,
    NestedCommitError,
    PendingWorkError,
    PoolExhaustedError,
    TransactionBrokenError,
    UniqueViolationError,
    UsageError,
)
from activerow.mixins import AutoTableName
from activerow.testing import rolled_back
from tests.models.units import Base, Post, User, emails, held
from tests.tools.backends.active import MakeDatabase
from tests.tools.backends.plugin import OtherConnection


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    return await make_database(Base)


async def test_nothing_of_a_committed_call_remains(db: Database, other_connection: OtherConnection) -> None:
    """A lone call commits, later calls see its row, others do not, and after the block it is gone."""
    async with rolled_back(db):
        await User.create(email="ada@example.com")
        assert await User.filter_by(email="ada@example.com").exists()
        assert await emails(other_connection) == []

    assert await User.query().count() == 0
    assert held(db) == 0


async def test_a_call_that_fails_undoes_itself_alone(db: Database) -> None:
    """After a violation the test goes on, as the application could."""
    async with rolled_back(db):
        await User.create(email="ada@example.com")
        with pytest.raises(UniqueViolationError):
            await User.create(email="ada@example.com")
        with pytest.raises(ForeignKeyViolationError):
            await Post.create(title="Nobody's", user_id=4711)

        await User.create(email="grace@example.com")
        assert await User.query().count() == 2


async def test_a_transaction_that_fails_undoes_itself_alone(db: Database) -> None:
    """An error that leaves `db.transaction()` undoes what was done in it, savepoints too, and no more."""
    async with rolled_back(db):
        ada = await User.create(email="ada@example.com", balance=1)
        with pytest.raises(ZeroDivisionError):
            async with db.transaction():
                async with db.transaction():
                    await ada.update(balance=2)
                await User.create(email="grace@example.com")
                raise ZeroDivisionError

        assert ada.balance == 1
        assert await User.query().pluck(User.balance) == [1]


async def test_transactions_keep_their_rules(db: Database) -> None:
    """A nested commit and a broken unit are refused as in production."""
    async with rolled_back(db):
        with pytest.raises(NestedCommitError):
            async with db.transaction() as session:
                await User.create(email="ada@example.com")
                await session.commit()
        with pytest.raises(TransactionBrokenError):
            async with db.transaction():
                await User.create(email="grace@example.com")
                with pytest.raises(UniqueViolationError):
                    await User.create(email="grace@example.com")

        assert await User.query().count() == 0


async def test_the_session_of_the_test_commits_its_calls(db: Database) -> None:
    """What it does is seen at once, also without a commit; what fails in it is undone alone."""
    async with rolled_back(db) as session:
        session.add(User(id=1, email="ada@example.com"))
        await session.commit()
        await session.execute(text("INSERT INTO users (id, email, balance) VALUES (2, 'grace@example.com', 0)"))
        with pytest.raises(Exception, match=r"(?i)unique|duplicate"):
            await session.execute(text("INSERT INTO users (id, email, balance) VALUES (2, 'eve@example.com', 0)"))

        assert await User.query().count() == 2
        assert await session.scalar(text("SELECT count(*) FROM users")) == 2


async def test_a_transaction_of_the_session_of_the_test(db: Database) -> None:
    """`begin` and `begin_nested` keep calls together."""
    async with rolled_back(db) as session:
        async with session.begin():
            await User.create(email="ada@example.com", session=session)
            async with session.begin_nested() as inner:
                await User.create(email="eve@example.com", session=session)
                await inner.rollback()
        nested = session.begin_nested()
        async with nested:
            await User.create(email="eve@example.com", session=session)
            await nested.rollback()
        _ = await session.connection()
        with pytest.raises(ZeroDivisionError):
            async with session.begin_nested():
                await User.create(email="eve@example.com", session=session)
                raise ZeroDivisionError
        await session.commit()

        assert await User.query().pluck(User.email) == ["ada@example.com"]


async def test_tasks_take_turns(db: Database) -> None:
    """Calls that run beside each other, as lone calls or as transactions, all succeed."""

    async def in_a_transaction(number: int) -> None:
        async with db.transaction():
            await User.create(email=f"{number}@example.com")
            await asyncio.sleep(0)
            await User.filter_by(email=f"{number}@example.com").update(balance=number)

    async with rolled_back(db):
        await asyncio.gather(*(User.create(email=f"lone{number}@example.com") for number in range(10)))
        await asyncio.gather(*map(in_a_transaction, range(10)))

        assert await User.query().sum(User.balance) == 45
    assert await User.query().count() == 0


async def test_pending_and_scoped_units(db: Database) -> None:
    """`auto_commit=False` waits for `db.commit()`, a scoped session for its own, and raw work left in it is refused."""
    async with rolled_back(db):
        await User.create(email="ada@example.com", auto_commit=False)
        await User.create(email="eve@example.com", auto_commit=False)
        await db.rollback()
        await User.create(email="grace@example.com", auto_commit=False)
        await db.commit()
        async with db.scoped_session() as session:
            await User.create(email="heidi@example.com")
            session.add(User(email="ivan@example.com"))
            await session.commit()
        with pytest.raises(PendingWorkError):
            async with db.scoped_session() as session:
                session.add(User(email="eve@example.com"))

        assert await User.order_by("email").pluck(User.email) == [
            *("grace@example.com", "heidi@example.com", "ivan@example.com")
        ]


async def test_isolation_and_read_only(db: Database) -> None:
    """An isolation is accepted, and the test's own transaction stays open under it; a read-only unit reads."""
    async with rolled_back(db):
        async with db.transaction(isolation="SERIALIZABLE"):
            await User.create(email="ada@example.com")
        async with db.transaction(read_only=True):
            assert await User.query().count() == 1
            with pytest.raises(UsageError, match="read-only"):
                await User.create(email="eve@example.com")
        await User.create(email="grace@example.com")

    assert await User.query().count() == 0


async def test_a_stream_with_calls_in_its_loop(db: Database) -> None:
    """A stream outside any unit leaves the connection to the calls of the loop's body."""
    async with rolled_back(db):
        await User.create_many({"email": f"{number}@example.com"} for number in range(7))
        async for user in User.query().stream(batch=2):
            await user.update(balance=1)
        async for user in User.order_by("-email").stream(batch=2):
            await user.update(balance=user.balance + 1)

        assert await User.query().sum(User.balance) == 14


async def test_independent_units_are_refused_inside_a_unit(db: Database) -> None:
    """A second connection beside the first cannot be had; the message says what to do, and nothing waits."""
    async with rolled_back(db):
        with pytest.raises(UsageError, match=r"emptied\(\)|one writer"):
            async with db.transaction():
                await User.create(email="ada@example.com")
                async with db.transaction(independent=True):
                    await User.create(email="eve@example.com")
        async with db.transaction(independent=True):
            await User.create(email="grace@example.com")

        assert await User.query().pluck(User.email) == ["grace@example.com"]


async def test_a_task_that_would_wait_for_its_own_unit_is_refused(db: Database) -> None:
    """So is a child task, and a call that has forgotten the unit with `detached`."""

    async def elsewhere() -> None:
        async with db.transaction(independent=True):
            await User.query().count()

    async with rolled_back(db):
        async with db.transaction(read_only=True):
            await User.query().count()
            with pytest.raises(UsageError, match="holds the connection"):
                await asyncio.create_task(elsewhere())
            with pytest.raises(UsageError, match="holds the connection"):
                async with db.detached():
                    await User.query().count()
        async with db.engine.connect():
            with pytest.raises(UsageError, match="that this task has open"):
                await User.query().count()


async def test_raw_connections_are_rolled_back_too(db: Database) -> None:
    """What goes past activerow, through the engine, is part of the test's transaction."""
    async with rolled_back(db):
        async with db.engine.begin() as connection:
            await connection.execute(text("INSERT INTO users (email, balance) VALUES ('ada@example.com', 0)"))
        async with db.engine.connect() as connection:
            await connection.execute(text("DELETE FROM users"))

        assert await User.query().count() == 1
    assert await User.query().count() == 0


async def test_the_application_may_shut_down_inside(db: Database) -> None:
    """`dispose`, as an application's lifespan calls it, leaves the test's transaction alone."""
    async with rolled_back(db):
        async with db:
            await User.create(email="ada@example.com")
        await db.engine.dispose()

        assert await User.query().count() == 1
    assert await User.query().count() == 0


async def test_an_error_of_the_test_is_the_error_of_the_block(db: Database) -> None:
    """It is raised as it is, and what was done before it is rolled back."""
    with pytest.raises(ZeroDivisionError):
        async with rolled_back(db):
            await User.create(email="ada@example.com")
            raise ZeroDivisionError

    assert await User.query().count() == 0
    assert held(db) == 0


async def test_a_cancelled_test_is_rolled_back(db: Database) -> None:
    """A time-out of the test undoes it, and the next one begins with a whole connection."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05), rolled_back(db):
            await User.create(email="ada@example.com")
            async with db.transaction():
                await User.create(email="grace@example.com")
                await asyncio.sleep(10)

    async with rolled_back(db):
        assert await User.query().count() == 0


async def test_work_that_is_left_open_is_told(db: Database) -> None:
    """The end names what still uses the connection, and rolls it back all the same."""
    with pytest.raises(UsageError, match=r"in use, by task .*test_rolled_back.py"):
        async with rolled_back(db):
            await User.create(email="ada@example.com", auto_commit=False)

    with pytest.raises(UsageError, match="needs an open unit"):
        await db.commit()
    assert await User.query().count() == 0


async def test_tasks_that_are_about_to_finish_are_waited_for(db: Database) -> None:
    """They end in the test's transaction, one after the other, and nothing of them remains."""
    async with rolled_back(db):
        tasks = [asyncio.create_task(User.create(email=f"{number}@example.com")) for number in range(5)]
        await asyncio.sleep(0)

    assert all(task.done() for task in tasks)
    assert await User.query().count() == 0


async def test_it_is_refused_where_it_could_not_undo(db: Database) -> None:
    """Inside an open unit, and inside itself."""
    async with db.transaction():
        with pytest.raises(UsageError, match="inside an open unit"):
            async with rolled_back(db):
                raise AssertionError
    async with rolled_back(db):
        with pytest.raises(UsageError, match=r"inside rolled_back\(\)"):
            async with rolled_back(db):
                raise AssertionError


@pytest.mark.backends("mysql")
async def test_ddl_that_commits_is_told(db: Database) -> None:
    """On MySQL a CREATE TABLE commits the transaction: the unit that did it cannot end as if nothing had happened."""
    async with rolled_back(db) as session:
        with pytest.raises(UsageError, match="ended before its block"):
            await session.execute(text("CREATE TABLE nothing (id int)"))


async def test_a_unit_that_waits_too_long_is_told_for_whom(make_database: MakeDatabase) -> None:
    """As when a pool has run dry: the error names who has the connection."""
    db = await make_database(Base, pool_timeout=0.1)
    begun, over = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        async with db.transaction():
            await User.create(email="ada@example.com")
            begun.set()
            await over.wait()

    async with rolled_back(db):
        task = asyncio.create_task(hold(), name="holder")
        await begun.wait()
        with pytest.raises(PoolExhaustedError, match="task 'holder'"):
            await User.query().count()
        over.set()
        await task
        assert await User.query().count() == 1


class Deferred(ActiveRecord, AutoTableName, DeclarativeBase):
    """Tables whose foreign keys are checked at COMMIT."""


class Folder(Deferred):
    """May lie in one that is made later."""

    id: Mapped[int] = mapped_column(primary_key=True)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("folders.id", deferrable=True, initially="DEFERRED"))


@pytest.mark.backends("sqlite", "postgresql")
async def test_deferred_constraints_are_checked_when_a_unit_commits(make_database: MakeDatabase) -> None:
    """Not before, not at the end of the test alone, and again in the next unit."""
    db = await make_database(Deferred)
    async with rolled_back(db):
        for child, parent in ((1, 2), (3, 4)):
            async with db.transaction():
                await Folder.create(id=child, parent_id=parent)
                await Folder.create(id=parent)
        for _ in range(2):
            with pytest.raises(ForeignKeyViolationError):
                async with db.transaction():
                    await Folder.create(id=5, parent_id=4711)

        assert await Folder.query().count() == 4
