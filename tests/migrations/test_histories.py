"""Histories with two ends, with gaps, behind the database, and of several projects in one database."""

from collections.abc import Callable
from pathlib import Path

import pytest

from activerow.migrations import (
    DatabaseAheadError,
    MigrationError,
    Migrations,
    create_folder,
    diagnose,
)
from tests.migrations.projects import no_models, write
from tests.tools.backends.active import MakeDatabase

pytestmark = pytest.mark.backends("sqlite", "asyncpg", "asyncmy")


@pytest.fixture
async def migrations(make_database: MakeDatabase, tmp_path: Path) -> Migrations:
    """An empty history."""
    create_folder(tmp_path / "migrations")
    return Migrations(await make_database(no_models(), create=False), tmp_path / "migrations")


async def side_by_side(migrations: Migrations) -> None:
    """A revision, and two that two people wrote upon it."""
    await write(migrations, "pass", message="first")
    one = await write(migrations, 'op.create_table("a", sa.Column("id", sa.Integer()))', 'op.drop_table("a")')
    text = one.read_text("utf-8")
    one.unlink()
    await write(migrations, 'op.create_table("b", sa.Column("id", sa.Integer()))', 'op.drop_table("b")')
    one.write_text(text, "utf-8")


async def test_two_ends_are_joined(migrations: Migrations) -> None:
    """A revision is refused until `merge` has joined what was written side by side; then all goes up and down."""
    await side_by_side(migrations)
    told = {check.name: check async for check in diagnose(migrations)}
    with pytest.raises(MigrationError, match="activerow merge"):
        await migrations.revision("next")

    migrations.merge("both")

    assert "activerow merge" in told["history"].detail
    assert len([known for known in migrations.history() if known.is_head]) == 1
    assert len(await migrations.upgrade()) == 4
    assert len(await migrations.downgrade("base")) == 4


async def test_one_end_cannot_be_joined(migrations: Migrations) -> None:
    """There is nothing to merge in a straight history."""
    await write(migrations, "pass")

    with pytest.raises(MigrationError, match="nothing to join"):
        migrations.merge("both")


async def test_a_database_ahead_of_the_code_is_told_and_stamped(migrations: Migrations) -> None:
    """Its revision is named, with the ways out; `stamp` says where it really is."""
    first = await write(migrations, "pass", message="first")
    second = await write(migrations, "pass", message="second")
    await migrations.upgrade()
    [ahead] = await migrations.current()
    second.unlink()

    for call in (migrations.upgrade, migrations.check, migrations.pending):
        with pytest.raises(DatabaseAheadError, match=f"database is at revision '{ahead}'.*activerow stamp"):
            await call()
    await migrations.stamp()

    [known] = migrations.history()
    assert await migrations.current() == (known.revision,)
    assert known.path == first


def _a_gap(folder: Path) -> str:
    sorted(folder.glob("*_second.py"))[0].unlink()
    return "third.py stands: its file was not committed"


def _no_python(folder: Path) -> str:
    (folder / "broken.py").write_text("def upgrade(: pass\n", "utf-8")
    return r"broken\.py, line 1: SyntaxError"


def _a_circle(folder: Path) -> str:
    (folder / "circle.py").write_text("revision = down_revision = 'zz'\n", "utf-8")
    return "cannot be read"


@pytest.mark.parametrize("spoil", [_a_gap, _no_python, _a_circle])
async def test_files_that_cannot_be_read_are_named(migrations: Migrations, spoil: Callable[[Path], str]) -> None:
    """A missing or broken file is an error of ours for whatever looks at the history."""
    for name in ("first", "second", "third"):
        await write(migrations, "pass", message=name)

    wanted = spoil(migrations.folder / "versions")

    with pytest.raises(MigrationError, match=wanted):
        migrations.history()
    with pytest.raises(MigrationError, match=wanted):
        await migrations.upgrade()


async def test_a_revision_that_fails_is_named(migrations: Migrations) -> None:
    """Wrong SQL has the revision and its file with it, wrong Python the line as well."""
    path = await write(migrations, 'op.execute("SELEKT 1")', message="spelling")
    with pytest.raises(Exception, match=r"refused|syntax") as refused:
        await migrations.upgrade()
    assert "while applying revision" in refused.value.__notes__[0]
    assert str(path) in refused.value.__notes__[0]

    path.write_text(path.read_text("utf-8").replace('op.execute("SELEKT 1")', "1 / 0"), "utf-8")

    with pytest.raises(MigrationError, match=r"spelling .* failed in line \d+: ZeroDivisionError"):
        await migrations.upgrade()


async def test_projects_in_one_database_have_their_own_versions(migrations: Migrations, tmp_path: Path) -> None:
    """Each goes up and down by itself, and a history from before the table had a name is taken over."""
    await write(migrations, "pass", message="shared")
    await migrations.upgrade()
    taken_over = Migrations(migrations.database, migrations.folder, version_table="alembic_version_shop")
    create_folder(tmp_path / "log")
    log = Migrations(migrations.database, tmp_path / "log", name="log", version_table="alembic_version_log")
    await write(log, "pass", message="log")

    assert len(await log.upgrade()) == 1
    assert await taken_over.upgrade() == []

    assert await taken_over.current() == await migrations.current()
    assert await log.current() != await migrations.current()
    await log.downgrade("base")
    assert len(await taken_over.current()) == 1
