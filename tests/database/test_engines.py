"""Engines: what a URL and a few options become."""

import asyncio
import importlib.util
from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import URL, event, insert, make_url, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import NullPool, QueuePool

from activerow.database.engine.creating import Options, async_url, make_engine
from activerow.errors import LockTimeoutError, StatementTimeoutError, UsageError
from tests.models.bookshop import Author, Base
from tests.tools.backends.active import MakeDatabase

ASYNCPG = "postgresql+asyncpg://ada:secret@db.example.com/shop"
PSYCOPG = "postgresql+psycopg://ada:secret@db.example.com/shop"
ASYNCMY = "mysql+asyncmy://ada:secret@db.example.com/shop"
AIOMYSQL = "mysql+aiomysql://ada:secret@db.example.com/shop"
SQLITE = "sqlite+aiosqlite:///app.db"


class Seen(Exception):
    """Stops an engine before it connects."""


async def arguments_of(engine: AsyncEngine) -> Mapping[str, Any]:
    """What the driver's `connect` would be called with."""
    seen: dict[str, Any] = {}

    def look(_dialect: object, _entry: object, _args: object, arguments: dict[str, Any]) -> None:
        seen.update(arguments)
        raise Seen

    event.listen(engine.sync_engine, "do_connect", look)
    with pytest.raises(Seen):
        async with engine.connect():
            pass
    return seen


def installed(monkeypatch: pytest.MonkeyPatch, *packages: str) -> None:
    """Let it look as if no others were."""

    def find(name: str) -> object:
        return object() if name in packages else None

    monkeypatch.setattr(importlib.util, "find_spec", find)


# --- URLs -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "drivername"),
    [
        ("sqlite://", "sqlite+aiosqlite"),
        ("sqlite:///app.db", "sqlite+aiosqlite"),
        ("postgresql://localhost/shop", "postgresql+asyncpg"),
        ("postgres://localhost/shop", "postgresql+asyncpg"),
        ("mysql://localhost/shop", "mysql+asyncmy"),
        ("mariadb://localhost/shop", "mariadb+asyncmy"),
        (PSYCOPG, "postgresql+psycopg"),
        (AIOMYSQL, "mysql+aiomysql"),
        (make_url("mysql+aiomysql://localhost/shop"), "mysql+aiomysql"),
    ],
)
def test_a_url_without_a_driver_gets_the_installed_one(url: str | URL, drivername: str) -> None:
    """A driver that is named is kept; the rest of the URL stays as it is."""
    made = async_url(url)

    assert made.drivername == drivername
    assert made.set(drivername="x") == make_url(url).set(drivername="x")


@pytest.mark.parametrize(
    ("url", "extra"),
    [("sqlite://", "sqlite"), ("postgresql://h/d", "postgresql"), (ASYNCPG, "postgresql"), ("mariadb://h/d", "mysql")],
)
def test_a_missing_driver_names_the_extra(monkeypatch: pytest.MonkeyPatch, url: str, extra: str) -> None:
    """What has to be installed is in the message."""
    installed(monkeypatch)

    with pytest.raises(UsageError, match=rf"activerow\[{extra}\]"):
        async_url(url)


def test_the_other_driver_is_taken_where_the_first_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """psycopg alone is enough for PostgreSQL."""
    installed(monkeypatch, "psycopg")

    assert async_url("postgresql://localhost/shop").drivername == "postgresql+psycopg"


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgresql+psycopg2://ada:secret@h/d", "psycopg2.*postgresql.asyncpg"),
        ("mysql+pymysql://ada:secret@h/d", "pymysql.*mysql.asyncmy"),
        ("sqlite+pysqlite:///app.db", "pysqlite.*sqlite.aiosqlite"),
        ("oracle://ada:secret@h/d", "oracle.*postgresql"),
        ("ada:secret@h/d", "cannot be read"),
        ("", "cannot be read"),
    ],
)
def test_a_url_that_cannot_be_used_says_what_to_write(url: str, says: str) -> None:
    """Never with the password in it."""
    with pytest.raises(UsageError, match=says) as caught:
        async_url(url)

    assert "secret" not in str(caught.value)


# --- pools ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", [SQLITE, ASYNCPG, PSYCOPG, ASYNCMY, AIOMYSQL])
def test_the_pool_is_made_as_told(url: str) -> None:
    """Size, overflow, timeout and recycle arrive at the pool of every driver."""
    options = Options(pool_size=3, max_overflow=4, pool_timeout=5, pool_recycle=6)

    pool: Any = make_engine(make_url(url), options).pool

    assert issubclass(type(pool), QueuePool)
    assert (pool.size(), pool._max_overflow, pool.timeout(), pool._recycle) == (3, 4, 5, 6)


def test_the_defaults_are_those_of_the_documentation() -> None:
    """Five connections, ten more at peaks, replaced after fifteen minutes and tested before use."""
    pool: Any = make_engine(make_url(ASYNCPG), Options()).pool

    assert (pool.size(), pool._max_overflow, pool.timeout(), pool._recycle) == (5, 10, 30, 900)
    assert pool._pre_ping


def test_engine_options_win() -> None:
    """Anything that `create_async_engine` takes can be given, also another pool."""
    options = Options(echo=True, engine_options={"poolclass": NullPool, "echo": False, "pool_recycle": 7})

    engine = make_engine(make_url(ASYNCPG), options)

    assert isinstance(engine.pool, NullPool)
    assert not engine.echo


async def test_connect_arguments_are_added() -> None:
    """`connect_args` of the user stand beside ours."""
    options = Options(statement_timeout=2, engine_options={"connect_args": {"ssl": False}})

    arguments = await arguments_of(make_engine(make_url(ASYNCPG), options))

    assert arguments["ssl"] is False
    assert arguments["server_settings"] == {"statement_timeout": "2000"}


# --- drivers --------------------------------------------------------------------------------------------------------


async def test_asyncpg_is_made_fit_for_pgbouncer() -> None:
    """Statements are not prepared under a name: the next transaction may be on another server connection."""
    engine = make_engine(make_url(ASYNCPG), Options(pgbouncer=True))

    arguments = await arguments_of(engine)

    assert arguments["statement_cache_size"] == 0
    assert arguments["prepared_statement_cache_size"] == 0


async def test_psycopg_is_made_fit_for_pgbouncer() -> None:
    """psycopg prepares nothing."""
    arguments = await arguments_of(make_engine(make_url(PSYCOPG), Options(pgbouncer=True)))

    assert arguments["prepare_threshold"] is None


@pytest.mark.parametrize("url", [ASYNCPG, PSYCOPG])
async def test_statements_are_prepared_without_pgbouncer(url: str) -> None:
    """The drivers' own caches are left alone."""
    arguments = await arguments_of(make_engine(make_url(url), Options()))

    assert not {"statement_cache_size", "prepared_statement_cache_size", "prepare_threshold"} & arguments.keys()


@pytest.mark.parametrize("url", [ASYNCMY, AIOMYSQL])
async def test_mysql_speaks_utf8mb4_unless_told_otherwise(url: str) -> None:
    """Emoji need it; a charset in the URL is the user's."""
    plain = await arguments_of(make_engine(make_url(url), Options()))
    told = await arguments_of(make_engine(make_url(f"{url}?charset=latin1"), Options()))

    assert (plain["charset"], told["charset"]) == ("utf8mb4", "latin1")


@pytest.mark.backends("mysql")
async def test_a_mysql_session_is_in_utc_and_utf8mb4(make_database: MakeDatabase) -> None:
    """What the server says of the connection."""
    db = await make_database(Base)

    async with db.engine.connect() as connection:
        row = (await connection.execute(text("SELECT @@session.time_zone, @@character_set_connection"))).one()

    assert tuple(row) == ("+00:00", "utf8mb4")


ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
LONG = {
    "sqlite": f"{ENDLESS} SELECT max(i) FROM n",
    "postgresql": "SELECT pg_sleep(30)",
    "mysql": "SELECT sleep(30) FROM information_schema.tables",
}


async def test_a_statement_that_takes_too_long_is_stopped(make_database: MakeDatabase) -> None:
    """`statement_timeout` is in seconds, and applies to every connection."""
    db = await make_database(Base, statement_timeout=0.2)

    for _ in range(2):
        with pytest.raises(StatementTimeoutError):
            await db.read(lambda session: session.execute(text(LONG[db.dialect])), model=Author)

    await asyncio.sleep(0.3)  # a connection that was idle for longer is as good as new
    assert await Author.query().count() == 0


@pytest.mark.backends("sqlite")
async def test_rows_that_take_too_long_are_stopped(make_database: MakeDatabase) -> None:
    """SQLite computes a row when it is fetched. The transaction of a write that was stopped is gone."""
    db = await make_database(Base, statement_timeout=0.2)

    with pytest.raises(StatementTimeoutError):
        await db.read(
            lambda session: session.execute(text(f"{ENDLESS} SELECT i FROM n WHERE i % 1000000 = 0")), model=Author
        )
    with pytest.raises(StatementTimeoutError):
        async with db.transaction() as session:
            await Author.create(email="ada@example.com", nick="ada")
            await db.write(
                lambda session: session.execute(
                    text(f"INSERT INTO authors (email) {ENDLESS} SELECT 'x' FROM n WHERE i < 0")
                ),
                model=Author,
                operation="insert",
                session=session,
            )

    assert await Author.query().count() == 0


@pytest.mark.backends("sqlite")
async def test_a_lock_is_waited_for_no_longer_than_a_statement_may_take(make_database: MakeDatabase) -> None:
    """The busy timeout of 5 seconds is cut to the statement timeout."""
    db = await make_database(Base, statement_timeout=0.2)

    async with asyncio.timeout(4), db.transaction():
        await Author.create(email="ada@example.com", nick="ada")
        with pytest.raises(LockTimeoutError):
            async with db.detached():
                await Author.create(email="grace@example.com", nick="grace")


async def test_the_text_of_a_raw_error_lists_no_values(make_database: MakeDatabase) -> None:
    """Logs show the statement, not what was bound to it."""
    db = await make_database(Base)
    await Author.create(email="ada@example.com", nick="secret")

    with pytest.raises(IntegrityError, match="parameters hidden") as caught:
        async with db.engine.begin() as connection:
            await connection.execute(insert(Author).values(email="ada@example.com", nick="secret"))

    assert "secret" not in str(caught.value)
