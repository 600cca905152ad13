"""The revisions of the service: they make its tables, and find databases that were made before there were any."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import inspect

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


async def test_taken_back_to_the_beginning_nothing_is_left(empty: None) -> None:
    """No table, and no type, but where the version is noted."""
    await MIGRATIONS.upgrade()

    await MIGRATIONS.downgrade("base")

    async with db.engine.connect() as connection:
        tables = await connection.run_sync(lambda sync: inspect(sync).get_table_names())
    assert set(tables) <= {"alembic_version", "activerow_migration_progress"}


async def test_a_database_of_the_first_release_is_upgraded(empty: None) -> None:
    """Its one table was made without revisions: it is recognised, kept, and the others are added."""
    async with db.engine.begin() as connection:
        await connection.run_sync(Users.metadata.create_all, tables=[Users.metadata.tables["users"]])
    await Users.create(email="ada@example.com")

    steps = await MIGRATIONS.upgrade()

    assert [step.message for step in steps] == ["tokens, keys, notifications"]
    assert await Users.query().pluck("email") == ["ada@example.com"]
