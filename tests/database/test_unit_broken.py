"""A failed statement breaks its unit: no half of a transaction is committed, whatever the server would allow."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
from sqlalchemy import bindparam, event, insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from activerow import Database
from activerow.errors import (
    DatabaseError,
    DeadlockError,
    InvalidDataError,
    MultipleRecordsError,
    NestedCommitError,
    RecordNotFoundError,
    SerializationError,
    TransactionBrokenError,
    UnavailableError,
    UniqueViolationError,
    UnknownFieldError,
    UsageError,
)
from tests.models.units import Base, Post, User, cut_off, emails, held
from tests.tools.backends.active import MakeDatabase
from tests.tools.backends.backend import Backend
from tests.tools.backends.plugin import OtherConnection

Try = Callable[[AsyncSession], Awaitable[object]]


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """A database with users and posts."""
    return await make_database(Base)


async def make(name: str) -> User:
    return await User.create(email=f"{name}@example.com")


# -- the next call, and the end --------------------------------------------------------------------------------------


async def test_the_call_after_a_failed_one_is_refused(db: Database) -> None:
    """It raises `TransactionBrokenError`, which carries the first error and says how to go on."""
    with pytest.raises(TransactionBrokenError):
        async with db.transaction():
            await make("ada")
            with pytest.raises(UniqueViolationError) as first:
                await make("ada")
            with pytest.raises(TransactionBrokenError, match=r"nested `async with db.transaction\(\):`") as second:
                await make("grace")
            assert second.value.first_error is first.value
            assert second.value.__cause__ is first.value


async def test_a_swallowed_error_is_not_committed(db: Database, other_connection: OtherConnection) -> None:
    """A block that goes on after an error as if nothing had happened stores nothing, and says so at its end."""
    with pytest.raises(TransactionBrokenError) as caught:
        async with db.transaction():
            await make("first")
            with pytest.raises(UniqueViolationError):
                await make("first")

    assert isinstance(caught.value.first_error, UniqueViolationError)
    assert await emails(other_connection) == []


async def test_an_error_that_leaves_the_block_passes_unchanged(db: Database, other_connection: OtherConnection) -> None:
    """The caller of the block sees the very error that ended it."""
    error = KeyError("mine")

    with pytest.raises(KeyError) as caught:
        async with db.transaction():
            await make("ada")
            raise error

    assert caught.value is error
    assert await emails(other_connection) == []


async def test_a_broken_unit_gives_its_connection_back_at_once(db: Database) -> None:
    """What is left of the block runs without a connection."""
    with pytest.raises(TransactionBrokenError):
        async with db.transaction():
            await make("ada")
            with pytest.raises(UniqueViolationError):
                await make("ada")
            assert held(db) == 0
            assert db.connections() == ()


async def test_a_failing_child_breaks_the_unit_for_its_siblings(
    db: Database, other_connection: OtherConnection
) -> None:
    """One error among 50 calls of a `gather`, and none of them is stored."""
    done: list[User | BaseException] = []

    with pytest.raises(TransactionBrokenError):
        async with db.transaction():
            await make("7")
            done += await asyncio.gather(*(make(str(number)) for number in range(50)), return_exceptions=True)

    errors = [error for error in done if isinstance(error, BaseException)]
    assert sum(isinstance(error, UniqueViolationError) for error in errors) == 1
    assert all(isinstance(error, UniqueViolationError | TransactionBrokenError) for error in errors)
    assert await emails(other_connection) == []


# -- any statement, also a raw one -----------------------------------------------------------------------------------


async def add_and_flush(session: AsyncSession) -> None:
    session.add(User(email="ada@example.com"))
    await session.flush()


async def insert_in_sync_code(session: AsyncSession) -> object:
    return await session.run_sync(lambda sync: sync.execute(insert(User).values(email="ada@example.com", balance=0)))


async def insert_on_the_connection(session: AsyncSession) -> object:
    connection = await session.connection()
    return await connection.execute(insert(User).values(email="ada@example.com", balance=0))


RAW: list[Try] = [
    lambda session: session.execute(insert(User).values(email="ada@example.com", balance=0)),
    lambda session: session.execute(text("INSERT INTO users (email, balance) VALUES ('ada@example.com', 0)")),
    add_and_flush,
    insert_in_sync_code,
    insert_on_the_connection,
]


@pytest.mark.parametrize("attempt", RAW, ids=["insert", "text", "flush", "run_sync", "connection"])
async def test_a_failed_raw_statement_breaks_the_unit(
    db: Database, other_connection: OtherConnection, attempt: Try
) -> None:
    """The raw session raises SQLAlchemy's class; what the unit tells afterwards is the error of activerow."""
    with pytest.raises(TransactionBrokenError) as caught:
        async with db.transaction() as session:
            await make("ada")
            with pytest.raises(IntegrityError):
                await attempt(session)
            with pytest.raises(TransactionBrokenError):
                await make("grace")

    assert isinstance(caught.value.first_error, UniqueViolationError)
    assert caught.value.first_error.columns == ("email",)
    assert await emails(other_connection) == []


async def test_a_failed_read_breaks_the_unit(db: Database, other_connection: OtherConnection) -> None:
    """PostgreSQL would refuse the next statement, the others would not: here it is the same on all."""
    with pytest.raises(TransactionBrokenError) as caught:
        async with db.transaction() as session:
            await make("ada")
            with pytest.raises(DBAPIError):
                await session.execute(text("SELECT * FROM nowhere"))

    assert isinstance(caught.value.first_error, DatabaseError)
    assert await emails(other_connection) == []


CALLS: dict[str, Try] = {
    "execute": lambda session: session.execute(select(User)),
    "scalar": lambda session: session.scalar(text("SELECT 1")),
    "get": lambda session: session.get(User, 1),
    "run_sync": lambda session: session.run_sync(lambda sync: sync.execute(select(User))),
    "connection": lambda session: session.connection(),
    "flush": add_and_flush,
}


@pytest.mark.parametrize("call", CALLS)
async def test_a_raw_call_in_a_broken_unit_is_refused(db: Database, call: str) -> None:
    """No statement gets past a broken unit, so none of them can be committed alone."""
    with pytest.raises(UniqueViolationError):
        async with db.transaction() as session:
            await make("ada")
            try:
                await make("ada")
            except UniqueViolationError:
                with pytest.raises(TransactionBrokenError):
                    await CALLS[call](session)
                raise


def swallow(session: Session) -> None:
    """Synchronous code that goes on after an error."""
    with suppress(IntegrityError):
        session.execute(insert(User).values(email="ada@example.com", balance=0))
    session.execute(insert(User).values(email="grace@example.com", balance=0))


async def test_synchronous_code_cannot_go_on_either(db: Database, other_connection: OtherConnection) -> None:
    """The statement after the failed one is refused within the same `run_sync`."""
    with pytest.raises(TransactionBrokenError) as caught:
        async with db.transaction() as session:
            await make("ada")
            with pytest.raises(TransactionBrokenError):
                await session.run_sync(swallow)

    assert isinstance(caught.value.first_error, UniqueViolationError)
    assert await emails(other_connection) == []


async def test_a_rollback_by_hand_after_an_error_does_not_hide_it(
    db: Database, other_connection: OtherConnection
) -> None:
    """`except: await session.rollback(); raise`, as written around plain sessions, raises what it caught."""
    with pytest.raises(IntegrityError):
        async with db.transaction() as session:
            await make("ada")
            try:
                await session.execute(insert(User).values(email="ada@example.com", balance=0))
            except IntegrityError:
                await session.rollback()
                raise

    assert await emails(other_connection) == []


# -- autoflush -------------------------------------------------------------------------------------------------------


QUERIES: list[Callable[[], Awaitable[object]]] = [
    lambda: Post.query().all(),
    lambda: Post.filter_by(title="x").exists(),
    lambda: Post.query().first(),
    lambda: Post.filter_by(title="x").update(title="y"),
]


@pytest.mark.parametrize("query", QUERIES, ids=["all", "exists", "first", "update"])
async def test_an_autoflush_error_names_the_row_that_failed(
    db: Database, query: Callable[[], Awaitable[object]]
) -> None:
    """It is the `SaveError` of the row that was added before, not one of the query that triggered the flush."""
    errors: list[UniqueViolationError] = []

    with pytest.raises(TransactionBrokenError) as end:
        async with db.transaction() as session:
            await make("ada")
            session.add(User(email="ada@example.com"))
            with pytest.raises(UniqueViolationError) as caught:
                await query()
            errors.append(caught.value)

    assert end.value.first_error is errors[0]
    assert (errors[0].model, errors[0].operation, errors[0].columns) == ("User", "insert", ("email",))


async def test_an_autoflush_error_in_a_write_names_the_row_that_failed(db: Database) -> None:
    """A `create` that flushes somebody else's row first does not take the blame."""
    with pytest.raises(UniqueViolationError) as caught:
        async with db.transaction() as session:
            user = await make("ada")
            session.add(User(email="ada@example.com"))
            await Post.create(title="innocent", user=user)

    assert (caught.value.model, caught.value.operation) == ("User", "insert")


async def test_what_is_flushed_by_the_end_fails_as_an_error_of_its_row(
    db: Database, other_connection: OtherConnection
) -> None:
    """A row added by hand and first written by the commit is told like any other row."""
    with pytest.raises(UniqueViolationError) as caught:
        async with db.transaction() as session:
            await make("ada")
            session.add(User(email="ada@example.com"))

    assert (caught.value.model, caught.value.columns) == ("User", ("email",))
    assert await emails(other_connection) == []


# -- what does not break a unit --------------------------------------------------------------------------------------


async def commit_in_the_middle(_session: AsyncSession) -> object:
    return await User.create(email="x@example.com", auto_commit=True)


async def update_with_a_long_name(_session: AsyncSession) -> object:
    user = await User.get(email="ada@example.com")
    return await user.update(name="x" * 21)


async def update_with_a_bad_relative(_session: AsyncSession) -> object:
    user = await User.get(email="ada@example.com")
    return await user.update(name="x", posts=Post(title=5))


async def save_a_bad_relative(_session: AsyncSession) -> object:
    return await Post(title="x", user=User(email="x@example.com", name="x" * 21)).save()


HARMLESS: list[tuple[Try, type[Exception]]] = [
    (lambda _: User.create(email="x@example.com", nmae="x"), UnknownFieldError),
    (lambda _: User.create(email="x@example.com", name="x" * 21), InvalidDataError),
    (lambda _: User.create(email="x@example.com", posts=[Post(title=5)]), InvalidDataError),
    (update_with_a_long_name, InvalidDataError),
    (update_with_a_bad_relative, InvalidDataError),
    (save_a_bad_relative, InvalidDataError),
    (lambda _: User.filter_by(nmae="x").all(), UnknownFieldError),
    (commit_in_the_middle, NestedCommitError),
    (lambda session: session.commit(), NestedCommitError),
    (lambda _: User.get(-1), RecordNotFoundError),
    (lambda _: User.filter_by(balance=0).one(), MultipleRecordsError),
    (lambda session: session.execute(select(User).where(User.id == bindparam("missing"))), StatementError),
]


@pytest.mark.parametrize(
    ("attempt", "error"),
    HARMLESS,
    ids=[
        *(
            "unknown column",
            "too long",
            "bad relative",
            "long update",
            "bad update",
            "bad parent",
            "unknown lookup",
            "auto_commit",
            "commit",
        ),
        *("not found", "not one", "missing parameter"),
    ],
)
async def test_an_error_found_before_a_statement_is_sent_breaks_nothing(
    db: Database, other_connection: OtherConnection, attempt: Try, error: type[Exception]
) -> None:
    """The program can catch it and go on, and all it did otherwise is committed."""
    async with db.transaction() as session:
        await make("ada")
        await make("grace")
        with pytest.raises(error):
            await attempt(session)
        await make("last")

    assert await emails(other_connection) == ["ada@example.com", "grace@example.com", "last@example.com"]
    assert await other_connection.scalar("SELECT count(name) FROM users") == 0


# -- savepoints ------------------------------------------------------------------------------------------------------


async def test_a_nested_block_is_rolled_back_alone(db: Database, other_connection: OtherConnection) -> None:
    """An error that leaves a nested block undoes that block; the transaction around it goes on."""
    async with db.transaction():
        await make("first")
        with pytest.raises(UniqueViolationError):
            async with db.transaction():
                await make("second")
                await make("first")
        await make("third")

    assert await emails(other_connection) == ["first@example.com", "third@example.com"]


async def test_a_swallowed_error_breaks_the_nested_block_alone(db: Database, other_connection: OtherConnection) -> None:
    """Inside, the next call and the end are refused; outside, the transaction is whole."""
    async with db.transaction():
        await make("first")
        with pytest.raises(TransactionBrokenError) as caught:
            async with db.transaction():
                await make("second")
                with pytest.raises(UniqueViolationError):
                    await make("first")
                with pytest.raises(TransactionBrokenError):
                    await make("third")
        await make("fourth")

    assert isinstance(caught.value.first_error, UniqueViolationError)
    assert await emails(other_connection) == ["first@example.com", "fourth@example.com"]


async def test_a_raw_error_breaks_the_nested_block_alone(db: Database, other_connection: OtherConnection) -> None:
    """The savepoint protects from the errors of the raw session too, and its end tells them in activerow's words."""
    async with db.transaction() as session:
        await make("first")
        with pytest.raises(TransactionBrokenError) as caught:
            async with db.transaction():
                with pytest.raises(IntegrityError):
                    await session.execute(insert(User).values(email="first@example.com", balance=0))
        await make("last")

    assert isinstance(caught.value.first_error, UniqueViolationError)
    assert await emails(other_connection) == ["first@example.com", "last@example.com"]


async def test_a_flush_that_fails_at_the_end_of_a_nested_block_undoes_it_alone(
    db: Database, other_connection: OtherConnection
) -> None:
    """RELEASE writes what was added by hand; when that fails the savepoint is rolled back, not the transaction."""
    async with db.transaction() as session:
        await make("first")
        with pytest.raises(UniqueViolationError):
            async with db.transaction():
                await make("second")
                session.add(User(email="first@example.com"))
        await make("last")

    assert await emails(other_connection) == ["first@example.com", "last@example.com"]


async def test_the_innermost_block_that_is_left_whole_counts(db: Database, other_connection: OtherConnection) -> None:
    """Two savepoints deep, the error may be caught around either of them."""
    async with db.transaction():
        await make("first")
        with pytest.raises(UniqueViolationError):
            async with db.transaction():
                await make("second")
                async with db.transaction():
                    await make("third")
                    await make("first")
        async with db.transaction():
            await make("fourth")
            with pytest.raises(UniqueViolationError):
                async with db.transaction():
                    await make("first")
            await make("fifth")

    assert await emails(other_connection) == ["fifth@example.com", "first@example.com", "fourth@example.com"]


async def test_get_or_create_protects_itself(db: Database, other_connection: OtherConnection) -> None:
    """Another constraint than the one asked for is an error of the call, not the end of the transaction."""
    user = await make("ada")

    async with db.transaction():
        with pytest.raises(UniqueViolationError):
            await User.get_or_create({"email": "grace@example.com"}, {"id": user.id})
        with pytest.raises(UniqueViolationError):
            await User.update_or_create({"email": "grace@example.com"}, {"id": user.id})
        await make("last")

    assert await emails(other_connection) == ["ada@example.com", "last@example.com"]


# -- what a savepoint does not protect from --------------------------------------------------------------------------


async def cross(db: Database, first: User, second: User, meet: asyncio.Barrier) -> None:
    """Change two rows, the second in a savepoint, after the other task changed that one: somebody must lose."""
    async with db.transaction():
        await User.where(User.id == first.id).update(balance=1)
        await meet.wait()
        try:
            async with db.transaction():
                await User.where(User.id == second.id).update(balance=1)
        except DeadlockError:
            await make("never")  # as if nothing had happened


@pytest.mark.backends("postgresql", "mysql")
async def test_a_deadlock_inside_a_savepoint_breaks_the_outermost_unit(
    db: Database, other_connection: OtherConnection
) -> None:
    """MySQL has rolled everything back by then, so nothing the victim did may count, on PostgreSQL neither."""
    ada, grace, meet = await make("ada"), await make("grace"), asyncio.Barrier(2)

    done = await asyncio.gather(cross(db, ada, grace, meet), cross(db, grace, ada, meet), return_exceptions=True)

    (error,) = [outcome for outcome in done if outcome is not None]
    assert isinstance(error, TransactionBrokenError)
    assert isinstance(error.first_error, DeadlockError)
    assert await other_connection.column("SELECT balance FROM users") == [1, 1]
    assert len(await emails(other_connection)) == 2


@pytest.mark.backends("postgresql")
async def test_a_serialization_failure_inside_a_savepoint_breaks_the_outermost_unit(
    db: Database, other_connection: OtherConnection
) -> None:
    """A newer snapshot needs a new transaction; a new savepoint would not help."""
    user = await make("ada")

    with pytest.raises(TransactionBrokenError) as caught:
        async with db.transaction(isolation="REPEATABLE READ"):
            assert await User.filter_by(balance=0).count() == 1
            await other_connection.execute("UPDATE users SET balance = 7")
            with pytest.raises(SerializationError):
                async with db.transaction():
                    await User.where(User.id == user.id).update(balance=1)

    assert isinstance(caught.value.first_error, SerializationError)
    assert await other_connection.scalar("SELECT balance FROM users") == 7


@pytest.mark.backends("postgresql", "mysql")
async def test_a_lost_connection_inside_a_savepoint_breaks_the_outermost_unit(
    db: Database, backend: Backend, other_connection: OtherConnection
) -> None:
    """What was done on that connection is gone, and a new connection must not take the rest."""
    with pytest.raises(TransactionBrokenError) as caught:
        async with db.transaction() as session:
            await make("first")
            with pytest.raises(UnavailableError):
                async with db.transaction():
                    await cut_off(session, backend, other_connection)
                    await make("second")
            with pytest.raises(TransactionBrokenError):
                await make("third")

    assert isinstance(caught.value.first_error, UnavailableError)
    assert await emails(other_connection) == []
    assert held(db) == 0


@pytest.mark.backends("postgresql", "mysql")
async def test_a_failing_rollback_does_not_hide_the_first_error(
    db: Database, backend: Backend, other_connection: OtherConnection, caplog: pytest.LogCaptureFixture
) -> None:
    """The block is left by the program's error although the connection was lost meanwhile."""
    with pytest.raises(ValueError, match="mine"):
        async with db.transaction() as session:
            await make("first")
            await cut_off(session, backend, other_connection)
            raise ValueError("mine")

    assert held(db) == 0
    assert (await make("after")).id


async def test_a_refused_rollback_does_not_hide_the_first_error(db: Database) -> None:
    """The same with an error that ROLLBACK itself meets, in the unit and in a savepoint."""

    def refuse(*_: object) -> None:
        raise DBAPIError("ROLLBACK", {}, Exception("refused"))

    event.listen(db.engine.sync_engine, "rollback_savepoint", refuse)

    with pytest.raises(ValueError, match="mine"):
        async with db.transaction():
            await make("first")
            async with db.transaction():
                raise ValueError("mine")


# -- other ends ------------------------------------------------------------------------------------------------------


async def test_a_session_that_is_rolled_back_by_hand_breaks_the_unit(
    db: Database, other_connection: OtherConnection
) -> None:
    """What comes after `session.rollback()` must not be committed without what came before it."""
    with pytest.raises(TransactionBrokenError) as caught:
        async with db.transaction() as session:
            await make("first")
            await session.rollback()
            with pytest.raises(TransactionBrokenError):
                await make("second")

    assert isinstance(caught.value.first_error, UsageError)
    assert await emails(other_connection) == []
