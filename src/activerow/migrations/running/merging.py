"""Joining revisions that were written side by side."""

import io
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from alembic import command

from activerow.migrations.errors import MigrationError
from activerow.migrations.running.runner import Runner


def merge(runner: Runner, message: str) -> Path:
    """Write a revision that stands on all the newest ones; its path.

    Raises:
        MigrationError: There are not several.
    """
    heads = runner.script().get_heads()
    if len(heads) < 2:
        raise MigrationError(
            f"there is one newest revision ({heads[0]}), nothing to join" if heads else "no revision yet"
        )
    with redirect_stdout(io.StringIO()):  # Alembic tells of the file
        written: Any = command.merge(runner.config(), "heads", message=message)
    return Path(written.path)
