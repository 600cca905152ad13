"""One record for each statement that is sent: who hears of it, what it says, the logger and the budget fed by it."""

import asyncio
import inspect
import logging
from collections.abc import Iterator

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from activerow import Database, events
from activerow.errors import UniqueViolationError, UsageError
from activerow.events import Statement
from tests.models.units import Base, Post, User
from tests.tools.backends.active import MakeDatabase


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    return await make_database(Base)


@pytest.fixture
def heard(db: Database) -> Iterator[list[Statement]]:
    """The queries that were sent; how a transaction begins and ends differs between servers."""
    found: list[Statement] = []

    def note(statement: Statement) -> None:
        if statement.is_query:
            found.append(statement)

    events.on_statement(note)
    yield found
    events.ignore_statements(note)


def told(statement: Statement) -> tuple[str, type | None, int | None]:
    return statement.operation, statement.model, statement.rows


def line_here() -> int:
    frame = inspect.currentframe()
    assert frame is not None
    assert frame.f_back is not None
    return frame.f_back.f_lineno


# -- what it says ------------------------------------------------------------------------------------------------------


async def test_each_statement_is_told_with_its_model_rows_and_line(db: Database, heard: list[Statement]) -> None:
    ada, line = await User.create(email="ada@example.com"), line_here()
    await User.filter_by(email="ada@example.com").all()
    await Post.filter_by(title="none").all()
    await ada.update(name="Ada")
    reads = [statement for statement in heard if statement.operation == "select"]
    await ada.delete()

    writes = [statement for statement in heard if statement.operation != "select"]
    assert [told(statement) for statement in reads] == [("select", User, 1), ("select", Post, 0)]
    assert [told(statement) for statement in writes] == [("insert", User, 1), ("update", User, 1), ("delete", User, 1)]
    assert (writes[0].site.path, writes[0].site.line, writes[0].site.function) == (
        __file__,
        line,
        "test_each_statement_is_told_with_its_model_rows_and_line",
    )
    assert all(statement.duration > 0 and statement.engine is db.engine.sync_engine for statement in heard)
    assert "ada@example.com" not in "".join(statement.sql + str(statement) for statement in heard)


async def test_statements_past_activerow_are_told(db: Database, heard: list[Statement]) -> None:
    """Of the raw session and of the engine, mapped or not, with the line that sent them."""
    async with db.transaction() as session:
        (await session.execute(select(User))).all()
        await session.execute(text("DELETE FROM users WHERE id = 7"))
    async with db.engine.connect() as connection:
        line = line_here() + 1
        await connection.execute(text("SELECT 1"))

    assert [told(statement) for statement in heard] == [("select", User, 0), ("delete", User, 0), ("select", None, 1)]
    assert heard[-1].site.line == line


async def test_a_bulk_write_is_told_with_its_sets(db: Database, heard: list[Statement]) -> None:
    async with db.transaction() as session:
        await session.execute(
            text("INSERT INTO users (email, balance) VALUES (:email, 0)"), [{"email": f"{n}@x.y"} for n in range(3)]
        )
    await User.create_many({"email": f"{n}@example.com"} for n in range(150))

    first, *others = (statement for statement in heard if statement.operation != "select")
    assert (first.operation, first.model, first.sets) == ("insert", User, 3)
    assert {statement.model for statement in others} <= {User, None}
    assert {statement.operation for statement in others} <= {"insert", "copy"}


async def test_a_refused_statement_is_told_with_its_error(db: Database, heard: list[Statement]) -> None:
    await User.create(email="ada@example.com")
    with pytest.raises(UniqueViolationError):
        await User.create(email="ada@example.com")

    *_, refused = heard
    assert (refused.operation, refused.model, refused.rows) == ("insert", User, None)
    assert refused.error is not None
    assert f"failed ({type(refused.error).__name__})" in str(refused)


async def test_a_task_without_a_caller_is_named(db: Database, heard: list[Statement]) -> None:
    task = asyncio.create_task(User.query().count(), name="counting")
    await task

    assert str(heard[0].site) == "task 'counting'"


async def test_a_stream_is_told_when_it_begins(db: Database, heard: list[Statement]) -> None:
    for n in range(3):
        await User.create(email=f"{n}@example.com")
    heard.clear()
    emails = [user.email async for user in User.order_by("id").stream(batch=2)]

    assert (len(emails), heard[0].model, heard[0].operation) == (3, User, "select")


# -- who hears of it ---------------------------------------------------------------------------------------------------


async def test_a_listener_that_fails_harms_nobody(
    db: Database, heard: list[Statement], caplog: pytest.LogCaptureFixture
) -> None:
    def fail(statement: Statement) -> None:
        raise RuntimeError("not today")

    events.on_statement(fail)
    try:
        await User.create(email="ada@example.com")
    finally:
        events.ignore_statements(fail)

    assert await User.query().count() == 1
    assert [record.message for record in caplog.records if record.exc_info] == [
        f"a listener to statements failed: {fail!r}"
    ] * len([record for record in caplog.records if record.exc_info])
    assert any(record.exc_info for record in caplog.records)


async def test_a_listener_is_called_once_and_no_longer_than_it_wants(db: Database, heard: list[Statement]) -> None:
    events.on_statement(heard.append)
    events.on_statement(heard.append)
    await User.query().count()
    events.ignore_statements(heard.append)
    await User.query().count()

    assert len([statement for statement in heard if statement.operation == "select"]) == 3
    with pytest.raises(UsageError, match="does not listen"):
        events.ignore_statements(heard.append)


def test_an_async_listener_is_refused() -> None:
    async def listen(statement: Statement) -> None: ...

    class Listener:
        async def __call__(self, statement: Statement) -> None: ...

    for function in (listen, Listener()):
        with pytest.raises(UsageError, match="is async"):
            events.on_statement(function)


# -- the logger --------------------------------------------------------------------------------------------------------


async def test_the_logger_tells_each_statement_at_debug(db: Database, caplog: pytest.LogCaptureFixture) -> None:
    await User.query().count()
    with caplog.at_level(logging.DEBUG, "activerow.sql"):
        await User.filter_by(email="ada@example.com").all()

    records = [record for record in caplog.records if record.name == "activerow.sql"]
    (line,) = [record.getMessage() for record in records if record.getMessage().startswith("select")]
    assert line.startswith("select User, ")
    assert ", 0 rows, " in line
    assert "in test_the_logger_tells_each_statement_at_debug: SELECT users" in line
    assert "ada@example.com" not in line


async def test_the_logger_warns_of_slow_statements(
    make_database: MakeDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    """Also while nobody subscribed, and of statements that the server refused."""
    await make_database(Base, slow_query=0)
    await User.create(email="ada@example.com")
    caplog.clear()
    with pytest.raises(UniqueViolationError):
        await User.create(email="ada@example.com")

    warnings = [record.getMessage() for record in caplog.records if record.name == "activerow.sql"]
    assert {record.levelname for record in caplog.records if record.name == "activerow.sql"} == {"WARNING"}
    assert any(line.startswith("slow: insert User, ") and ", failed (" in line for line in warnings)


async def test_fast_statements_are_no_warning(make_database: MakeDatabase, caplog: pytest.LogCaptureFixture) -> None:
    await make_database(Base, slow_query=3600)
    await User.create(email="ada@example.com")

    assert [record for record in caplog.records if record.name == "activerow.sql"] == []


# -- the budget --------------------------------------------------------------------------------------------------------


async def test_a_budget_that_is_kept(db: Database) -> None:
    with db.expect_queries(2) as sent:
        await asyncio.gather(User.query().count(), Post.query().count())
    assert {statement.model for statement in sent} == {User, Post}
    with db.expect_queries(at_most=2):
        await User.query().count()
    with db.expect_queries(0):
        pass
    async with db.transaction():
        with db.expect_queries(1):
            async with db.transaction():
                await User.query().count()


@pytest.mark.parametrize(("exactly", "at_most", "allowed"), [(2, None, "2"), (None, 0, "at most 0"), (0, None, "0")])
async def test_a_budget_that_is_not_kept(db: Database, exactly: int | None, at_most: int | None, allowed: str) -> None:
    """Too many and too few; the message says which and from where."""
    with pytest.raises(AssertionError) as caught, db.expect_queries(exactly, at_most=at_most):
        await User.query().count()

    first, line = str(caught.value).splitlines()
    assert first == f"expected {allowed} queries, 1 were sent"
    assert line.startswith("  1. select User, ")
    assert "in test_a_budget_that_is_not_kept: SELECT count" in line


async def test_an_error_in_the_block_is_not_replaced(db: Database) -> None:
    await User.create(email="ada@example.com")
    with pytest.raises(IntegrityError), db.expect_queries(7):
        async with db.transaction() as session:
            await session.execute(text("INSERT INTO users (email, balance) VALUES ('ada@example.com', 0)"))


async def test_other_databases_do_not_count(make_database: MakeDatabase) -> None:
    other, db = await make_database(Base), await make_database(Base)
    with other.expect_queries(0), db.expect_queries(1):
        await User.query().count()


@pytest.mark.parametrize(("exactly", "at_most"), [(None, None), (1, 1)])
async def test_a_budget_names_one_number(db: Database, exactly: int | None, at_most: int | None) -> None:
    with pytest.raises(UsageError, match="say how many"), db.expect_queries(exactly, at_most=at_most):
        pass
