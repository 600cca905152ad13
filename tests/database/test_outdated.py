"""Tables that are changed while a service runs: what its connections have prepared is out of date, and is made anew."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import pytest
from sqlalchemy import Enum, String, event, text
from sqlalchemy.exc import DBAPIError, EmulatedDBAPIException, NotSupportedError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from activerow import ActiveRecord, Database
from activerow.database.failures import is_fatal, translate
from activerow.errors import DatabaseError, TransactionBrokenError, TransientError
from activerow.mixins import AutoTableName
from tests.tools.backends.active import MakeDatabase
from tests.tools.backends.plugin import OtherConnection

POSTGRESQL = pytest.mark.backends("postgresql")


class Base(ActiveRecord, AutoTableName, DeclarativeBase):
    """Tables of this page."""


class Person(Base):
    """Whose columns are changed by a migration."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50))
    mood: Mapped[str] = mapped_column(Enum("sad", "glad", name="mood"), default="sad")


async def _all() -> None:
    await Person.query().all()


async def _by_key() -> None:
    await Person.get_or_none(1)


async def _stream() -> None:
    async for _ in Person.query().stream():
        pass


async def _json() -> None:
    await Person.query().json()


async def _page() -> None:
    await Person.query().page(1)


READS: Final[dict[str, Callable[[], Awaitable[None]]]] = {
    "all": _all,
    "get": _by_key,
    "stream": _stream,
    "json": _json,
    "page": _page,
}


@pytest.fixture(params=[True, False], ids=["direct", "by session"])
async def db(database_url: str, make_database: MakeDatabase, request: pytest.FixtureRequest) -> Database:
    """A person, and three connections, each of which has prepared the statements of this page."""
    assert database_url  # a database of its own, whose tables are made anew
    db = await make_database(Base, pool_size=3, max_overflow=0, direct=request.param)
    await Person.create(name="Ada")
    connections = [await db.engine.connect() for _ in range(3)]
    for connection in connections:
        await connection.close()
    for _ in range(3 * 6):  # the pool gives them in turns, and psycopg prepares what comes for the sixth time
        for read in READS.values():
            await read()
        async with db.transaction():
            await _all()
        await add()
    return db


async def add() -> None:
    await Person.create(name="Eve")


@POSTGRESQL
@pytest.mark.parametrize("name", READS)
async def test_a_lone_read_is_not_disturbed_by_a_migration(
    db: Database, other_connection: OtherConnection, name: str
) -> None:
    """It is prepared anew and repeated, whichever connection it meets."""
    await other_connection.execute("ALTER TABLE persons ALTER COLUMN name TYPE varchar(80)")

    for _ in range(4):
        await READS[name]()


@pytest.mark.backends("asyncpg")  # psycopg forgets what it has prepared with each ROLLBACK, as a lone read ends
async def test_a_transaction_that_meets_a_migration_may_be_run_again(
    db: Database, other_connection: OtherConnection
) -> None:
    """It says so, and once is enough: no other connection fails in the same way."""
    await other_connection.execute("ALTER TABLE persons ALTER COLUMN name TYPE varchar(80)")

    with pytest.raises(TransientError, match="tables or types were changed since the statement was prepared"):
        for _ in range(3):
            async with db.transaction():
                await _all()

    for _ in range(4):
        async with db.transaction():
            await _all()


@POSTGRESQL
async def test_run_repeats_a_transaction_that_meets_a_migration(
    db: Database, other_connection: OtherConnection
) -> None:
    """One retry is enough."""
    await other_connection.execute("ALTER TABLE persons ALTER COLUMN name TYPE varchar(80)")

    for _ in range(4):
        await db.run(Person.query().all, retries=1)


@POSTGRESQL
async def test_a_type_that_was_made_anew_is_found_again(db: Database, other_connection: OtherConnection) -> None:
    """As a revision that changes the values of an enum does it; a statement that sends a value knows the old one."""
    for statement in (
        "ALTER TYPE mood RENAME TO old",
        "CREATE TYPE mood AS ENUM ('sad', 'glad', 'mad')",
        "ALTER TABLE persons ALTER COLUMN mood TYPE mood USING mood::text::mood",
        "DROP TYPE old",
    ):
        await other_connection.execute(statement)

    for _ in range(4):
        await db.run(add, retries=1)

    assert await Person.query().count() == 1 + 18 + 4


@pytest.mark.parametrize("orig", [None, EmulatedDBAPIException("made by SQLAlchemy"), ValueError("by a listener")])
def test_an_error_without_a_drivers_exception_is_translated(orig: Exception | None) -> None:
    """SQLAlchemy, and whoever listens to its events, can raise such; its `driver_exception` is a ValueError then."""
    error = NotSupportedError("SELECT 1", (), orig)  # type: ignore[arg-type]  # None is what is tried

    translated = translate(error, operation="select")

    assert type(translated) is DatabaseError
    assert not is_fatal(error)
    assert not is_fatal(EmulatedDBAPIException("alone"))


async def test_an_error_that_a_listener_made_breaks_the_unit(make_database: MakeDatabase) -> None:
    """Whatever is raised in place of the driver's error, the unit takes note, and activerow's error comes out."""
    db = await make_database(Base)

    def replace(context: object) -> None:
        raise DBAPIError("SELECT 1", (), None)  # type: ignore[arg-type]  # the driver's error is not handed on

    event.listen(db.engine.sync_engine, "handle_error", replace)
    with pytest.raises(TransactionBrokenError, match="DatabaseError"):
        async with db.transaction() as session:
            with suppress(DBAPIError):
                await session.execute(text("SELECT nothing FROM nowhere"))
