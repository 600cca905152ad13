"""What went wrong in the files of revisions, with the file and the ways out."""

import traceback
import warnings
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from alembic.script import Script, ScriptDirectory
from alembic.util import CommandError

from activerow.errors import ActiveRowError
from activerow.migrations.errors import MigrationError


@contextmanager
def readable(script: ScriptDirectory) -> Generator[None]:
    """Raise our error when a file of the folder is no revision, or stands on one that is not there."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # says less than the error below
            yield
    except KeyError as error:
        missing = str(error.args[0])
        files = (path for path in Path(script.versions).glob("*.py") if missing in path.read_text("utf-8"))
        raise MigrationError(
            f"there is no revision {missing!r}, on which {', '.join(sorted(path.name for path in files))} stands: its"
            " file was not committed, or was deleted. Put it back; or, where no database has it, set down_revision to"
            " the one before"
        ) from error
    except CommandError as error:
        raise MigrationError(f"the revisions in {script.versions} cannot be read: {error}") from error
    except Exception as error:
        raise MigrationError(f"a file in {script.versions} cannot be read: {_words(error)}") from error


def several_heads(heads: Sequence[str]) -> MigrationError:
    """The history has several ends."""
    return MigrationError(
        f"there are several newest revisions ({', '.join(sorted(heads))}), written side by side:"
        " `activerow merge -m 'both'` joins them"
    )


def failed(error: Exception, script: Script, *, up: bool) -> Exception:
    """The error of a revision that was being applied or taken back, with its name and file."""
    verb = "applying" if up else "taking back"
    where = f"{verb} revision {script.revision} {script.doc} ({script.path})"
    if isinstance(error, ActiveRowError):
        error.add_note(f"while {where}")
        return error
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == script.path]
    line = f" in line {lines[-1]}" if lines else ""
    return MigrationError(f"{where} failed{line}: {type(error).__name__}: {error}")


def _words(error: Exception) -> str:
    file = getattr(error, "filename", None)
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.endswith(".py")]
    where = (
        f"{file}, line {getattr(error, 'lineno', '?')}" if file else f"{frames[-1].filename}, line {frames[-1].lineno}"
    )
    return f"{where}: {type(error).__name__}: {error}"
