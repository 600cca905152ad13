"""`db.transaction()` and its options, savepoints, `db.run` and `@db.transactional`."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from activerow import Database
from activerow.errors import (
    CommitUnknownError,
    DatabaseError,
    DeadlockError,
    LockTimeoutError,
    SerializationError,
    TransactionBrokenError,
    TransientError,
    UniqueViolationError,
    UsageError,
)
from tests.models.units import Base, User, cut_off, emails, held
from tests.tools.backends.active import MakeDatabase
from tests.tools.backends.backend import Backend
from tests.tools.backends.plugin import OtherConnection


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """A database with two connections."""
    return await make_database(Base, pool_size=2, max_overflow=0, pool_timeout=2)


async def make(name: str, balance: int = 0) -> User:
    return await User.create(email=f"{name}@example.com", balance=balance)


# -- isolation -------------------------------------------------------------------------------------------------------

ISOLATION = {"postgresql": "SHOW transaction_isolation", "mysql": "SELECT @@SESSION.tx_isolation"}


@pytest.mark.backends("postgresql", "mysql")
async def test_isolation_is_that_of_one_transaction(make_database: MakeDatabase, backend: Backend) -> None:
    """The level holds for the block; the next transaction on the same connection has the server's default again."""
    db = await make_database(Base, pool_size=1, max_overflow=0)
    question = text(ISOLATION[backend.dialect])

    async with db.transaction() as session:
        default = await session.scalar(question)
    async with db.transaction(isolation="SERIALIZABLE") as session:
        within = await session.scalar(question)
    async with db.transaction() as session:
        after = await session.scalar(question)

    assert (within.lower(), after) == ("serializable", default)
    assert default.lower() != "serializable"


async def test_a_serializable_transaction_writes(db: Database, other_connection: OtherConnection) -> None:
    """Every backend knows the level SERIALIZABLE."""
    async with db.transaction(isolation="SERIALIZABLE"):
        await make("ada")
    async with db.transaction():
        await make("grace")

    assert len(await emails(other_connection)) == 2


async def test_isolation_inside_a_unit_is_refused(db: Database, other_connection: OtherConnection) -> None:
    """A savepoint cannot have a level of its own; the unit is whole and goes on."""
    async with db.transaction():
        with pytest.raises(UsageError, match="isolation"):
            async with db.transaction(isolation="SERIALIZABLE"):
                pass
        await make("ada")

    assert await emails(other_connection) == ["ada@example.com"]


@pytest.mark.parametrize("level", ["AUTOCOMMIT", "autocommit", "NONSENSE"])
async def test_a_transaction_cannot_have_such_a_level(db: Database, level: str) -> None:
    """AUTOCOMMIT is no transaction, and what SQLAlchemy does not know is no level."""
    with pytest.raises(Exception, match=f"(?i){level}"):
        async with db.transaction(isolation=level):
            await make("ada")

    assert not await User.query().exists()
    assert held(db) == 0


# -- read only -------------------------------------------------------------------------------------------------------


async def test_a_read_only_transaction_reads(make_database: MakeDatabase, other_connection: OtherConnection) -> None:
    """It reads, and the next transaction on the same connection writes again."""
    db = await make_database(Base, pool_size=1, max_overflow=0)
    await make("ada")

    async with db.transaction(read_only=True):
        assert await User.query().count() == 1
    async with db.transaction():
        await make("grace")

    assert len(await emails(other_connection)) == 2


WRITES: dict[str, Callable[[User, AsyncSession], Awaitable[object]]] = {
    "create": lambda _user, _session: make("grace"),
    "update": lambda user, _session: user.update(name="x"),
    "delete": lambda user, _session: user.delete(),
    "set-based": lambda _user, _session: User.where(User.id > 0).update(name="x"),
    "raw": lambda _user, session: session.execute(text("UPDATE users SET name = 'x'")),
}


@pytest.mark.parametrize("write", WRITES)
async def test_a_read_only_transaction_refuses_to_write(
    db: Database, other_connection: OtherConnection, write: str
) -> None:
    """Whatever way a write takes, it does not get through."""
    user = await make("ada")

    with pytest.raises((UsageError, DatabaseError, DBAPIError)):
        async with db.transaction(read_only=True) as session:
            await WRITES[write](user, session)

    assert await other_connection.scalar("SELECT count(*) FROM users WHERE name IS NULL") == 1
    assert held(db) == 0


async def test_a_function_that_writes_is_refused_by_the_server(db: Database, backend: Backend) -> None:
    """What no one can see from the statement is left to the server, which knows that the transaction is read-only."""
    if backend.dialect != "postgresql":
        pytest.skip("only PostgreSQL writes in a SELECT")

    with pytest.raises(DBAPIError, match="read-only"):
        async with db.transaction(read_only=True) as session:
            await session.execute(text("SELECT nextval('users_id_seq')"))


async def test_a_writing_block_inside_a_read_only_unit_is_refused(db: Database) -> None:
    """A nested block means to write unless it says otherwise."""
    await make("ada")

    async with db.transaction(read_only=True):
        with pytest.raises(UsageError, match="read_only=True"):
            async with db.transaction():
                pass
        async with db.transaction(read_only=True):
            assert await User.query().count() == 1
        assert await User.query().count() == 1


async def test_a_read_only_block_inside_a_unit_that_writes(db: Database, other_connection: OtherConnection) -> None:
    """It is a savepoint of that unit and sees what the unit wrote."""
    async with db.transaction():
        await make("ada")
        async with db.transaction(read_only=True):
            assert await User.query().count() == 1
        await make("grace")

    assert len(await emails(other_connection)) == 2


@pytest.mark.backends("sqlite")
async def test_a_read_only_transaction_does_not_keep_writers_out(db: Database) -> None:
    """On SQLite it takes no write lock, and sees the same rows until its end."""
    async with db.transaction(read_only=True):
        assert await User.query().count() == 0
        async with db.detached():
            await make("ada")
        assert await User.query().count() == 0

    assert await User.query().count() == 1


# -- independent -----------------------------------------------------------------------------------------------------


@pytest.mark.backends("postgresql", "mysql")
async def test_an_independent_transaction_is_kept_whatever_happens_around_it(
    db: Database, other_connection: OtherConnection
) -> None:
    """It has a second connection and commits at its own end, while the first is held."""
    user = await make("ada")

    with pytest.raises(KeyError):
        async with db.transaction():
            await user.update(name="undone")
            async with db.transaction(independent=True):
                await make("kept")
                assert held(db) == 2
            assert await emails(other_connection) == ["ada@example.com", "kept@example.com"]
            assert await User.filter_by(name="undone").exists()
            raise KeyError

    assert await emails(other_connection) == ["ada@example.com", "kept@example.com"]
    assert await other_connection.scalar("SELECT count(name) FROM users") == 0


@pytest.mark.backends("postgresql", "mysql")
async def test_an_independent_transaction_is_undone_alone(db: Database, other_connection: OtherConnection) -> None:
    """Its error does not touch the unit around it."""
    user = await make("ada")

    async with db.transaction():
        await user.update(name="kept")
        with pytest.raises(UniqueViolationError):
            async with db.transaction(independent=True):
                await make("undone")
                await make("undone")
        await user.update(balance=1)

    assert await emails(other_connection) == ["ada@example.com"]
    assert await other_connection.scalar("SELECT count(*) FROM users WHERE name = 'kept' AND balance = 1") == 1


async def test_an_independent_transaction_outside_any_unit_is_an_ordinary_one(
    db: Database, other_connection: OtherConnection
) -> None:
    """The option says something about a unit around it only."""
    async with db.transaction(independent=True):
        await make("ada")
        assert held(db) == 1

    assert await emails(other_connection) == ["ada@example.com"]


@pytest.mark.backends("sqlite")
@pytest.mark.parametrize("wrote", ["created", "added", "read"])
async def test_on_sqlite_a_second_writer_is_refused(
    db: Database, other_connection: OtherConnection, wrote: str
) -> None:
    """Inside a unit that holds the write lock `independent=True` would wait for itself: it is refused at once."""
    async with db.transaction() as session:
        if wrote == "created":
            await make("first")
        elif wrote == "added":
            session.add(User(email="first@example.com"))
        else:
            await User.query().count()
        with pytest.raises(UsageError, match="SQLite"):
            async with db.transaction(independent=True):
                await make("never")
        await make("last")

    assert (await emails(other_connection))[-1] == "last@example.com"


@pytest.mark.backends("sqlite")
async def test_on_sqlite_a_first_writer_may_be_independent(db: Database, other_connection: OtherConnection) -> None:
    """A unit that only read without the write lock, or did nothing yet, does not stand in the way."""
    async with db.transaction():
        async with db.transaction(independent=True):
            await make("first")
        await make("second")
    async with db.transaction(read_only=True):
        await User.query().count()
        async with db.transaction(independent=True):
            await make("third")

    assert len(await emails(other_connection)) == 3


# -- savepoints ------------------------------------------------------------------------------------------------------


async def test_a_nested_block_that_ends_well_belongs_to_the_unit(
    db: Database, other_connection: OtherConnection
) -> None:
    """It is neither committed before the unit nor kept without it."""
    with pytest.raises(KeyError):
        async with db.transaction():
            async with db.transaction():
                await make("nested")
            assert await emails(other_connection) == []
            raise KeyError

    assert await emails(other_connection) == []


async def test_nested_blocks_share_session_and_connection(db: Database) -> None:
    """However deep, there is one session and one connection."""
    async with db.transaction() as outer, db.transaction() as middle, db.transaction() as inner:
        await make("ada")
        assert held(db) == 1

    assert outer is middle is inner


async def test_many_blocks_one_after_the_other(db: Database, other_connection: OtherConnection) -> None:
    """Every second of twenty savepoints is undone, the others are kept."""
    async with db.transaction():
        for number in range(20):
            try:
                async with db.transaction():
                    await make(str(number))
                    if number % 2:
                        raise KeyError
            except KeyError:
                pass

    assert len(await emails(other_connection)) == 10


# -- retry -----------------------------------------------------------------------------------------------------------


async def test_a_retried_function_counts_once(db: Database, other_connection: OtherConnection) -> None:
    """Balance 100, a function that subtracts 10 and is retried twice: 90, in the object and in the database."""
    user = await make("ada", balance=100)
    attempts: list[int] = []

    @db.transactional(retries=3)
    async def pay(amount: int, *, to: str) -> str:
        attempts.append(user.balance)
        await user.update(balance=user.balance - amount)
        await make(to)
        if len(attempts) < 3:
            raise DeadlockError
        return "paid"

    assert await pay(10, to="grace") == "paid"
    assert attempts == [100, 100, 100]
    assert user.balance == 90
    assert await other_connection.column("SELECT balance FROM users ORDER BY id") == [90, 0]


@pytest.mark.parametrize("error", [DeadlockError, SerializationError, LockTimeoutError, TransientError])
async def test_transient_errors_are_retried(db: Database, error: type[TransientError]) -> None:
    """Up to `retries` times; then the last error is raised, and nothing is stored."""
    attempts: list[int] = []

    async def fail() -> None:
        attempts.append(1)
        await make("ada")
        raise error

    with pytest.raises(error):
        await db.run(fail, retries=2)

    assert len(attempts) == 3
    assert not await User.query().exists()


@pytest.mark.parametrize("error", [UniqueViolationError, CommitUnknownError, ValueError, KeyError])
async def test_other_errors_are_not_retried(db: Database, error: type[Exception]) -> None:
    """Not an unknown commit outcome either: the work may have been stored."""
    attempts: list[int] = []

    async def fail() -> None:
        attempts.append(1)
        raise error

    with pytest.raises(error):
        await db.run(fail)

    assert len(attempts) == 1


async def test_a_swallowed_transient_error_is_retried(db: Database, other_connection: OtherConnection) -> None:
    """A function that hides the deadlock ends in a broken unit; the reason behind it counts."""
    attempts: list[int] = []

    async def work() -> None:
        attempts.append(1)
        if len(attempts) == 1:
            raise TransactionBrokenError(DeadlockError())
        await make("ada")

    await db.run(work)

    assert await emails(other_connection) == ["ada@example.com"]


async def test_inside_a_unit_nothing_is_retried(db: Database, other_connection: OtherConnection) -> None:
    """There it is a savepoint and runs once: only a whole transaction can be repeated."""
    attempts: list[int] = []

    @db.transactional(retries=3)
    async def fail() -> None:
        attempts.append(1)
        await make("inner")
        raise SerializationError

    async with db.transaction():
        await make("outer")
        with pytest.raises(SerializationError):
            await fail()
        await make("after")

    assert len(attempts) == 1
    assert await emails(other_connection) == ["after@example.com", "outer@example.com"]


async def test_the_outermost_of_two_transactional_functions_is_retried(db: Database) -> None:
    """The inner one's error passes through to the outer one."""
    ran: list[str] = []

    @db.transactional()
    async def inner() -> None:
        ran.append("inner")
        await make(str(len(ran)))
        if len(ran) < 4:
            raise DeadlockError

    @db.transactional()
    async def outer() -> None:
        ran.append("outer")
        await inner()

    await outer()

    assert ran == ["outer", "inner", "outer", "inner"]
    assert await User.query().count() == 1


async def test_the_decorated_function_keeps_its_name(db: Database) -> None:
    """`functools.wraps`."""

    @db.transactional()
    async def pay() -> None:
        """Pay."""

    assert (pay.__name__, pay.__doc__) == ("pay", "Pay.")


@pytest.mark.backends("postgresql", "mysql")
async def test_two_functions_that_deadlock_both_succeed(db: Database, other_connection: OtherConnection) -> None:
    """The server chooses a victim, which runs again: both payments are counted once."""
    ada, grace = await make("ada", 100), await make("grace", 100)
    meet = asyncio.Barrier(2)
    meetings: list[int] = []

    async def pay(giver: int, taker: int) -> None:
        first = await User.get(giver, lock=True)
        if len(meetings) < 2:
            meetings.append(giver)
            await meet.wait()
        second = await User.get(taker, lock=True)
        await first.update(balance=first.balance - 10)
        await second.update(balance=second.balance + 30)

    await asyncio.gather(
        db.run(lambda: pay(ada.id, grace.id)),
        db.run(lambda: pay(grace.id, ada.id)),
    )

    assert await other_connection.column("SELECT balance FROM users ORDER BY id") == [120, 120]


@pytest.mark.backends("postgresql")
async def test_a_real_serialization_failure_is_retried(db: Database, other_connection: OtherConnection) -> None:
    """Under SERIALIZABLE the function runs again on a new snapshot."""
    user = await make("ada", 100)
    seen: list[int] = []

    @db.transactional(isolation="REPEATABLE READ")
    async def add() -> None:
        row = await User.get(user.id)
        seen.append(row.balance)
        if len(seen) == 1:
            await other_connection.execute("UPDATE users SET balance = 200")
        await row.update(balance=row.balance + 1)

    await add()

    assert seen == [100, 200]
    assert await other_connection.scalar("SELECT balance FROM users") == 201


@pytest.mark.backends("postgresql", "mysql")
async def test_a_lost_commit_is_not_retried(db: Database, backend: Backend, other_connection: OtherConnection) -> None:
    """The function may have been committed: running it again could do it twice."""
    attempts: list[int] = []

    async def work() -> None:
        attempts.append(1)
        await make("ada")
        async with db.scoped_session() as session:  # the session of the unit
            await cut_off(session, backend, other_connection)

    with pytest.raises(CommitUnknownError):
        await db.run(work)

    assert len(attempts) == 1
    assert held(db) == 0
