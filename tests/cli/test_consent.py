"""Nothing that destroys is written without a yes."""

import shutil
from pathlib import Path

import pytest

from tests.cli.shell import shell


@pytest.fixture
async def project(tmp_path: Path) -> Path:
    """One whose first revision is applied."""
    done = await shell(tmp_path, ["init", "--app"], ["revision", "-m", "first"], ["upgrade"])
    assert [entry.code for entry in done] == [0, 0, 0]
    return tmp_path


def revisions(project: Path) -> int:
    """How many there are."""
    return len(list((project / "migrations" / "versions").glob("*.py")))


def rewrite(project: Path, old: str, new: str) -> None:
    """Change the models."""
    models = project / "app" / "models.py"
    text = models.read_text("utf-8")
    assert old in text
    models.write_text(text.replace(old, new), "utf-8")


@pytest.mark.parametrize(("old", "new"), [(", base=Base)", ")"), ("class Note(", "class Memo(")])
async def test_tables_are_not_dropped_because_their_models_are_not_seen(project: Path, old: str, new: str) -> None:
    """Where nobody can be asked, --yes is not enough; what was seen is said."""
    rewrite(project, old, new)

    plain, yes, allowed = await shell(
        project,
        ["revision", "-m", "lost"],
        ["revision", "-m", "lost", "--yes"],
        ["revision", "-m", "meant", "--yes", "--allow-drop"],
    )

    assert [plain.code, yes.code, allowed.code] == [1, 1, 0]
    assert "not written without --allow-drop" in yes.err
    assert "models seen: none: give the Database its base=" in yes.err or "app.models.Memo" in yes.err
    assert revisions(project) == 2


async def test_a_column_is_not_dropped_without_a_yes(project: Path) -> None:
    """In a pipe the option is the yes."""
    rewrite(project, "    title: Mapped[str] = mapped_column(String(100), unique=True)\n", "")

    plain, yes = await shell(project, ["revision", "-m", "x"], ["revision", "-m", "x", "--yes"])

    assert (plain.code, yes.code) == (1, 0)
    assert "warning (drop_column) notes.title" in plain.out
    assert "not written without --yes" in plain.err


async def test_models_anywhere_in_a_package_are_seen(project: Path) -> None:
    """Nobody has to import them: the package's name is enough; what is run or tests is left alone."""
    models, app = (project / "app" / "models.py").read_text("utf-8"), project / "app"
    shutil.move(project / "migrations", app / "migrations")
    rewrite_settings(project)
    (app / "deep").mkdir()
    for name in ("deep/__init__", "__main__", "test_app", "migrations/__init__", "conftest"):
        (app / f"{name}.py").write_text("" if name.startswith("deep") else "raise SystemExit(7)\n")
    (app / "deep" / "more.py").write_text(models.partition("db =")[0].partition("class Base")[0] + DEEP)

    [revision, check] = await shell(project, ["revision", "-m", "deep"], ["models"])

    assert revision.code == 0
    assert "create table deeps" in revision.out
    assert "Deep\tdeeps" in check.out


DEEP = """
from app.models import Base


class Deep(Base):
    id: Mapped[int] = mapped_column(primary_key=True)
"""


def rewrite_settings(project: Path) -> None:
    """Name the package, and a folder of migrations in it."""
    file = project / "pyproject.toml"
    text = file.read_text("utf-8").replace('models = ["app.models"]', 'models = ["app"]')
    file.write_text(text.replace('migrations = "migrations"', 'migrations = "app/migrations"'), "utf-8")
