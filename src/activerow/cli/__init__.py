"""The command line: `activerow`. One file per group of commands; they parse, call and print."""

import sys

try:
    from activerow.cli.application import main
except ModuleNotFoundError as error:
    if error.name is None or error.name.partition(".")[0] not in {"alembic", "rich", "typer"}:
        raise
    _missing = error.name

    def main() -> None:
        """Say what is missing."""
        sys.stderr.write(f"activerow: {_missing} is not installed; pip install 'activerow[cli]'\n")
        sys.exit(2)


__all__ = ["main"]
