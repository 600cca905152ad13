"""The revisions of the service: they make its tables, and find databases that were made before there were any."""

from collections.abc import AsyncIterator

import pytest

from activerow.migrations import walk
from notification.models import Users, db
from notification.schema import MIGRATIONS


@pytest.fixture
async def empty(database_url: str) -> AsyncIterator[None]:
    """The service's database, empty."""
    db.configure(database_url)
    yield
    await db.dispose()


async def test_every_revision_goes_up_down_and_up_with_rows(empty: None) -> None:
    """And at the end models and database agree."""
    await walk(MIGRATIONS)

    assert await MIGRATIONS.check() == []


async def test_a_database_of_the_first_release_is_upgraded(empty: None) -> None:
    """Its one table was made without revisions: it is recognised, kept, and the others are added."""
    async with db.engine.begin() as connection:
        await connection.run_sync(Users.metadata.create_all, tables=[Users.metadata.tables["users"]])
    await Users.create(email="ada@example.com")

    steps = await MIGRATIONS.upgrade()

    assert [step.message for step in steps] == ["tokens, keys, notifications"]
    assert await Users.query().pluck("email") == ["ada@example.com"]
