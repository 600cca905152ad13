"""What SQLite needs of its connections."""

import asyncio
import contextlib
import gc
import sqlite3
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import event, make_url, text
from sqlalchemy.exc import DBAPIError

from activerow import Database
from activerow.database.engine.sqlite_setup import is_in_memory
from activerow.database.execution.scope import RequestScope
from activerow.database.failures.statement_text import is_read
from activerow.errors import UsageError
from tests.models.bookshop import Author, Base, Undo
from tests.tools.backends.active import MakeDatabase

pytestmark = pytest.mark.backends("sqlite")

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    return await make_database(Base)


@contextmanager
def begun(db: Database) -> Generator[list[str], None, None]:
    """How the transactions of the block begin."""
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("BEGIN"):
            statements.append(statement)

    event.listen(db.engine.sync_engine, "before_cursor_execute", note)
    yield statements
    event.remove(db.engine.sync_engine, "before_cursor_execute", note)


async def pragma(db: Database, name: str) -> object:
    async with db.engine.connect() as connection:
        return await connection.scalar(text(f"PRAGMA {name}"))


# --- connections ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"), [("journal_mode", "wal"), ("foreign_keys", 1), ("busy_timeout", 5000), ("synchronous", 1)]
)
async def test_every_connection_is_set_up(db: Database, name: str, value: object) -> None:
    """Write-ahead log, foreign keys that are checked, and patience with other writers."""
    assert [await pragma(db, name), await pragma(db, name)] == [value, value]


async def test_a_hundred_writers_take_turns(db: Database) -> None:
    """Nobody is told that the database is locked."""
    ada = await Author.create(email="ada@example.com")

    async def visit() -> None:
        async with db.transaction():
            author = await Author.get(ada.id)
            await author.update(balance=author.balance + 1)

    await asyncio.gather(*(visit() for _ in range(100)))

    assert (await Author.get(ada.id)).balance == 100


async def test_lower_knows_every_alphabet(db: Database) -> None:
    """SQLite's own `lower` knows ASCII alone."""
    async with db.engine.connect() as connection:
        assert await connection.scalar(text("SELECT activerow_lower('ÄÖÜ ΣΩ')")) == "äöü σω"
        assert await connection.scalar(text("SELECT activerow_lower(5)")) == 5


async def test_regular_expressions_work(db: Database) -> None:
    """`REGEXP` is an operator that SQLite leaves to the program."""
    async with db.engine.connect() as connection:
        row = (await connection.execute(text("SELECT 'abc' REGEXP '^a.c$', 'abc' REGEXP '^b', NULL REGEXP 'x'"))).one()

    assert tuple(row) == (1, 0, None)


# --- how a transaction begins ---------------------------------------------------------------------------------------


async def test_a_transaction_takes_the_write_lock_at_once(db: Database) -> None:
    """A reader that turns writer would fail at once when somebody else wrote in between."""
    with begun(db) as statements:
        async with db.transaction():
            await Author.query().count()

    assert statements == ["BEGIN IMMEDIATE"]


async def test_a_lone_write_takes_the_write_lock(db: Database) -> None:
    """And a lone read does not."""
    with begun(db) as statements:
        ada = await Author.create(email="ada@example.com")
        await Author.get(ada.id)
        await ada.delete()

    assert statements == ["BEGIN IMMEDIATE", "BEGIN", "BEGIN IMMEDIATE"]


async def test_a_pending_unit_takes_the_write_lock(db: Database) -> None:
    """It begins with a write."""
    with begun(db) as statements:
        await Author.create(email="ada@example.com", auto_commit=False)
        await db.rollback()

    assert statements == ["BEGIN IMMEDIATE"]


@pytest.mark.parametrize(("reads_first", "begin"), [(True, "BEGIN"), (False, "BEGIN IMMEDIATE")])
async def test_the_first_statement_decides_in_a_scoped_unit(db: Database, reads_first: bool, begin: str) -> None:
    """`scoped_session()` cannot know whether it will write."""
    statement = text("SELECT 1" if reads_first else "DELETE FROM authors")

    with begun(db) as statements:
        async with db.scoped_session() as session:
            await session.execute(statement)
            await session.commit()

    assert statements == [begin]


@pytest.mark.parametrize(("reads_first", "begin"), [(True, "BEGIN"), (False, "BEGIN IMMEDIATE")])
async def test_the_first_statement_decides_in_a_request(db: Database, reads_first: bool, begin: str) -> None:
    """Most requests only read, and must not wait for writers."""
    scope = RequestScope(lambda: "GET /", on_open=lambda: None)
    db.enter_request(scope)

    with begun(db) as statements:
        await db.session()
        if reads_first:
            await Author.query().count()
        await Author.create(email="ada@example.com")
        await scope.close()

    assert statements == [begin]


async def test_readers_do_not_wait_for_a_writer(db: Database) -> None:
    """They see what was committed before."""
    await Author.create(email="ada@example.com")

    async with db.transaction():
        await Author.create(email="bob@example.com")
        async with db.detached():
            seen = await Author.query().count()

    assert seen == 1


async def test_a_read_only_transaction_does_not_take_the_lock(db: Database) -> None:
    """It runs beside a writer, and is refused to write itself."""
    async with db.transaction():
        await Author.create(email="ada@example.com")
        async with db.detached():
            with begun(db) as statements:
                async with db.transaction(read_only=True):
                    await Author.query().count()

    assert statements == ["BEGIN"]


async def test_a_read_only_transaction_cannot_write(db: Database) -> None:
    """Not even past activerow; and the connection writes again for the next one that gets it."""
    with pytest.raises(DBAPIError, match="readonly"):
        async with db.transaction(read_only=True) as session:
            connection = await session.connection()
            await connection.exec_driver_sql("DELETE FROM authors")

    await asyncio.gather(*(Author.create(email=f"{number}@example.com") for number in range(5)))
    assert await Author.query().count() == 5


async def test_an_independent_transaction_is_refused_where_it_would_wait_for_itself(db: Database) -> None:
    """SQLite has one writer at a time, and that is the unit around it."""
    async with db.transaction():
        await Author.create(email="ada@example.com")
        with pytest.raises(UsageError, match="one writer"):
            async with db.transaction(independent=True):
                pass

    assert await Author.query().count() == 1


@pytest.mark.parametrize(
    ("statement", "reads"),
    [
        ("SELECT 1", True),
        ("  select * from users", True),
        ("-- a comment\n  SELECT 1", True),
        ("WITH n AS (SELECT 1) SELECT * FROM n", True),
        ("VALUES (1)", True),
        ("EXPLAIN QUERY PLAN SELECT 1", True),
        ("PRAGMA user_version", True),
        ("WITH n AS (SELECT 1) INSERT INTO users SELECT * FROM n", False),
        ("INSERT INTO users VALUES (1) RETURNING id", False),
        ("UPDATE users SET id = 1", False),
        ("DELETE FROM users", False),
        ("REPLACE INTO users VALUES (1)", False),
        ("CREATE TABLE users (id int)", False),
        ("/* select */ DROP TABLE users", False),
        ("SELECT 1 FROM users FOR UPDATE", False),
    ],
)
def test_reads_are_told_from_writes(statement: str, reads: bool) -> None:
    """In doubt a statement writes."""
    assert is_read(statement) is reads


# --- in memory ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "in_memory"),
    [
        ("sqlite+aiosqlite://", True),
        ("sqlite+aiosqlite:///:memory:", True),
        ("sqlite+aiosqlite:///file::memory:?uri=true", True),
        ("sqlite+aiosqlite:///file:shared?mode=memory&uri=true", True),
        ("sqlite+aiosqlite:///app.db", False),
        ("sqlite+aiosqlite:////var/lib/memory/app.db", False),
        ("sqlite+aiosqlite:///file:app.db?uri=true&mode=ro", False),
    ],
)
def test_urls_in_memory_are_recognised(url: str, in_memory: bool) -> None:
    """However they are written."""
    assert is_in_memory(make_url(url)) is in_memory


async def test_tasks_are_isolated_in_memory_too(make_database: MakeDatabase) -> None:
    """What one task has not committed, another one does not see, and a rollback takes back nothing else."""
    db = await make_database(Base, url="sqlite:///:memory:")
    written, seen = asyncio.Event(), asyncio.Event()

    async def write() -> None:
        with pytest.raises(Undo):
            async with db.transaction():
                await Author.create(email="ada@example.com")
                written.set()
                await seen.wait()
                raise Undo

    writer = asyncio.create_task(write())
    await written.wait()
    before = await Author.query().count()
    seen.set()
    await writer

    assert (before, await Author.query().count()) == (0, 0)


async def test_databases_in_memory_are_private(make_database: MakeDatabase) -> None:
    """Two of them have nothing in common."""
    await make_database(Base, url="sqlite:///:memory:")
    await Author.create(email="ada@example.com")

    await make_database(Base, url="sqlite:///:memory:")

    assert await Author.query().count() == 0


def temporary_files(db: Database) -> list[Path]:
    path = Path(db.engine.url.database or "")
    return sorted(path.parent.glob(f"{path.name}*"))


async def test_the_file_behind_memory_is_removed() -> None:
    """With its write-ahead log, when the database is disposed of; the next use begins anew."""
    db = Database("sqlite:///:memory:", base=Base)
    await db.create_all()
    files = temporary_files(db)

    await db.dispose()

    assert files
    assert not any(path.exists() for path in files)
    await db.create_all()
    assert await Author.query().count() == 0
    await db.dispose()


async def test_the_file_behind_memory_does_not_outlive_its_database() -> None:
    """A database that nobody disposed of takes its file along."""
    db = Database("sqlite:///:memory:")
    file = db.engine.url.database
    exists = Path(file or "").exists()

    del db
    gc.collect()

    assert exists
    assert not Path(file or "").exists()


# --- cancellation ---------------------------------------------------------------------------------------------------


async def test_a_cancelled_statement_stops_at_once(db: Database) -> None:
    """It does not run on in its thread, and its connection is no longer in use."""
    session_ready = asyncio.Event()

    async def search() -> None:
        async with db.scoped_session() as session:
            _ = await session.connection()
            session_ready.set()
            await session.execute(text(ENDLESS))

    task = asyncio.create_task(search())
    await session_ready.wait()
    for _ in range(20):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert db.connections() == ()


async def test_a_cancelled_write_leaves_no_lock(db: Database) -> None:
    """The next writer need not wait for a connection that nobody has any more."""
    begun_writing = asyncio.Event()

    async def write() -> None:
        async with db.transaction() as session:
            await Author.create(email="ada@example.com")
            begun_writing.set()
            await session.execute(text(ENDLESS))

    task = asyncio.create_task(write())
    await begun_writing.wait()
    for _ in range(20):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    def write_elsewhere() -> None:
        with contextlib.closing(
            sqlite3.connect(db.engine.url.database or "", timeout=5, isolation_level=None)
        ) as other:
            other.execute("BEGIN IMMEDIATE")

    await asyncio.to_thread(write_elsewhere)
    assert await Author.query().count() == 0


def test_a_loop_that_closes_over_a_cancelled_write_leaves_no_lock(tmp_path: Path) -> None:
    """The connection's thread has nobody to tell, and gives the lock back all the same."""
    file = tmp_path / "app.db"
    db = Database(f"sqlite:///{file}", base=Base)

    async def write(begun_writing: asyncio.Event) -> None:
        async with db.transaction() as session:
            await Author.create(email="ada@example.com")
            begun_writing.set()
            await session.execute(text(ENDLESS))

    async def begin() -> None:
        await db.create_all()
        begun_writing = asyncio.Event()
        task = asyncio.create_task(write(begun_writing))
        await begun_writing.wait()
        await asyncio.sleep(0.05)  # the statement runs in its thread now
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # the loop closes before the connections do
        asyncio.run(begin())

    with contextlib.closing(sqlite3.connect(file, timeout=5, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert other.execute("SELECT count(*) FROM authors").fetchone() == (0,)
