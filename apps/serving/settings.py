"""What settings of every service have: a database, and errors told by the names of environment variables."""

from pathlib import Path

from pydantic import ValidationError
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

PROJECT_FOLDER = Path(__file__).resolve().parents[2]


def database_url(text: str) -> str:
    """The URL of a database; the file of a SQLite database is looked for from the project's folder.

    Raises:
        ValueError: It is no URL of a database.
    """
    url = _parsed(text)
    name = url.database
    if url.get_backend_name() != "sqlite" or not name or name == ":memory:" or name.startswith("file:"):
        return text
    return url.set(database=str(PROJECT_FOLDER / name)).render_as_string(hide_password=False)


def _parsed(url: str) -> URL:
    try:
        return make_url(url)
    except ArgumentError:
        # The original message may repeat the URL, and with it a password.
        example = "sqlite:///app.db or postgresql://user:password@host/name"
        raise ValueError(f"not the URL of a database, such as {example}") from None


def explain(error: ValidationError, *, prefix: str = "") -> list[str]:
    """One line for each setting that is wrong, by the name it has in the environment; never its value."""
    return [
        f"{prefix}{_name(fault['loc']).removeprefix(prefix)}: {fault['msg'].removeprefix('Value error, ')}"
        for fault in error.errors(include_input=False, include_context=False, include_url=False)
    ]


def _name(location: tuple[int | str, ...]) -> str:
    return "_".join(str(part) for part in location[:1]).upper()
