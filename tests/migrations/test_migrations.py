"""Writing revisions, and going up and down with them."""

from pathlib import Path

import pytest
from sqlalchemy import inspect

from activerow import Database
from activerow.errors import DatabaseError
from activerow.migrations import (
    MigrationError,
    Migrations,
    ProjectError,
    UnknownRevisionError,
    UnknownSchemaError,
    create_folder,
    walk,
)
from tests.migrations.projects import first_release, no_models, second_release
from tests.tools.backends.active import MakeDatabase
from tests.tools.backends.backend import Backend

TABLES = {"users", "posts"}


async def tables_of(db: Database) -> set[str]:
    """The names of the tables there are."""
    async with db.engine.connect() as connection:
        return set(await connection.run_sync(lambda sync: inspect(sync).get_table_names()))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty migration folder."""
    create_folder(tmp_path / "migrations")
    return tmp_path / "migrations"


async def test_a_revision_makes_the_tables_and_leaves_no_drift(make_database: MakeDatabase, folder: Path) -> None:
    """What autogenerate writes for the models brings an empty database to exactly their tables."""
    db = await make_database(first_release(), create=False)
    migrations = Migrations(db, folder)

    written = await migrations.revision("first tables")
    steps = await migrations.upgrade()

    assert written.path is not None
    assert [step.message for step in steps] == ["first tables"]
    assert await tables_of(db) >= TABLES
    assert await migrations.check() == []


async def test_up_down_and_up_again(make_database: MakeDatabase, folder: Path) -> None:
    """After `base` nothing is left but the version table; upgrading again finds an empty database."""
    db = await make_database(first_release(), create=False)
    migrations = Migrations(db, folder)
    await migrations.revision("first tables")
    await migrations.upgrade()

    await migrations.downgrade("base")
    left = await tables_of(db)
    await migrations.upgrade()

    assert left <= {"alembic_version", "activerow_migration_progress"}
    assert await migrations.check() == []


async def test_without_differences_nothing_is_written(make_database: MakeDatabase, folder: Path) -> None:
    """An empty revision is not written, and the models that were seen are named."""
    db = await make_database(first_release(), create=False)
    migrations = Migrations(db, folder)
    await migrations.revision("first tables")
    await migrations.upgrade()

    written = await migrations.revision("nothing new")

    assert written.path is None
    assert [name.rpartition(".")[2] for name in written.models] == ["Post", "User"]
    assert len(list((folder / "versions").glob("*.py"))) == 1


async def test_a_second_release_is_found_and_applied(make_database: MakeDatabase, folder: Path) -> None:
    """A column that was added and a type that changed become a revision; rows stay."""
    db = await make_database(first_release(), create=False)
    await Migrations(db, folder).revision("first tables")
    await Migrations(db, folder).upgrade()
    async with db.engine.begin() as connection:
        await connection.exec_driver_sql("INSERT INTO users (email) VALUES ('ada@example.com')")
    later = Database(db.url, base=second_release())
    migrations = Migrations(later, folder)

    written = await migrations.revision("names")
    await migrations.upgrade()

    assert "add column users.name" in written.changes
    assert any(change.startswith("alter column posts.title") for change in written.changes)
    assert await migrations.check() == []
    async with later.engine.connect() as connection:
        assert (await connection.exec_driver_sql("SELECT count(*) FROM users WHERE name IS NULL")).scalar() == 1
    await later.dispose()


async def test_a_database_behind_its_revisions_is_not_compared(make_database: MakeDatabase, folder: Path) -> None:
    """Differences that an unapplied revision brings would be written twice."""
    db = await make_database(first_release(), create=False)
    migrations = Migrations(db, folder)
    await migrations.revision("first tables")

    with pytest.raises(MigrationError, match="`upgrade` first"):
        await migrations.check()


async def test_an_unknown_revision_is_refused_with_those_there_are(make_database: MakeDatabase, folder: Path) -> None:
    """The error lists what could have been meant."""
    db = await make_database(first_release(), create=False)
    migrations = Migrations(db, folder)
    written = await migrations.revision("first tables")

    with pytest.raises(UnknownRevisionError) as caught:
        await migrations.upgrade("nowhere")

    assert written.path is not None
    assert caught.value.known[0] in written.path.name


async def test_a_folder_without_env_is_no_migration_folder(make_database: MakeDatabase, tmp_path: Path) -> None:
    """The error says how to make one."""
    db = await make_database(first_release(), create=False)

    with pytest.raises(ProjectError, match="activerow init"):
        await Migrations(db, tmp_path).upgrade()


async def test_a_database_that_create_all_made_is_recognised(make_database: MakeDatabase, folder: Path) -> None:
    """It is stamped with the revision whose tables it has, and upgraded from there."""
    empty = await make_database(first_release(), create=False)
    await Migrations(empty, folder).revision("first tables")
    await Migrations(empty, folder).upgrade()
    later = Database(empty.url, base=second_release())
    await Migrations(later, folder).revision("names")
    await later.dispose()
    made = await make_database(first_release())
    grown = Database(made.url, base=second_release())

    steps = await Migrations(grown, folder).upgrade()

    assert [step.message for step in steps] == ["names"]
    assert await Migrations(grown, folder).check() == []
    await grown.dispose()


async def test_a_strange_database_is_explained_and_left_alone(make_database: MakeDatabase, folder: Path) -> None:
    """Tables that are those of no revision: the differences are listed, nothing is changed."""
    empty = await make_database(first_release(), create=False)
    await Migrations(empty, folder).revision("first tables")
    strange = await make_database(second_release())
    db = Database(strange.url, base=first_release())

    with pytest.raises(UnknownSchemaError, match=r"remove column users\.name|drop column users\.name"):
        await Migrations(db, folder).upgrade()

    assert await Migrations(db, folder).current() == ()
    await db.dispose()


async def test_dangerous_changes_are_found(make_database: MakeDatabase, folder: Path) -> None:
    """A column that goes, and the rows of a table, are not lost unseen."""
    db = await make_database(second_release(), create=False)
    await Migrations(db, folder).revision("tables")
    await Migrations(db, folder).upgrade()
    smaller = Database(db.url, base=first_release())

    seen = await Migrations(smaller, folder).revision("smaller", confirm=lambda _changes, _findings: False)

    assert seen.path is None
    assert {finding.code for finding in seen.findings} == {"drop_column", "narrower"}
    await smaller.dispose()


async def test_a_revision_that_fails_leaves_nothing_or_is_continued(
    make_database: MakeDatabase, folder: Path, backend: Backend
) -> None:
    """PostgreSQL and SQLite undo it; MySQL and MariaDB say where it stopped and go on from there."""
    db = await make_database(no_models(), create=False)
    migrations = Migrations(db, folder)
    written = await migrations.revision("two tables", empty=True)
    assert written.path is not None
    text = written.path.read_text("utf-8")
    first = '    op.create_table("one", sa.Column("id", sa.Integer(), primary_key=True))\n'
    broken = text.replace("    pass\n", first + '    op.execute("SELECT * FROM nowhere")\n', 1)
    written.path.write_text(broken, "utf-8")

    with pytest.raises(DatabaseError):
        await migrations.upgrade()
    stopped = await migrations.unfinished()
    repaired = broken.replace('op.execute("SELECT * FROM nowhere")', 'op.execute("CREATE TABLE two (id INTEGER)")')
    written.path.write_text(repaired, "utf-8")
    await migrations.upgrade()

    assert (stopped is not None and stopped.done) == (1 if backend.dialect == "mysql" else False)
    assert {"one", "two"} <= await tables_of(db)
    assert await migrations.unfinished() is None


async def test_sql_for_somebody_else_to_run(make_database: MakeDatabase, folder: Path) -> None:
    """The same revisions as text, for the database's own kind of server."""
    db = await make_database(first_release(), create=False)
    migrations = Migrations(db, folder)
    await migrations.revision("first tables")

    sql = migrations.sql()

    assert "CREATE TABLE users" in sql
    assert "INSERT INTO alembic_version" in sql


async def test_the_newest_revision_can_be_thrown_away_until_applied(make_database: MakeDatabase, folder: Path) -> None:
    """Its file is deleted; one that the database has is kept."""
    db = await make_database(first_release(), create=False)
    migrations = Migrations(db, folder)
    await migrations.revision("first tables")
    await migrations.upgrade()

    with pytest.raises(MigrationError, match="downgrade -1"):
        await migrations.drop_last()
    await migrations.downgrade("-1")
    path = await migrations.drop_last()

    assert not path.exists()


async def test_the_walk_tries_every_revision_with_rows(make_database: MakeDatabase, folder: Path) -> None:
    """Up, down and up over each, with a row in every table, and no drift at the end."""
    db = await make_database(first_release(), create=False)
    await Migrations(db, folder).revision("first tables")
    await Migrations(db, folder).upgrade()
    later = Database(db.url, base=second_release())
    await Migrations(later, folder).revision("names")
    await Migrations(later, folder).downgrade("base")

    await walk(Migrations(later, folder))

    async with later.engine.connect() as connection:
        assert (await connection.exec_driver_sql("SELECT count(*) FROM posts")).scalar() == 1
    await later.dispose()


async def test_the_walk_tells_of_drift(make_database: MakeDatabase, folder: Path) -> None:
    """A model that was changed without a revision."""
    db = await make_database(first_release(), create=False)
    await Migrations(db, folder).revision("first tables")
    grown = Database(db.url, base=second_release())

    with pytest.raises(MigrationError, match=r"add column users\.name"):
        await walk(Migrations(grown, folder))
    await grown.dispose()
