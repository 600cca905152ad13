"""The fixture `make_database`: every test of the library stands on it."""

import pytest
from sqlalchemy import text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.pool import QueuePool

from activerow import ActiveRecord
from activerow.mixins import AutoTableName
from tests.tools.backends.active import MakeDatabase, leak_of
from tests.tools.backends.plugin import OtherConnection


class Base(ActiveRecord, AutoTableName, DeclarativeBase):
    """Tables of this page."""


class User(Base):
    """A row."""

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)


class OtherBase(ActiveRecord, AutoTableName, DeclarativeBase):
    """A second database's tables."""


class Entry(OtherBase):
    """A row in the second database."""

    id: Mapped[int] = mapped_column(primary_key=True)


@pytest.mark.parametrize("turn", [1, 2])
async def test_every_test_finds_empty_tables(
    make_database: MakeDatabase, other_connection: OtherConnection, turn: int
) -> None:
    """The rows of one test are gone for the next, and others see what was committed."""
    await make_database(Base)

    await User.create(email="ada@example.com")

    assert await other_connection.scalar("SELECT count(*) FROM users") == 1


async def test_two_databases_of_one_test_are_two(
    make_database: MakeDatabase, other_connection: OtherConnection
) -> None:
    """The second call makes a database of its own."""
    first = await make_database(Base)
    second = await make_database(OtherBase)

    await Entry.create()

    assert first.engine.url != second.engine.url
    with pytest.raises(Exception, match=r"(?i)no such table|does not exist|doesn't exist"):
        await other_connection.scalar("SELECT count(*) FROM entries")


async def test_options_reach_the_database(make_database: MakeDatabase) -> None:
    """`make_database` passes its options on."""
    db = await make_database(Base, pool_size=1, max_overflow=0)

    pool = db.engine.pool

    assert isinstance(pool, QueuePool)
    assert pool.size() == 1


async def test_database_url_and_make_database_share_a_database(
    database_url: str, make_database: MakeDatabase, other_connection: OtherConnection
) -> None:
    """A test may ask for both: the tables are made in the database that the URL names."""
    db = await make_database(Base)

    await User.create(email="ada@example.com")

    assert str(db.engine.url.database) in database_url
    assert await other_connection.scalar("SELECT count(*) FROM users") == 1


async def test_a_leaked_connection_is_noticed(make_database: MakeDatabase) -> None:
    """A connection that was not given back is what fails a test afterwards."""
    db = await make_database(Base)
    connection = await db.engine.connect()
    await connection.execute(text("SELECT 1"))

    leaked = await leak_of(db)
    await connection.close()

    assert leaked is not None
    assert await leak_of(db) is None
