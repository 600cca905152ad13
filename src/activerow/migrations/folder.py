"""The migration folder: a normal Alembic one, with a short `env.py`."""

import importlib.util
import sys
from pathlib import Path
from typing import Final

from activerow.migrations.errors import ProjectError

FILE_TEMPLATE: Final = "%%(year)d_%%(month).2d_%%(day).2d_%%(hour).2d%%(minute).2d-%%(rev)s_%%(slug)s"
"""File names in the order of time; a `%` is doubled for Alembic's configuration."""

ENV: Final = '''"""What Alembic runs. The database and the models are those of [tool.activerow] in pyproject.toml."""

from activerow.migrations import run

run({name})
'''

TEMPLATE: Final = '''"""${message}

Revision ID: ${up_revision}
Revises: ${comma(down_revision) or "nothing"}
Create Date: ${create_date}
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}

revision: str = ${repr(up_revision)}
down_revision: str | Sequence[str] | None = ${repr(down_revision)}
branch_labels: str | Sequence[str] | None = ${repr(branch_labels)}
depends_on: str | Sequence[str] | None = ${repr(depends_on)}


def upgrade() -> None:
    """Go to this revision."""
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    """Go back to the revision before."""
    ${downgrades if downgrades else "pass"}
'''


def create_folder(folder: Path, name: str | None = None) -> None:
    """Write a migration folder without revisions.

    Args:
        folder: Where.
        name: Which database, where the project has several.

    Raises:
        ProjectError: Something is there already.
    """
    if folder.exists() and any(folder.iterdir()):
        raise ProjectError(f"{folder} is there already and is not empty")
    (folder / "versions").mkdir(parents=True)
    (folder / "env.py").write_text(ENV.format(name=repr(name) if name else ""), "utf-8")
    (folder / "script.py.mako").write_text(TEMPLATE, "utf-8")


def formatters() -> tuple[tuple[str, str], ...]:
    """Settings of Alembic's `post_write_hooks`: ruff, or else black, where one is installed."""
    steps: list[tuple[str, str]] = []
    if importlib.util.find_spec("ruff") is not None:
        steps = [
            ("imports", "-m ruff check --select I --fix --exit-zero --silent REVISION_SCRIPT_FILENAME"),
            ("format", "-m ruff format --quiet REVISION_SCRIPT_FILENAME"),
        ]
    elif importlib.util.find_spec("black") is not None:
        steps = [("format", "-m black --quiet REVISION_SCRIPT_FILENAME")]
    settings = [("hooks", ", ".join(name for name, _ in steps))] if steps else []
    for name, options in steps:
        settings += [(f"{name}.type", "exec"), (f"{name}.executable", sys.executable), (f"{name}.options", options)]
    return tuple(settings)


def remove(path: Path) -> Path:
    """Delete a revision's file."""
    path.unlink()
    return path
