"""What is not the project's is never proposed to be dropped."""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import text

from activerow import Database
from activerow.migrations import Migrations, create_folder
from tests.migrations.projects import write
from tests.migrations.scenarios import base_with, rules, schemas
from tests.tools.backends.active import MakeDatabase
from tests.tools.backends.backend import Backend

pytestmark = pytest.mark.backends("sqlite", "asyncpg", "asyncmy")


@pytest.fixture
async def migrations(make_database: MakeDatabase, tmp_path: Path) -> Migrations:
    """Those of a project with one table."""
    create_folder(tmp_path / "migrations")
    found = Migrations(
        await make_database(base_with(partial(rules, later=False)), create=False), tmp_path / "migrations"
    )
    await found.revision("first")
    await found.upgrade()
    return found


@pytest.fixture
async def without_models(migrations: Migrations) -> AsyncIterator[Migrations]:
    """The same, when all models are gone."""
    db = Database(migrations.database.url, base=base_with(lambda _metadata: None))
    yield Migrations(db, migrations.folder)
    await db.dispose()


async def run(migrations: Migrations, *statements: str) -> None:
    """Run statements."""
    async with migrations.database.engine.begin() as connection:
        for statement in statements:
            await connection.execute(text(statement))


ANYWHERE = ["ALTER TABLE queue ADD COLUMN note TEXT", "CREATE INDEX ix_queue ON queue (id)", "DELETE FROM queue"]
ON_POSTGRESQL = [
    "LOCK TABLE queue IN SHARE MODE",
    "COMMENT ON TABLE queue IS 'theirs'",
    "TRUNCATE TABLE queue",
    "GRANT SELECT ON TABLE queue TO postgres",
    "CREATE TABLE IF NOT EXISTS queue (id INTEGER)",
]


async def test_a_table_that_a_revision_only_names_is_not_ours(migrations: Migrations, backend: Backend) -> None:
    """Neither is one that a revision makes by SQL, for a purpose that no model shows."""
    await run(migrations, "CREATE TABLE queue (id INTEGER)")
    for statement in ANYWHERE + (ON_POSTGRESQL if backend.dialect == "postgresql" else []):
        await write(migrations, f"op.execute({statement!r})")
    await write(migrations, 'op.execute("CREATE TABLE staging (id INTEGER)")')

    await migrations.upgrade()

    assert await migrations.check() == []


async def test_a_table_that_a_revision_has_made_is_ours(migrations: Migrations, without_models: Migrations) -> None:
    """Under its last name, until a revision drops it: whoever makes one of that name then is somebody else."""
    await write(migrations, 'op.create_table("one", sa.Column("id", sa.Integer()))\nop.rename_table("one", "two")')
    await write(migrations, 'op.create_table("three", sa.Column("id", sa.Integer()))')
    await write(migrations, 'op.drop_table("three")', 'op.create_table("three", sa.Column("id", sa.Integer()))')
    await migrations.upgrade()
    await run(migrations, "CREATE TABLE one (id INTEGER)", "CREATE TABLE three (id INTEGER)")

    assert sorted(await without_models.check()) == ["drop table boxes", "drop table two"]


@pytest.mark.backends("asyncpg")
async def test_a_schema_is_part_of_a_tables_name(make_database: MakeDatabase, tmp_path: Path) -> None:
    """Somebody's table is not ours because it has the name of one of ours in another schema."""
    create_folder(tmp_path / "migrations")
    db = await make_database(base_with(partial(schemas, later=False)), create=False)
    migrations = Migrations(db, tmp_path / "migrations")
    await migrations.revision("first")
    await migrations.upgrade()

    await run(migrations, "CREATE TABLE invoices (id INTEGER)", "CREATE TABLE billing.boxes (id INTEGER)")

    assert await migrations.check() == []


@pytest.mark.backends("asyncpg")
async def test_partitions_and_tables_of_extensions_are_never_ours(
    migrations: Migrations, without_models: Migrations
) -> None:
    """Even if a revision has made them."""
    await write(migrations, 'op.create_table("days", sa.Column("day", sa.Date()))')
    await write(migrations, 'op.create_table("spatial", sa.Column("id", sa.Integer()))')
    await migrations.upgrade()
    await run(
        migrations,
        "DROP TABLE days",
        "CREATE TABLE all_days (day DATE) PARTITION BY RANGE (day)",
        "CREATE TABLE days PARTITION OF all_days DEFAULT",
        "ALTER EXTENSION plpgsql ADD TABLE spatial",
    )

    found = await without_models.check()
    await run(migrations, "ALTER EXTENSION plpgsql DROP TABLE spatial")

    assert found == ["drop table boxes"]
