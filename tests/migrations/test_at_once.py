"""Instances of a service that start together, and all want to migrate."""

from pathlib import Path

import pytest

from activerow.migrations import MigrationLockError, Migrations, create_folder
from activerow.migrations.running import locked
from tests.migrations.processes import run_python
from tests.migrations.projects import first_release
from tests.migrations.test_migrations import TABLES, tables_of
from tests.tools.backends.active import MakeDatabase


@pytest.mark.backends("sqlite", "asyncpg", "asyncmy")
async def test_of_ten_processes_one_migrates(make_database: MakeDatabase, database_url: str, tmp_path: Path) -> None:
    """The others wait, find the work done, and succeed."""
    create_folder(tmp_path / "migrations")
    db = await make_database(first_release(), create=False)
    await Migrations(db, tmp_path / "migrations").revision("first tables")

    ended = await run_python("tests.migrations.upgrading", database_url, str(tmp_path / "migrations"), "10")

    assert ended.code == 0, ended.err
    assert sorted(ended.out.split()) == ["0"] * 9 + ["1"]
    assert await tables_of(db) >= TABLES


@pytest.mark.backends("asyncpg", "asyncmy")
async def test_who_waits_too_long_is_told(make_database: MakeDatabase, tmp_path: Path) -> None:
    """The error says that somebody else is at it; nothing was changed."""
    create_folder(tmp_path / "migrations")
    db = await make_database(first_release(), create=False)
    migrations = Migrations(db, tmp_path / "migrations", lock_timeout=0)

    async with locked(db.engine, migrations.name, 0):
        with pytest.raises(MigrationLockError, match="another process is migrating"):
            await migrations.upgrade()
    await migrations.upgrade()
