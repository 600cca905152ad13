"""What differs between models and database is found on every server, all of it, and nothing else."""

from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from activerow import Database
from activerow.migrations import Migrations, walk
from activerow.migrations.folder import create_folder
from tests.backends.active import MakeDatabase
from tests.migrations.scenarios import base_with, columns, enum_values, every_type, rules

pytestmark = pytest.mark.backends("sqlite", "asyncpg", "asyncmy")

Scenario = Callable[..., None]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty migration folder."""
    create_folder(tmp_path / "migrations")
    return tmp_path / "migrations"


class Releases:
    """Two releases of a project, on one database."""

    def __init__(self, scenario: Scenario, db: Database, folder: Path) -> None:
        self.db = db
        self.before = Migrations(db, folder)
        self.later_db = Database(db.url, base=base_with(partial(scenario, later=True)))
        self.after = Migrations(self.later_db, folder)

    async def rows(self, *statements: str) -> None:
        """Run statements that leave rows."""
        async with self.db.engine.begin() as connection:
            for statement in statements:
                await connection.execute(text(statement))

    async def count(self, table: str) -> int:
        """How many rows a table has."""
        async with self.db.engine.connect() as connection:
            return int((await connection.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one())


Release = Callable[[Scenario], Any]


@pytest.fixture
async def release(make_database: MakeDatabase, folder: Path) -> AsyncIterator[Release]:
    """The first release of a scenario, applied."""
    made: list[Releases] = []

    async def make(scenario: Scenario) -> Releases:
        db = await make_database(base_with(partial(scenario, later=False)), create=False)
        made.append(Releases(scenario, db, folder))
        await made[-1].before.revision("first")
        await made[-1].before.upgrade()
        return made[-1]

    yield make
    for releases in made:
        await releases.later_db.dispose()


async def test_every_type_and_default_comes_back_as_it_went(make_database: MakeDatabase, folder: Path) -> None:
    """No false drift for what the library and SQLAlchemy offer; up, down and up with rows."""
    db = await make_database(base_with(every_type), create=False)
    migrations = Migrations(db, folder)
    await migrations.revision("every type")

    await walk(migrations)

    assert await migrations.check() == []


@pytest.mark.parametrize("scenario", [enum_values, rules, columns])
async def test_a_change_is_found_applied_and_taken_back(release: Release, scenario: Scenario) -> None:
    """After the second revision the database is as the new models say, and after taking it back as the old ones."""
    project = await release(scenario)
    assert await project.before.check() == []

    written = await project.after.revision("second")
    await project.after.upgrade()

    assert written.changes
    assert await project.after.check() == []
    await project.after.downgrade("-1")
    [second, _first] = project.after.history()
    second.path.unlink()
    assert await project.before.check() == []
