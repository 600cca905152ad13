"""A statement by the driver's own call gives its rows, and is committed."""

import pytest
from sqlalchemy import String, delete, insert, literal_column, select, update

from activerow import Database
from tests.models.units import Base, User, emails, held
from tests.tools.backends.active import MakeDatabase
from tests.tools.backends.backend import Backend
from tests.tools.backends.plugin import OtherConnection
from tests.tools.direct import channel, run


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """Three users, and a pool in which a leak shows at once."""
    db = await make_database(Base, pool_size=1, max_overflow=0, pool_timeout=5)
    await User.create_many([{"id": number, "email": f"{number}@x.org"} for number in (1, 2, 3)])
    return db


async def test_a_read_gives_its_rows_and_how_many(db: Database) -> None:
    """In the order of the statement; an empty answer is none."""
    rows, count, _ = await run(db, select(User.id, User.email).where(User.id > 1).order_by(User.id))
    nothing, none, _ = await run(db, select(User.id).where(User.id == 99))

    assert ([tuple(row) for row in rows], count) == ([(2, "2@x.org"), (3, "3@x.org")], 2)
    assert (list(nothing), none) == ([], 0)
    assert held(db) == 0


async def test_a_write_is_committed_and_counted(db: Database, other_connection: OtherConnection) -> None:
    """Another connection sees it as soon as the call is back."""
    counts = [
        (await run(db, insert(User).values(id=4, email="4@x.org", balance=0)))[1],
        (await run(db, update(User).where(User.id > 2).values(email=User.email + "!")))[1],
        (await run(db, update(User).where(User.id == 1).values(email="1@x.org")))[1],
        (await run(db, delete(User).where(User.id == 99)))[1],
        (await run(db, delete(User).where(User.id == 2)))[1],
    ]

    assert counts == [1, 2, 1, 0, 1]
    assert await emails(other_connection) == ["1@x.org", "3@x.org!", "4@x.org!"]
    assert held(db) == 0


@pytest.mark.backends("sqlite", "mysql")
async def test_an_insert_gives_the_key_that_the_database_made(db: Database) -> None:
    """Where there is no RETURNING, or it is not needed."""
    _, count, key = await run(db, insert(User).values(email="new@x.org", balance=0))

    assert (count, key) == (1, (await User.filter_by(email="new@x.org").one()).id)


@pytest.mark.backends("sqlite", "postgresql")
async def test_a_write_with_returning_gives_rows_and_is_committed(
    db: Database, other_connection: OtherConnection
) -> None:
    """Rows are fetched to their end: no lock stays behind."""
    statement = update(User).values(name="Ada").returning(User.id)
    rows, count, _ = await run(db, statement)

    assert (sorted(row[0] for row in rows), count) == ([1, 2, 3], 3)
    assert await other_connection.scalar("SELECT count(*) FROM users WHERE name = 'Ada'") == 3


async def test_a_statement_without_parameters_is_sent_as_it_is_compiled(db: Database) -> None:
    """A percent sign is doubled by dialects whose placeholders have one."""
    rows, _, _ = await run(db, select(literal_column("'100%'", String)))

    assert [tuple(row) for row in rows] == [("100%",)]


async def test_a_channel_is_made_once_for_an_engine(db: Database, backend: Backend) -> None:
    """An engine that is disposed of and used again keeps it; another engine has another."""
    first = channel(db)
    await db.engine.dispose()

    assert (await run(db, select(User.id).where(User.id == 1)))[1] == 1
    assert channel(db) is first
    assert first.is_clear()
    await db.dispose()
    assert channel(db) is not first
