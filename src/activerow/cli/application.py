"""The command `activerow`: its options, its commands, and how errors end it."""

import logging
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

import typer

from activerow.cli import inspecting, migrating, starting
from activerow.cli.output import complain, say
from activerow.cli.settings import Settings
from activerow.errors import ActiveRowError, DatabaseError, UnavailableError
from activerow.migrations import ProjectError

app = typer.Typer(
    name="activerow",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="Migrations, and a look at models and databases.",
    epilog="Exit codes: 0 done, 1 failed (or drift found), 2 the command or the project's settings are wrong.",
)

for group in (starting, migrating, inspecting):
    group.add_to(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        try:
            say(f"activerow {version('activerow')}")
        except PackageNotFoundError:
            say("activerow, run from its source")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    project: Annotated[
        Path,
        typer.Option(help="Where to look for pyproject.toml, upwards.", file_okay=False, exists=True),
    ] = Path(),
    name: Annotated[str | None, typer.Option("--name", "-n", help="Which database, where there are several.")] = None,
    database: Annotated[str | None, typer.Option(help="The Database, as package.module:name.")] = None,
    models: Annotated[list[str] | None, typer.Option(help="A module with models; may be given again.")] = None,
    migrations: Annotated[Path | None, typer.Option(help="The migration folder.")] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say what Alembic does.")] = False,
    show_version: Annotated[  # noqa: ARG001  (its callback does it)
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Read `[tool.activerow]` of the nearest pyproject.toml, unless options say otherwise."""
    # It repeats the server's notes, such as that MySQL has no use for the name of a primary key.
    logging.getLogger("asyncmy").setLevel(logging.WARNING if verbose else logging.ERROR)
    if verbose:
        logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    context.obj = Settings(project, name, database, tuple(models or ()), migrations)


def main() -> None:
    """Run the command; an error of ours is one message and an exit code, never a traceback."""
    try:
        app(prog_name="activerow")
    except ProjectError as error:
        complain(str(error))
        sys.exit(2)
    except UnavailableError as error:
        complain(f"{error}\n  `activerow createdb` makes a database that is not there; `activerow doctor` looks closer")
        sys.exit(1)
    except ActiveRowError as error:
        complain(_explained(error))
        sys.exit(1)
    except KeyboardInterrupt:
        complain("stopped")
        sys.exit(130)


def _explained(error: ActiveRowError) -> str:
    """The message, with what the server said: a migration has no bound values that must not be shown."""
    cause = error.__cause__ if isinstance(error, DatabaseError) else None
    said = str(getattr(cause, "orig", None) or cause or "")
    return "\n  ".join(filter(None, (str(error), said, *getattr(error, "__notes__", ()))))
