"""What `doctor` sees."""

from pathlib import Path

import pytest
from sqlalchemy import Column, ForeignKey, Integer, MetaData, Table, text

from activerow import Database
from activerow.migrations import Migrations, create_folder, diagnose
from tests.migrations.projects import first_release, second_release
from tests.migrations.scenarios import base_with
from tests.tools.backends.active import MakeDatabase

pytestmark = pytest.mark.backends("sqlite", "asyncpg", "asyncmy")


async def seen(migrations: Migrations) -> dict[str, tuple[str, str]]:
    """State and detail of each check."""
    return {check.name: (check.state, check.detail) async for check in diagnose(migrations)}


def without_index(metadata: MetaData) -> None:
    """A table that refers to another, with no index for it."""
    Table("owners", metadata, Column("id", Integer, primary_key=True))
    owner = Column("owner_id", Integer, ForeignKey("owners.id"))
    Table("pets", metadata, Column("id", Integer, primary_key=True), owner)


async def test_pending_and_drift_are_told(make_database: MakeDatabase, tmp_path: Path) -> None:
    """First revisions that are not applied, then models that have changed."""
    create_folder(tmp_path / "migrations")
    db = await make_database(first_release(), create=False)
    migrations = Migrations(db, tmp_path / "migrations")
    await migrations.revision("first tables")
    later = Database(db.url, base=second_release())

    pending = (await seen(migrations))["revisions"]
    await migrations.upgrade()
    sound = await seen(migrations)
    drift = (await seen(Migrations(later, tmp_path / "migrations")))["drift"]

    assert pending == ("warning", "at none yet; 1 of 1 to apply: `activerow upgrade`")
    assert [name for name, (state, _) in sound.items() if state != "ok" and name != "time zone"] == []
    assert drift[0] == "warning"
    await later.dispose()


@pytest.mark.backends("sqlite", "asyncpg")
async def test_a_foreign_key_without_an_index_is_told(make_database: MakeDatabase, tmp_path: Path) -> None:
    """MySQL makes one by itself."""
    db = await make_database(base_with(without_index))

    found = await seen(Migrations(db, tmp_path))

    assert found["indexes of foreign keys"] == ("warning", "missing: pets.owner_id: deletes scan the table")
    assert found["revisions"][0] == "warning"


@pytest.mark.backends("asyncmy")
async def test_a_database_that_is_not_utf8_is_told(make_database: MakeDatabase, tmp_path: Path) -> None:
    """Its new tables would not hold every letter."""
    db = await make_database(base_with(without_index))
    name = db.url.database if db.url else ""
    async with db.engine.begin() as connection:
        await connection.execute(text(f"ALTER DATABASE `{name}` CHARACTER SET latin1"))

    found = await seen(Migrations(db, tmp_path))

    async with db.engine.begin() as connection:
        await connection.execute(text(f"ALTER DATABASE `{name}` CHARACTER SET utf8mb4"))
    assert found["character set"] == ("warning", "latin1; utf8mb4 is what it should be")
