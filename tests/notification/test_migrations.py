"""The revisions of the service: they make its tables, and find databases that were made before there were any."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import inspect, text

from activerow.migrations import walk
from notification.models import Admins, Users, db
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
    await MIGRATIONS.upgrade("d13297200833")
    async with db.engine.begin() as connection:
        await connection.execute(text("DROP TABLE alembic_version"))
        await connection.execute(text("INSERT INTO users (email) VALUES ('ada@example.com')"))

    steps = await MIGRATIONS.upgrade()

    assert next(step.message for step in steps) == "tokens, keys, notifications"
    assert await Users.query().pluck("email") == ["ada@example.com"]


@pytest.mark.backends("sqlite")
async def test_ids_of_a_migrated_database_are_never_given_out_again(empty: None) -> None:
    """Not those of rows that were there before the revision either, nor those of rows that refer to them."""
    await MIGRATIONS.upgrade("317a8cd016b5")
    async with db.engine.begin() as connection:
        await connection.execute(text("INSERT INTO users (email) VALUES ('a@x.kr'), ('b@x.kr')"))
        await connection.execute(text("INSERT INTO admins (user_id) VALUES (1), (2)"))
    await MIGRATIONS.upgrade()
    await Users.filter_by(email="b@x.kr").delete()

    user = await Users.create(email="c@x.kr")

    assert user.id == 3
    assert (await Admins.create(user_id=user.id)).id == 3
