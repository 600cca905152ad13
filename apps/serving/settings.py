"""What settings of every service have: a database, a place to listen, and errors told by environment variables."""

from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

PROJECT_FOLDER: Final = Path(__file__).resolve().parents[2]


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


def _upper(value: object) -> object:
    return value.strip().upper() if isinstance(value, str) else value


DatabaseUrl = Annotated[str, AfterValidator(database_url), Field(repr=False, validate_default=True)]
Port = Annotated[int, Field(ge=0, le=65535)]
LogLevel = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], BeforeValidator(_upper)]


class ServiceSettings(BaseSettings):
    """What differs between one installation of a service and another: the environment, then `.env`, then defaults."""

    model_config = SettingsConfigDict(
        env_file=(PROJECT_FOLDER / ".env", ".env"),
        env_file_encoding="utf-8",
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    database_url: DatabaseUrl = "sqlite:///service.db"
    db_pool_size: int = Field(default=5, ge=1)
    db_max_overflow: int = Field(default=10, ge=0)
    host: str = Field(default="127.0.0.1", min_length=1)
    port: Port = 8000
    reload: bool = False
    log_level: LogLevel = "INFO"
    max_body_bytes: int = Field(default=1_048_576, ge=1)


def explain(error: ValidationError, *, prefix: str = "") -> list[str]:
    """One line for each setting that is wrong, by the name it has in the environment; never its value."""
    return [
        f"{prefix}{_name(fault['loc']).removeprefix(prefix)}: {fault['msg'].removeprefix('Value error, ')}"
        for fault in error.errors(include_input=False, include_context=False, include_url=False)
    ]


def _name(location: tuple[int | str, ...]) -> str:
    return "_".join(str(part) for part in location[:1]).upper()
