"""`emptied`: real transactions, and nothing left of them."""

import pytest

from activerow import Database
from activerow.testing import emptied
from tests.models.units import Base, Post, User, emails
from tests.tools.backends.active import MakeDatabase
from tests.tools.backends.plugin import OtherConnection


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    return await make_database(Base)


async def test_rows_are_deleted_whatever_refers_to_them(db: Database, other_connection: OtherConnection) -> None:
    """Others see what the test commits; afterwards all tables are empty, and foreign keys are kept again."""
    async with emptied(db):
        ada = await User.create(email="ada@example.com")
        await Post.create(title="One", user=ada)
        assert await emails(other_connection) == ["ada@example.com"]

    assert await emails(other_connection) == []
    assert await other_connection.scalar("SELECT count(*) FROM posts") == 0
    with pytest.raises(Exception, match="does not exist"):
        await Post.create(title="Nobody's", user_id=4711)


async def test_they_are_deleted_after_an_error_too(db: Database) -> None:
    """The next test begins with nothing, however this one ended."""
    with pytest.raises(ZeroDivisionError):
        async with emptied(db):
            await User.create(email="ada@example.com")
            raise ZeroDivisionError

    assert await User.query().count() == 0
