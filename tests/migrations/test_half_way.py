"""Revisions that stop half way: undone where the server can, continued where it cannot."""

import signal
from pathlib import Path

import pytest
from sqlalchemy import text

from activerow import Database
from activerow.errors import DatabaseError
from activerow.migrations import Migrations, UnfinishedMigrationError, create_folder, diagnose
from tests.migrations.processes import run_python
from tests.migrations.projects import no_models
from tests.migrations.test_migrations import tables_of
from tests.tools.backends.active import MakeDatabase
from tests.tools.backends.backend import Backend

pytestmark = pytest.mark.backends("sqlite", "asyncpg", "asyncmy")

UP = """
    op.create_table("one", sa.Column("id", sa.Integer(), primary_key=True))
    op.execute("INSERT INTO one VALUES (1)")
    {then}
    op.create_table("two", sa.Column("id", sa.Integer(), primary_key=True))
"""
DOWN = """
    op.drop_table("two")
    {then}
    op.drop_table("one")
"""
FAIL = 'op.execute("SELECT * FROM nowhere")'
KILL = 'import os; os.kill(os.getpid(), 9) if "KILL" in os.environ else None'


class Project:
    """A database, a folder with one revision, and ways to change the revision."""

    def __init__(self, db: Database, folder: Path) -> None:
        self.db = db
        self.migrations = Migrations(db, folder)
        self.template = ""
        self.file = folder

    async def begin(self) -> None:
        """Write the revision."""
        create_folder(self.file)
        written = await self.migrations.revision("two tables", empty=True)
        assert written.path is not None
        self.file, self.template = written.path, written.path.read_text("utf-8")

    def write(self, up: str = "pass", down: str = "pass") -> None:
        """Change what comes between the two tables."""
        head, middle, tail = self.template.split("    pass\n")
        assert not tail
        self.file.write_text(f"{head}{UP.format(then=up)}{middle}{DOWN.format(then=down)}", "utf-8")

    async def numbers(self) -> list[int]:
        """The rows of the first table."""
        async with self.db.engine.connect() as connection:
            return list((await connection.execute(text("SELECT id FROM one"))).scalars())

    async def failed_checks(self) -> dict[str, str]:
        """What `doctor` says is broken."""
        return {check.name: check.detail async for check in diagnose(self.migrations) if check.state == "failed"}


@pytest.fixture
async def project(make_database: MakeDatabase, tmp_path: Path) -> Project:
    """One with a revision of two tables."""
    made = Project(await make_database(no_models(), create=False), tmp_path / "migrations")
    await made.begin()
    return made


async def test_an_upgrade_goes_on_behind_its_last_statement(project: Project, backend: Backend) -> None:
    """A failure is undone, or explained by doctor; after the repair the next upgrade does the rest, nothing twice."""
    project.write(up=FAIL)

    with pytest.raises(DatabaseError, match="nowhere"):
        await project.migrations.upgrade()
    broken = await project.failed_checks()
    project.write()
    await project.migrations.upgrade()

    if backend.dialect == "mysql":
        assert "stopped after 2 statement(s)" in broken["unfinished revision"]
    else:
        assert broken == {}
    assert await project.numbers() == [1]
    assert "two" in await tables_of(project.db)
    assert await project.failed_checks() == {}


async def test_a_downgrade_goes_on_behind_its_last_statement(project: Project) -> None:
    """Going down half way is continued going down."""
    project.write(down=FAIL)
    await project.migrations.upgrade()

    with pytest.raises(DatabaseError, match="nowhere"):
        await project.migrations.downgrade("base")
    project.write()
    await project.migrations.downgrade("base")

    assert await tables_of(project.db) <= {"alembic_version", "activerow_migration_progress"}
    assert await project.failed_checks() == {}


@pytest.mark.backends("mysql")
async def test_what_was_done_may_not_be_rewritten(project: Project) -> None:
    """Statements that the server has executed are others now: nobody can tell what the tables are like."""
    project.write(up=FAIL)
    with pytest.raises(DatabaseError, match="nowhere"):
        await project.migrations.upgrade()
    project.write()
    project.file.write_text(project.file.read_text("utf-8").replace("VALUES (1)", "VALUES (7)"), "utf-8")

    with pytest.raises(UnfinishedMigrationError) as caught:
        await project.migrations.upgrade()

    assert caught.value.done == 2
    assert await project.numbers() == [1]
    assert "two" not in await tables_of(project.db)


@pytest.mark.backends("mysql")
async def test_the_other_direction_is_refused_half_way(project: Project) -> None:
    """A revision that is half applied cannot be taken back: its downgrade expects all of it."""
    project.write(down=FAIL)
    await project.migrations.upgrade()
    with pytest.raises(DatabaseError, match="nowhere"):
        await project.migrations.downgrade("base")

    with pytest.raises(UnfinishedMigrationError, match="downgrade"):
        await project.migrations.upgrade()


async def test_a_killed_process_leaves_what_the_next_can_go_on_from(project: Project) -> None:
    """SIGKILL between two statements: no lock stays, and the upgrade is done once."""
    project.write(up=KILL)

    killed = await run_python(
        "tests.migrations.upgrading",
        str(project.db.url and project.db.url.render_as_string(hide_password=False)),
        str(project.file.parent.parent),
        KILL="1",
    )
    await project.migrations.upgrade()

    assert killed.code == -signal.SIGKILL
    assert await project.numbers() == [1]
    assert "two" in await tables_of(project.db)
    assert await project.migrations.unfinished() is None
