"""What differs between models and database is found on every server, all of it, and nothing else."""

from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, TypeDecorator, text

from activerow import Database
from activerow.errors import UniqueViolationError
from activerow.migrations import Migrations, create_folder, walk
from tests.migrations.scenarios import base_with, columns, enum_values, every_type, rules, schemas
from tests.models import library
from tests.tools.backends.active import MakeDatabase

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


async def test_rows_outlive_the_rebuilding_of_their_table(release: Release) -> None:
    """SQLite makes the table anew: neither its rows nor those that refer to it with ON DELETE CASCADE are lost."""
    project = await release(columns)
    await project.rows(
        "INSERT INTO staff (id, pay, code) VALUES (1, 2, 'x')",
        "INSERT INTO staff (id, pay, code, chief_id) VALUES (2, 2, 'y', 1)",
        "INSERT INTO desks (id, owner_id) VALUES (1, 2)",
    )

    await project.after.revision("second")
    await project.rows("DELETE FROM desks WHERE id = 7", "UPDATE staff SET code = 'z' WHERE id = 7")
    with pytest.raises(UniqueViolationError):
        await project.after.upgrade()
    await project.rows("DELETE FROM desks", "DELETE FROM staff WHERE id = 2", "INSERT INTO desks VALUES (1, 1)")
    await project.after.upgrade()

    assert (await project.count("staff"), await project.count("desks")) == (1, 1)
    assert await project.after.check() == []


async def test_the_tables_of_others_are_left_alone(make_database: MakeDatabase, folder: Path) -> None:
    """A table that no model and no revision knows is not ours to drop; one that a revision has made is."""
    db = await make_database(base_with(partial(rules, later=False)), create=False)
    await Migrations(db, folder).revision("first")
    await Migrations(db, folder).upgrade()
    async with db.engine.begin() as connection:
        await connection.execute(text("CREATE TABLE queue_of_somebody (id INTEGER)"))
    without = Database(db.url, base=base_with(lambda _metadata: None))

    assert await Migrations(db, folder).check() == []
    assert await Migrations(without, folder).check() == ["drop table boxes"]
    await without.dispose()


@pytest.mark.backends("asyncpg")
async def test_schemas_are_made_and_compared(release: Release) -> None:
    """Tables of a schema are made once, changed, and taken back; the schema is made where it is not there."""
    project = await release(schemas)
    await project.rows("CREATE SCHEMA of_others", "CREATE TABLE of_others.invoices (id INTEGER)")

    assert await project.before.check() == []
    await project.after.revision("second")
    await project.after.upgrade()

    assert await project.after.check() == []
    await project.after.downgrade("base")


async def test_two_bases_of_one_database_are_compared_together(make_database: MakeDatabase, folder: Path) -> None:
    """One revision has the tables of both; neither drops the other's."""
    db = await make_database(base_with(partial(rules, later=False)), create=False)
    db.bind(base_with(partial(columns, later=False)))
    migrations = Migrations(db, folder)

    written = await migrations.revision("both")
    await migrations.upgrade()

    assert {"create table boxes", "create table staff", "create table desks"} <= set(written.changes)
    assert await migrations.check() == []


class Keyed(TypeDecorator[str]):
    """A type that needs an argument of its own, which its `repr` does not show."""

    impl = String
    cache_ok = True

    def __init__(self, key: str, length: int = 40) -> None:
        self.key = key
        super().__init__(length)


class Box:
    """What has a type in it."""

    class Inner(TypeDecorator[str]):
        """A type inside of a class."""

        impl = String(9)
        cache_ok = True


def own_types(metadata: MetaData) -> None:
    """Columns of the project's own types."""
    kinds: dict[str, TypeDecorator[str]] = {"keyed": Keyed("SECRET"), "inner": Box.Inner()}
    columns: list[Column[str]] = [Column(name, kind) for name, kind in kinds.items()]
    Table("own", metadata, Column("id", Integer, primary_key=True), *columns)


async def test_types_of_ones_own_are_written_as_they_are_made(make_database: MakeDatabase, folder: Path) -> None:
    """The whole call, or the plain SQL type where it is not known; no argument that is nobody's business."""
    migrations = Migrations(await make_database(base_with(own_types), create=False), folder)

    written = await migrations.revision("own types")
    await migrations.upgrade()

    assert written.path is not None
    text = written.path.read_text("utf-8")
    assert f"{__name__}.Box.Inner(length=9)" in text
    assert "sa.String(length=40)" in text
    assert "SECRET" not in text
    assert await migrations.check() == []


@pytest.mark.backends("asyncpg")
async def test_an_enum_type_of_others_is_left_alone(release: Release) -> None:
    """A type that no model has is only dropped when a revision has made it."""
    project = await release(enum_values)

    await project.rows("CREATE TYPE mood_of_somebody AS ENUM ('calm')")

    assert await project.before.check() == []


async def test_models_with_mixins_come_back_as_they_went(make_database: MakeDatabase, folder: Path) -> None:
    """Unique values of rows that are not deleted, owners, hierarchies: revisions make them, and find no difference."""
    db = await make_database(library.Base, create=False)
    migrations = Migrations(db, folder)

    await migrations.revision("the library")
    await migrations.upgrade()

    assert await migrations.check() == []
    first = await library.Author.create(name="Ada", email="ada@example.com")
    with pytest.raises(UniqueViolationError):
        await library.Author.create(name="Eve", email="ada@example.com")
    await first.delete()
    assert (await library.Author.create(name="Eve", email="ada@example.com")).id != first.id
