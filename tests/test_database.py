"""The Database object: options, binding, and the life of its engine."""

import asyncio
import logging
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, make_url, select, text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from activerow import ActiveRecord, Database
from activerow.errors import NotBoundError, UnavailableError, UsageError
from tests.models.bookshop import Author, Base
from tests.tools.backends.active import MakeDatabase
from tests.tools.backends.backend import Backend


class LocalBase(ActiveRecord, DeclarativeBase):
    """The models of a second database."""


class Item(LocalBase):
    """Has a table in the second database only."""

    __tablename__ = "items"

    id: Mapped[int] = mapped_column(primary_key=True)


# --- options --------------------------------------------------------------------------------------------------------


def test_making_a_database_opens_nothing() -> None:
    """It needs no event loop, no server and no file."""
    db = Database("postgresql+asyncpg://nobody@host.invalid/nowhere", base=LocalBase, pool_size=3)

    assert str(db.url) == "postgresql+asyncpg://nobody@host.invalid/nowhere"
    assert db.dialect == "postgresql"
    assert isinstance(db.engine, AsyncEngine)


def test_the_password_is_not_shown() -> None:
    """Neither in the repr nor in the text of the URL."""
    db = Database("postgresql+asyncpg://ada:secret@localhost/shop")

    assert repr(db) == "<Database postgresql+asyncpg://ada:***@localhost/shop>"
    assert "secret" not in str(db.url)


@pytest.mark.parametrize(
    ("url", "dialect"),
    [("sqlite://", "sqlite"), ("postgres://h/d", "postgresql"), ("mysql://h/d", "mysql"), ("mariadb://h/d", "mysql")],
)
def test_a_database_knows_its_dialect(url: str, dialect: str) -> None:
    """MariaDB counts as MySQL."""
    assert Database(url).dialect == dialect


def test_configure_sets_url_and_options() -> None:
    """What is not given stays as it was."""
    db = Database(pool_size=3, max_overflow=4)

    db.configure("postgresql+asyncpg://localhost/shop", max_overflow=1)

    pool: Any = db.engine.pool
    assert (pool.size(), pool._max_overflow) == (3, 1)
    assert db.url == make_url("postgresql+asyncpg://localhost/shop")


def test_configure_is_refused_while_the_database_is_in_use() -> None:
    """The engine has been made."""
    db = Database("postgresql+asyncpg://localhost/shop")
    assert db.engine is db.engine

    with pytest.raises(UsageError, match="dispose"):
        db.configure("postgresql+asyncpg://localhost/other")

    assert db.url == make_url("postgresql+asyncpg://localhost/shop")


@pytest.mark.parametrize(
    ("url", "options"),
    [("postgresql+asyncpg://localhost/b", {"pool_sise": 3}), ("nothing", {}), ("oracle://localhost/b", {})],
)
def test_a_configure_that_is_refused_changes_nothing(url: str, options: dict[str, Any]) -> None:
    """A typo is an error, and the good half of it is not done."""
    db = Database("postgresql+asyncpg://localhost/a", secret="old", pool_size=2)

    with pytest.raises(UsageError):
        db.configure(url, secret="new", pool_size=7, **options)

    pool: Any = db.engine.pool
    assert (db.secret, pool.size(), db.url) == ("old", 2, make_url("postgresql+asyncpg://localhost/a"))


def test_an_unknown_option_is_named() -> None:
    """The constructor's own signature does that for the constructor."""
    with pytest.raises(UsageError, match="pool_sise"):
        Database().configure("sqlite://", pool_sise=3)


async def test_a_database_may_be_configured_anew_after_dispose(backend: Backend) -> None:
    """For tests, and for factories of applications."""
    db = Database(await backend.fresh_url(), base=LocalBase)
    await db.create_all()
    await Item.create()
    await db.dispose()

    db.configure(await backend.fresh_url())
    await db.create_all()

    assert await Item.query().count() == 0
    await db.dispose()


USES: list[Callable[[Database], object]] = [
    lambda db: db.engine,
    lambda db: db.dialect,
    lambda db: db.transaction().__aenter__().send(None),
]


@pytest.mark.parametrize("use", USES, ids=["engine", "dialect", "transaction"])
def test_a_database_without_a_url_says_so(use: Callable[[Database], object]) -> None:
    """The message shows both ways to give one."""
    with pytest.raises(NotBoundError, match=r"Database\(url\).*db\.configure\(url\)"):
        use(Database())


async def test_create_all_needs_a_base() -> None:
    """Otherwise there are no tables to create."""
    with pytest.raises(NotBoundError, match=r"db\.bind\(Base\)"):
        await Database("sqlite://").create_all()


# --- binding --------------------------------------------------------------------------------------------------------


async def test_a_base_is_bound_late_and_anew(make_database: MakeDatabase) -> None:
    """Its models use the database that was bound last."""
    first = await make_database(Base)
    await Author.create(email="ada@example.com")
    second = await make_database(Base)
    counts = [await Author.query().count()]

    first.bind(Base)
    counts.append(await Author.query().count())

    assert counts == [0, 1]
    assert first.url != second.url


async def test_two_databases_stand_side_by_side(make_database: MakeDatabase) -> None:
    """Each has its own base, tables and transactions; an error in one leaves the other alone."""
    await make_database(Base)
    second = await make_database(LocalBase)

    await Author.create(email="ada@example.com")
    with pytest.raises(KeyError):
        async with second.transaction():
            await Item.create()
            await Author.create(email="bob@example.com")
            raise KeyError

    assert (await Item.query().count(), await Author.query().count()) == (0, 2)


async def test_one_database_serves_several_bases(make_database: MakeDatabase) -> None:
    """`bind` adds a base; `create_all` makes the tables of all."""

    class Further(ActiveRecord, DeclarativeBase):
        pass

    class Extra(Further):
        __tablename__ = "extras"

        id: Mapped[int] = mapped_column(primary_key=True)

    db = await make_database(LocalBase)

    db.bind(Further)
    await db.create_all()
    async with db.transaction():
        await Item.create()
        await Extra.create()

    assert (await Item.query().count(), await Extra.query().count()) == (1, 1)
    await db.drop_all()


# --- connect and dispose --------------------------------------------------------------------------------------------


async def test_connect_checks_that_the_database_can_be_reached(
    backend: Backend, caplog: pytest.LogCaptureFixture
) -> None:
    """It gives the database, and logs where it is, without the password."""
    caplog.set_level(logging.INFO, logger="activerow")
    url = make_url(await backend.fresh_url())

    async with Database(url.set(password="secret") if backend.dialect == "postgresql" else url) as db:
        answer = await db.connect()

    assert answer is db
    assert [record.getMessage().split()[0] for record in caplog.records] == ["connected", "connected", "disconnected"]
    assert "secret" not in caplog.text
    assert (url.database or "") in caplog.text


async def test_a_disposed_database_can_be_used_again(make_database: MakeDatabase) -> None:
    """The next call opens new connections."""
    db = await make_database(Base)
    engine = db.engine
    await db.dispose()

    await Author.create(email="ada@example.com")
    await db.dispose()
    await db.dispose()

    assert db.engine is not engine


async def unreachable(backend: Backend, how: str) -> URL:
    url = make_url(await backend.fresh_url())
    if backend.dialect == "sqlite":
        return url.set(database="/no/such/folder/app.db")
    url = url.set(password="secret")
    return url.set(port=1) if how == "port" else url.set(database="ar_no_such_database")


@pytest.mark.parametrize("how", ["port", "name"])
@pytest.mark.parametrize("call", ["connect", "create"])
async def test_a_database_that_cannot_be_reached_is_named(backend: Backend, how: str, call: str) -> None:
    """Host and database are in the error, also of the first call of a model; the password is nowhere."""
    url = await unreachable(backend, how)
    db = Database(url, base=LocalBase)

    with pytest.raises(UnavailableError) as caught:
        await (db.connect() if call == "connect" else Item.create())
    await db.dispose()

    assert str(url.database) in str(caught.value)
    assert str(url.host or "") in str(caught.value)
    assert "secret" not in f"{caught.value} {caught.value!r} {caught.value.args} {caught.value.__dict__}"


async def test_the_engine_is_there_for_everything_else(make_database: MakeDatabase) -> None:
    """Plain SQLAlchemy works beside the models, and is committed by its own rules."""
    db = await make_database(Base)

    async with db.engine.begin() as connection:
        await connection.execute(Author.__table__.insert().values(email="ada@example.com"))  # type: ignore[attr-defined]
    async with db.engine.connect() as connection:
        found = (await connection.scalars(select(Author.email))).all()

    assert found == ["ada@example.com"]
    assert (await Author.query().one()).email == "ada@example.com"


async def test_tables_are_created_once_and_dropped(backend: Backend) -> None:
    """`create_all` makes what is not there yet."""
    async with Database(await backend.fresh_url(), base=LocalBase) as db:
        await db.create_all()
        await Item.create()
        await db.create_all()
        count = await Item.query().count()
        await db.drop_all()
        await db.create_all()

        assert (count, await Item.query().count()) == (1, 0)


@pytest.mark.backends("mysql")
async def test_a_mariadb_url_works(backend: Backend) -> None:
    """SQLAlchemy's name for MariaDB is understood as well."""
    url = make_url(await backend.fresh_url()).set(drivername=f"mariadb+{backend.driver}")

    async with Database(url, base=LocalBase) as db:
        await db.create_all()
        item = await Item.create()

        assert (await Item.get(item.id)).id == item.id


# --- event loops ----------------------------------------------------------------------------------------------------


def in_a_thread(work: Callable[[], object]) -> list[object]:
    """What `work` gives, or raises, on a thread of its own."""
    answers: list[object] = []

    def run() -> None:
        try:
            answers.append(work())
        except Exception as error:  # noqa: BLE001  (handed over)
            answers.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return answers


async def test_two_loops_that_live_are_an_error(make_database: MakeDatabase) -> None:
    """A connection belongs to one loop; the message says what to do."""
    db = await make_database(Base)
    await Author.create(email="ada@example.com")

    async def use() -> int:
        return await Author.query().count()

    [answer] = await asyncio.to_thread(in_a_thread, lambda: asyncio.run(use()))
    [other] = await asyncio.to_thread(in_a_thread, lambda: asyncio.run(db.dispose()))

    assert isinstance(answer, UsageError)
    assert isinstance(other, UsageError)
    assert "another event loop" in str(answer)
    assert await Author.query().count() == 1


# --- processes ------------------------------------------------------------------------------------------------------

FORKING = """
import asyncio, os, sys

from sqlalchemy import text
from tests.test_database import Item, LocalBase
from activerow import Database

db = Database(sys.argv[1], base=LocalBase)
IDENTITY = {"postgresql": "SELECT pg_backend_pid()", "mysql": "SELECT connection_id()", "sqlite": "SELECT 1"}


async def add() -> int:
    await Item.create()
    async with db.engine.connect() as connection:
        return await connection.scalar(text(IDENTITY[db.dialect]))


with asyncio.Runner() as runner:
    before = runner.run(add())
    child = os.fork()
    if not child:
        asyncio.set_event_loop(None)
        asyncio.events._set_running_loop(None)
        with asyncio.Runner() as own:
            mine = own.run(add())
            own.run(db.dispose())
        os._exit(7 if mine == before and db.dialect != "sqlite" else 0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    after = runner.run(add())
    count = runner.run(Item.query().count())
    runner.run(db.dispose())
print(status, before == after, count)
"""


@pytest.mark.skipif(not hasattr(sys.modules["os"], "fork"), reason="there is no fork here")
async def test_a_forked_process_starts_afresh(backend: Backend) -> None:
    """The child opens connections of its own; the parent's are as good as before."""
    url = await backend.fresh_url()
    async with Database(url, base=LocalBase) as db:
        await db.create_all()
    root = Path(__file__).parents[1]

    process = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", "-c", FORKING, url],
        cwd=root,
        env={"PYTHONPATH": f"{root}:{root / 'src'}", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (process.stdout, process.stderr) == ("0 True 3\n", "")


async def test_connections_are_not_kept_after_dispose(make_database: MakeDatabase) -> None:
    """Nothing of the pool is left open."""
    db = await make_database(Base)
    async with db.engine.connect() as connection:
        await connection.execute(text("SELECT 1"))
    pool: Any = db.engine.pool
    idle = pool.checkedin()

    await db.dispose()

    assert idle == 1
    assert pool.checkedin() == 0
