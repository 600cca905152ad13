"""Failures of the database arrive as the same errors, with model, columns and values, through every driver."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Numeric,
    SmallInteger,
    String,
    UniqueConstraint,
    delete,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.exc import InvalidRequestError, StatementError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from sqlalchemy.pool import AsyncAdaptedQueuePool

from activerow.database.failures.translation import is_fatal, translate, translating
from activerow.errors import (
    ActiveRowError,
    CheckViolationError,
    CommitUnknownError,
    DatabaseError,
    DeadlockError,
    ForeignKeyViolationError,
    InvalidDataError,
    LockTimeoutError,
    NotNullViolationError,
    PoolExhaustedError,
    SaveError,
    StaleRecordError,
    StatementTimeoutError,
    UnavailableError,
    UniqueViolationError,
)
from activerow.types import UTCDateTime
from tests.tools.backends.backend import Backend
from tests.tools.plain import plain_engine


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"
    __table_args__ = (CheckConstraint("age >= 0", name="ck_age"), Index("ix_users_phone", "phone", unique=True))

    id: Mapped[int] = mapped_column(primary_key=True)
    mail: Mapped[str] = mapped_column("email", String(50), unique=True)
    name: Mapped[str] = mapped_column(String(10), default="Ada")
    phone: Mapped[str | None] = mapped_column(String(20))
    age: Mapped[int | None]
    small: Mapped[int | None] = mapped_column(SmallInteger)
    price: Mapped[Decimal | None] = mapped_column(Numeric(4, 2))
    posts: Mapped[list["Post"]] = relationship(back_populates="user", passive_deletes="all")


class Post(Base):
    __tablename__ = "posts"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(50), default="Title")
    author_id: Mapped[int | None] = mapped_column("user_id", ForeignKey("users.id"))
    user: Mapped[User | None] = relationship(back_populates="posts")


class Seat(Base):
    __tablename__ = "seats"
    __table_args__ = (UniqueConstraint("row_no", "number", name="uq_seats"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    row: Mapped[int] = mapped_column("row_no")
    number: Mapped[int]


class Ticket(Base):
    """Refers by two columns, and has a composite key of its own."""

    __tablename__ = "tickets"
    __table_args__ = (ForeignKeyConstraint(["hall", "place"], ["halls.name", "halls.place"], name="fk_hall"),)

    day: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    gate: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    hall: Mapped[str | None] = mapped_column(String(20))
    place: Mapped[int | None]


class Hall(Base):
    __tablename__ = "halls"

    name: Mapped[str] = mapped_column(String(20), primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


class Event(Base):
    __tablename__ = "events"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[Any] = mapped_column(UTCDateTime())


@pytest.fixture
async def engine(backend: Backend) -> AsyncIterator[AsyncEngine]:
    async with plain_engine(backend, Base.metadata) as engine:
        yield engine


Work = Callable[[AsyncSession], Awaitable[object]]


async def failure(
    engine: AsyncEngine, work: Work, operation: str = "flush", model: type | None = User, **values: object
) -> DatabaseError:
    """The error that the work ends with."""
    async with AsyncSession(engine, expire_on_commit=False) as session:
        with pytest.raises(DatabaseError) as caught, translating(operation, model, values):
            await work(session)
    return caught.value


def adding(*rows: object) -> Work:
    """Add the rows and flush them."""

    async def work(session: AsyncSession) -> None:
        session.add_all(rows)
        await session.flush()

    return work


def executing(statement: Any, parameters: Any = None) -> Work:
    async def work(session: AsyncSession) -> None:
        await session.execute(statement, parameters)

    return work


async def stored(engine: AsyncEngine, *rows: object) -> None:
    async with AsyncSession(engine) as session, session.begin():
        session.add_all(rows)


# --- unique ---------------------------------------------------------------------------------------------------------

UNIQUE: dict[str, tuple[Work, str]] = {
    "flush": (adding(User(mail="ada@x.org")), "insert"),
    "insert": (executing(insert(User).values(mail="ada@x.org")), "insert"),
    "insert many": (executing(insert(User), [{"mail": "b@x.org"}, {"mail": "ada@x.org"}]), "insert"),
    "update": (executing(update(User).where(User.mail == "bob@x.org").values(mail="ada@x.org")), "update"),
}


@pytest.mark.parametrize("way", UNIQUE)
async def test_a_taken_value_is_named_with_model_column_and_value(engine: AsyncEngine, way: str) -> None:
    """A unique column is told by its attribute, however the statement was made."""
    await stored(engine, User(mail="ada@x.org"), User(mail="bob@x.org"))
    work, operation = UNIQUE[way]

    error = await failure(engine, work)

    assert isinstance(error, UniqueViolationError)
    assert (error.model, error.columns, error.operation) == ("User", ("mail",), operation)
    assert error.values == {"mail": "ada@x.org"} or (way == "insert many" and not error.values)
    assert "ada@x.org" not in str(error)


async def test_a_composite_unique_constraint_names_all_of_its_attributes(engine: AsyncEngine) -> None:
    """The columns of one constraint arrive together, in its order."""
    await stored(engine, Seat(row=1, number=7))

    error = await failure(engine, adding(Seat(row=1, number=7)), model=Seat)

    assert isinstance(error, UniqueViolationError)
    assert (error.model, error.columns) == ("Seat", ("row", "number"))
    assert error.values == {"row": 1, "number": 7}


async def test_a_taken_primary_key_is_a_unique_violation(engine: AsyncEngine) -> None:
    """A composite primary key is unique like any other, whatever the server calls it."""
    await stored(engine, Ticket(day=1, gate=2))

    error = await failure(engine, executing(insert(Ticket).values(day=1, gate=2)), model=Ticket)

    assert isinstance(error, UniqueViolationError)
    assert (error.columns, error.values) == (("day", "gate"), {"day": 1, "gate": 2})


async def test_a_unique_index_counts_as_a_unique_constraint(engine: AsyncEngine) -> None:
    """The index' column is found by the name of the index."""
    await stored(engine, User(mail="a@x.org", phone="123"))

    error = await failure(engine, adding(User(mail="b@x.org", phone="123")))

    assert isinstance(error, UniqueViolationError)
    assert (error.columns, error.values) == (("phone",), {"phone": "123"})


async def test_an_autoflush_error_is_about_the_row_that_failed(engine: AsyncEngine) -> None:
    """A query for posts that flushes a user says what is wrong with the user."""
    await stored(engine, User(mail="ada@x.org"))

    async def query(session: AsyncSession) -> None:
        session.add(User(mail="ada@x.org"))
        await session.execute(select(Post))

    error = await failure(engine, query, "select", Post, title="Title")

    assert isinstance(error, UniqueViolationError)
    assert (error.model, error.operation, error.columns) == ("User", "insert", ("mail",))
    assert error.values == {"mail": "ada@x.org"}


async def test_the_values_of_another_row_of_the_flush_are_not_blamed(engine: AsyncEngine) -> None:
    """The caller's values belong to its own row; the row that failed has others."""
    await stored(engine, User(mail="ada@x.org"))

    error = await failure(engine, adding(User(mail="new@x.org"), User(mail="ada@x.org")), mail="new@x.org")

    assert isinstance(error, UniqueViolationError)
    assert error.values.get("mail") in {"ada@x.org", None}


# --- foreign keys ---------------------------------------------------------------------------------------------------


async def test_a_missing_parent_is_named_with_the_referring_attribute(engine: AsyncEngine) -> None:
    """On insert the columns are the foreign key's, and the referenced model is its target."""
    error = await failure(engine, adding(Post(author_id=99)), model=Post)

    assert isinstance(error, ForeignKeyViolationError)
    assert (error.model, error.columns, error.values) == ("Post", ("author_id",), {"author_id": 99})
    assert (error.referenced_model, error.referencing_model) == ("User", None)
    assert not error.on_delete


async def test_an_update_to_a_missing_parent_is_not_a_delete(engine: AsyncEngine) -> None:
    """A set-based UPDATE names the same columns as a flush."""
    await stored(engine, Post(id=1))

    error = await failure(engine, executing(update(Post).values(author_id=99)), model=Post)

    assert isinstance(error, ForeignKeyViolationError)
    assert (error.operation, error.columns, error.on_delete) == ("update", ("author_id",), False)
    assert error.values == {"author_id": 99}


@pytest.mark.parametrize("set_based", [False, True])
async def test_a_parent_with_children_cannot_be_deleted(engine: AsyncEngine, set_based: bool) -> None:
    """On delete the row that failed is the parent, and the model of those that refer to it is told."""
    await stored(engine, User(id=1, mail="ada@x.org", posts=[Post()]))

    async def remove(session: AsyncSession) -> None:
        if set_based:
            await session.execute(delete(User))
        else:
            await session.delete(await session.get(User, 1))
            await session.flush()

    error = await failure(engine, remove, "delete")

    assert isinstance(error, ForeignKeyViolationError)
    assert (error.model, error.operation, error.on_delete, error.columns) == ("User", "delete", True, ("id",))
    assert (error.referenced_model, error.referencing_model) == ("User", "Post")


async def test_a_composite_foreign_key_names_all_of_its_attributes(engine: AsyncEngine) -> None:
    """Both columns that together refer to nothing are told."""
    error = await failure(engine, adding(Ticket(day=1, gate=1, hall="North", place=3)), model=Ticket)

    assert isinstance(error, ForeignKeyViolationError)
    assert (error.columns, error.referenced_model) == (("hall", "place"), "Hall")
    assert error.values == {"hall": "North", "place": 3}


@pytest.mark.backends("postgresql")
async def test_a_deferred_constraint_fails_at_the_commit_with_its_model(engine: AsyncEngine) -> None:
    """COMMIT has no statement; the server's own fields say which row is wrong."""

    async def commit(session: AsyncSession) -> None:
        await session.execute(
            text("ALTER TABLE posts ALTER CONSTRAINT posts_user_id_fkey DEFERRABLE INITIALLY DEFERRED")
        )
        await session.execute(insert(Post).values(author_id=99))
        await session.commit()

    error = await failure(engine, commit, "commit", Post)

    assert isinstance(error, ForeignKeyViolationError)
    assert (error.model, error.columns, error.operation) == ("Post", ("author_id",), "commit")
    assert error.referenced_model == "User"


# --- the other constraints ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "work",
    [
        pytest.param(executing(insert(User).values(mail="a@x.org", name=None)), id="null given"),
        pytest.param(executing(text("INSERT INTO users (email) VALUES ('a@x.org')")), id="column left out"),
    ],
)
async def test_a_missing_value_names_its_column(engine: AsyncEngine, work: Work) -> None:
    """NULL and nothing at all are one error, also where the server has two numbers for them."""
    error = await failure(engine, work)

    assert isinstance(error, NotNullViolationError)
    assert (error.model, error.columns, error.values) == ("User", ("name",), {"name": None})


async def test_a_check_names_its_constraint_and_the_columns_in_it(engine: AsyncEngine) -> None:
    """The name is the database's, the columns are those that the condition mentions."""
    error = await failure(engine, adding(User(mail="a@x.org", age=-1)))

    assert isinstance(error, CheckViolationError)
    assert (error.model, error.constraint, error.columns, error.values) == ("User", "ck_age", ("age",), {"age": -1})


INVALID: dict[str, dict[str, Any]] = {
    "too long": {"name": "x" * 11},
    "out of range": {"small": 70000},
    "beyond 64 bits": {"age": 2**63},
    "too many digits": {"price": Decimal("123.45")},
    "text for a number": {"age": "abc"},
}


@pytest.mark.backends("postgresql", "mysql")
@pytest.mark.parametrize("case", INVALID)
async def test_a_value_that_does_not_fit_is_invalid_data(engine: AsyncEngine, case: str) -> None:
    """What a server refuses as too long, out of range or of the wrong type is one class; MySQL names the column."""
    error = await failure(engine, adding(User(mail="a@x.org", **INVALID[case])), **INVALID[case])

    assert type(error) is InvalidDataError
    assert (error.model, error.operation) == ("User", "insert")
    assert error.columns in {(), tuple(INVALID[case])}
    assert "abc" not in str(error)


async def test_half_of_a_surrogate_pair_is_invalid_data(engine: AsyncEngine) -> None:
    """Four drivers let Python's own error through."""
    error = await failure(engine, adding(User(mail="a\ud800")), mail="a\ud800")

    assert isinstance(error, InvalidDataError)
    assert error.model == "User"


@pytest.mark.backends("sqlite")
async def test_an_integer_that_sqlite_cannot_store_is_invalid_data(engine: AsyncEngine) -> None:
    """The driver's OverflowError is one only when it comes from the execution of a statement."""
    error = await failure(engine, adding(User(mail="a@x.org", age=2**63)), age=2**63, name="Ada")

    assert isinstance(error, InvalidDataError)
    assert (error.columns, error.values) == (("age",), {"age": 2**63})
    assert translate(OverflowError("of the program's own"), operation="insert", model=User) is None


@pytest.mark.backends("postgresql")
async def test_a_nul_character_is_invalid_data(engine: AsyncEngine) -> None:
    """psycopg refuses it without a code."""
    error = await failure(engine, adding(User(mail="a\0b")))

    assert isinstance(error, InvalidDataError)


async def test_a_value_that_its_type_cannot_convert_is_invalid_data_of_that_column(engine: AsyncEngine) -> None:
    """A naive datetime is refused before the statement is sent; the column is found by its type."""
    error = await failure(engine, adding(Event(at=dt.datetime(2026, 1, 1))), model=Event)  # noqa: DTZ001

    assert isinstance(error, InvalidDataError)
    assert (error.model, error.columns, error.operation) == ("Event", ("at",), "insert")
    assert "time zone" in str(error)


@pytest.mark.backends("sqlite", "postgresql")
async def test_a_container_is_invalid_data_where_the_driver_has_no_code_for_it(engine: AsyncEngine) -> None:
    """These drivers take no dict for a text, and two of them say so without a code."""
    mail_is = executing(text("SELECT * FROM users WHERE email = :mail"), {"mail": {"a": 1}})

    error = await failure(engine, mail_is, "select")

    assert isinstance(error, InvalidDataError)


# --- everything else ------------------------------------------------------------------------------------------------


async def test_any_other_failure_of_a_read_is_a_database_error(engine: AsyncEngine) -> None:
    """What does not compile is told with the name that is missing; the cause is the driver's error."""
    error = await failure(engine, executing(text("SELECT * FROM nothing_here")), "select", User)

    assert type(error) is DatabaseError
    assert (error.model, error.operation) == ("User", "select")
    assert error.driver_code
    assert "nothing_here" in str(error)
    assert error.__cause__ is not None


async def test_any_other_failure_of_a_write_is_a_save_error(engine: AsyncEngine) -> None:
    """The operation is the statement's, not the one that was asked for."""
    error = await failure(engine, executing(text("INSERT INTO nothing_here (a) VALUES (1)")), "select", User)

    assert type(error) is SaveError
    assert (error.model, error.table, error.operation) == (None, "nothing_here", "insert")


REFUSAL = {
    "sqlite": "CREATE TEMP TRIGGER refuse BEFORE INSERT ON users BEGIN SELECT RAISE(ABORT, 'not this one'); END",
    "postgresql": "DO $$ BEGIN RAISE EXCEPTION 'not this one'; END $$",
    "mysql": "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not this one'",
}


async def test_what_the_database_refuses_by_its_own_code_is_a_save_error(backend: Backend, engine: AsyncEngine) -> None:
    """Triggers and procedures have a code of their own everywhere, and say why."""

    async def refused(session: AsyncSession) -> None:
        await session.execute(text(REFUSAL[backend.dialect]))
        await session.execute(insert(User).values(mail="a@x.org"))

    error = await failure(engine, refused)

    assert type(error) is SaveError
    assert "not this one" in str(error)


async def test_a_class_that_is_not_mapped_is_no_model(engine: AsyncEngine) -> None:
    """A declarative base in the caller's hand does not hide the failure."""
    error = await failure(engine, executing(text("SELECT * FROM nothing_here")), "select", Base)

    assert (type(error), error.model) == (DatabaseError, None)


async def test_a_row_that_someone_deleted_is_stale(engine: AsyncEngine) -> None:
    """An UPDATE that finds no row is the error of that row."""
    await stored(engine, User(id=1, mail="a@x.org"))

    async def change(session: AsyncSession) -> None:
        user = await session.get(User, 1)
        assert user is not None
        await session.execute(delete(User).execution_options(synchronize_session=False))
        user.name = "Grace"
        await session.flush()

    error = await failure(engine, change, "update")

    assert isinstance(error, StaleRecordError)
    assert (error.model, error.operation) == ("User", "update")


LOCK_TIMEOUT = {
    "sqlite": "PRAGMA busy_timeout=100",
    "postgresql": "SET LOCAL lock_timeout = '100ms'",
    "mysql": "SET SESSION innodb_lock_wait_timeout = 1",
}


async def test_a_lock_that_is_held_too_long_is_transient_and_not_fatal(backend: Backend, engine: AsyncEngine) -> None:
    """Only the statement is undone: a savepoint around it would save the transaction."""
    await stored(engine, User(id=1, mail="a@x.org"))
    change = update(User).where(User.id == 1).values(name="Grace")

    async with AsyncSession(engine) as holder, AsyncSession(engine) as waiter:
        await holder.execute(change)
        await waiter.execute(text(LOCK_TIMEOUT[backend.dialect]))
        with pytest.raises(LockTimeoutError) as caught, translating("update", User):
            await waiter.execute(change)

    assert caught.value.model == "User"
    assert not is_fatal(caught.value)


@pytest.mark.backends("postgresql", "mysql")
async def test_a_deadlock_is_fatal(engine: AsyncEngine) -> None:
    """The server ended the whole transaction of the one that lost."""
    await stored(engine, User(id=1, mail="a@x.org"), User(id=2, mail="b@x.org"))

    async def cross(session: AsyncSession, first: int, second: int) -> None:
        for number in (first, second):
            with translating("update", User):
                await session.execute(update(User).where(User.id == number).values(age=first))
            await asyncio.sleep(0.1)

    async with AsyncSession(engine) as one, AsyncSession(engine) as two:
        results = await asyncio.gather(cross(one, 1, 2), cross(two, 2, 1), return_exceptions=True)

    (error,) = [result for result in results if isinstance(result, BaseException)]
    assert isinstance(error, DeadlockError)
    assert is_fatal(error)
    assert error.__cause__ is not None
    assert is_fatal(error.__cause__)


@pytest.mark.backends("postgresql", "mysql")
async def test_a_lost_connection_is_unavailable_and_fatal(backend: Backend, engine: AsyncEngine) -> None:
    """Every driver has its own way to say that the server hung up."""
    who, kill = {
        "postgresql": ("SELECT pg_backend_pid()", "SELECT pg_terminate_backend({})"),
        "mysql": ("SELECT connection_id()", "KILL {}"),
    }[backend.dialect]

    async with AsyncSession(engine) as session, AsyncSession(engine) as other:
        number = await session.scalar(text(who))
        await other.execute(text(kill.format(number)))
        await asyncio.sleep(0.05)
        with pytest.raises(UnavailableError) as caught, translating("select", User):
            await session.execute(select(User))

    assert is_fatal(caught.value)


@pytest.mark.backends("postgresql", "mysql")
async def test_a_commit_on_a_lost_connection_is_unknown(backend: Backend, engine: AsyncEngine) -> None:
    """Nobody can tell whether COMMIT arrived: an error of its own, which is no UnavailableError."""
    who, kill = {
        "postgresql": ("SELECT pg_backend_pid()", "SELECT pg_terminate_backend({})"),
        "mysql": ("SELECT connection_id()", "KILL {}"),
    }[backend.dialect]

    async with AsyncSession(engine) as session, AsyncSession(engine) as other:
        await session.execute(insert(User).values(mail="a@x.org"))
        await other.execute(text(kill.format(await session.scalar(text(who)))))
        await asyncio.sleep(0.05)
        with pytest.raises(CommitUnknownError) as caught, translating("commit"):
            await session.commit()

    assert is_fatal(caught.value)


@pytest.mark.backends("postgresql", "mysql")
async def test_a_statement_that_the_server_stops_timed_out(backend: Backend, engine: AsyncEngine) -> None:
    """The server's own limit on statements is an error of its own."""
    slow = {
        "postgresql": ("SET statement_timeout = '50ms'", "SELECT pg_sleep(5)"),
        "mysql": ("SET max_statement_time = 0.05", "SELECT sleep(5) FROM information_schema.tables"),
    }[backend.dialect]

    async with AsyncSession(engine) as session:
        await session.execute(text(slow[0]))
        with pytest.raises(StatementTimeoutError), translating("select"):
            await session.execute(text(slow[1]))


@pytest.mark.backends("postgresql", "mysql")
@pytest.mark.parametrize("operation", ["connect", "select"])
@pytest.mark.parametrize("change", [{"port": 1}, {"database": "no_such_database"}, {"host": "no-such-host.invalid"}])
async def test_a_server_that_cannot_be_reached_is_unavailable(
    engine: AsyncEngine, operation: str, change: dict[str, Any]
) -> None:
    """Connecting fails alike through every driver, also when it is the first statement that connects."""
    elsewhere = create_async_engine(engine.url.set(**change))

    with pytest.raises(UnavailableError) as caught, translating(operation, User):
        async with elsewhere.connect():
            pass

    assert type(caught.value) is UnavailableError
    assert caught.value.operation == "connect"
    assert caught.value.reason
    await elsewhere.dispose()


@pytest.mark.backends("sqlite")
async def test_a_file_that_cannot_be_opened_is_unavailable() -> None:
    """SQLite's way to be out of reach."""
    elsewhere = create_async_engine("sqlite+aiosqlite:////no/such/folder/app.db")

    with pytest.raises(UnavailableError), translating("select"):
        async with elsewhere.connect():
            pass

    await asyncio.sleep(0.05)  # the driver's thread answers once more after it failed


async def test_a_pool_without_a_free_connection_is_exhausted(engine: AsyncEngine) -> None:
    """SQLAlchemy's own TimeoutError has no code and is told apart by being SQLAlchemy's."""
    small = create_async_engine(
        engine.url, poolclass=AsyncAdaptedQueuePool, pool_size=1, max_overflow=0, pool_timeout=0.05
    )

    async with small.connect():
        with pytest.raises(PoolExhaustedError) as caught, translating("select", User):
            async with small.connect():
                pass

    assert caught.value.holders == ()
    await small.dispose()


# --- what passes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [
        TimeoutError("a driver's class, raised elsewhere"),
        ConnectionRefusedError(),
        UnicodeEncodeError("utf-8", "x", 0, 1, "of a file"),
        ValueError(),
        InvalidRequestError("a wrong use of SQLAlchemy"),
        StatementError("no value", "SELECT :a", {}, InvalidRequestError("a value is required")),
        asyncio.CancelledError(),
        UniqueViolationError(model="User"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_of_the_program_pass(error: BaseException) -> None:
    """What no driver raised is no failure of the database, whatever class it has."""
    assert translate(error, operation="select", model=User) is None


@pytest.mark.backends("postgresql", "mysql")
async def test_a_timeout_of_the_program_around_a_statement_passes(backend: Backend, engine: AsyncEngine) -> None:
    """`asyncio.timeout` raises the same class as a driver that gives up; only the place tells them apart."""
    sleep = text({"postgresql": "SELECT pg_sleep(2)", "mysql": "SELECT sleep(2)"}[backend.dialect])

    async with AsyncSession(engine) as session:
        with pytest.raises(TimeoutError) as caught, translating("select", User):
            async with asyncio.timeout(0.05):
                await session.execute(sleep)

    assert not isinstance(caught.value, ActiveRowError)


@pytest.mark.backends("asyncpg")
async def test_a_timeout_of_the_driver_is_a_statement_timeout(engine: AsyncEngine) -> None:
    """asyncpg's command timeout is the builtin class, without SQLAlchemy's wrapping."""
    hasty = create_async_engine(engine.url, connect_args={"command_timeout": 0.05})

    async with hasty.connect() as connection:
        with pytest.raises(StatementTimeoutError), translating("select"):
            await connection.execute(text("SELECT pg_sleep(2)"))

    await hasty.dispose()
