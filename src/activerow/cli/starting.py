"""Commands for the beginning: a migration folder, a small project, an empty database."""

import asyncio
import re
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Final

import typer

from activerow.cli.output import say
from activerow.cli.settings import settings_of
from activerow.migrations import ProjectError, create_database, create_folder, find_projects

_TEMPLATES: Final = "activerow.cli"
_SETTINGS: Final = """
[tool.activerow]
database = "{database}"
models = [{models}]
migrations = "{migrations}"
{path}
[tool.alembic]  # so that plain `alembic` works as well
script_location = "%(here)s/{migrations}"
prepend_sys_path = [{folders}]
"""


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    for command in (init, createdb):
        app.command()(command)


def init(
    context: typer.Context,
    app: Annotated[bool, typer.Option("--app", help="Write a small working FastAPI project as well.")] = False,
) -> None:
    """Write a migration folder, and `[tool.activerow]` into pyproject.toml.

    Examples: `activerow init --app`, `activerow --database shop.models:db --models shop.models init`
    """
    settings = settings_of(context)
    root = settings.folder.resolve()
    if app:
        _write_app(root)
    pyproject = root / "pyproject.toml"
    if not _has_settings(pyproject):
        database = settings.database or "app.models:db"
        models = settings.models or (database.partition(":")[0],)
        _append(pyproject, database, models, settings.migrations or Path("migrations"))
        say(f"wrote [tool.activerow] into {pyproject}")
    for name, project in find_projects(root).items():
        create_folder(project.folder, None if name == "default" else name)
        say(f"wrote {project.folder}")
    say("next: `activerow revision -m 'first tables'`, then `activerow upgrade`")


def _has_settings(pyproject: Path) -> bool:
    return pyproject.is_file() and re.search(r"^\[tool\.activerow[\].]", pyproject.read_text("utf-8"), re.M) is not None


def _append(pyproject: Path, database: str, models: tuple[str, ...], migrations: Path) -> None:
    before = pyproject.read_text("utf-8").rstrip() + "\n" if pyproject.is_file() else ""
    is_in_src = (pyproject.parent / "src" / database.partition(":")[0].partition(".")[0]).exists()
    text = _SETTINGS.format(
        database=database,
        models=", ".join(f'"{model}"' for model in models),
        migrations=migrations.as_posix(),
        path='path = ["src"]\n' if is_in_src else "",
        folders='".", "src"' if is_in_src else '"."',
    )
    pyproject.write_text((before + text).lstrip(), "utf-8")


def _write_app(root: Path) -> None:
    source = files(_TEMPLATES) / "templates"
    planned = [(entry, root / target) for entry, target in _entries(source)]
    there = [str(target) for _, target in planned if target.exists()]
    if there:
        raise ProjectError(f"{', '.join(there)} is there already; `init --app` is for an empty folder")
    for entry, target in planned:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(entry.read_text("utf-8"), "utf-8")
        say(f"wrote {target}")


def _entries(folder: Traversable, path: str = "") -> list[tuple[Traversable, str]]:
    """The files of the template with the names they get: they carry `.tmpl`, so that no tool takes them for code."""
    entries: list[tuple[Traversable, str]] = []
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        name = f"{path}{entry.name}"
        if entry.is_dir():
            entries += _entries(entry, f"{name}/")
        elif name.endswith(".tmpl"):
            entries.append((entry, name.removesuffix(".tmpl")))
    return entries


def createdb(context: typer.Context) -> None:
    """Create the database itself on its server, with UTF-8, if it is not there."""
    database = settings_of(context).project().load()
    made = asyncio.run(create_database(database))
    say("created" if made else "it is there already")
