"""Settings of the shop: environment variables first, then `.env`, then the defaults below."""

from pathlib import Path

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

PROJECT_FOLDER = Path(__file__).resolve().parents[2]
PREFIX = "SHOP_"


class Settings(BaseSettings):
    """Everything that differs between one installation and another; `SHOP_` stands before each name."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=(PROJECT_FOLDER / ".env", ".env"),
        env_file_encoding="utf-8",
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    database_url: str = Field(default="sqlite:///shop.db", repr=False, validate_default=True)
    db_pool_size: int = Field(default=5, ge=1)
    db_max_overflow: int = Field(default=10, ge=0)
    host: str = Field(default="127.0.0.1", min_length=1)
    port: int = Field(default=8002, ge=0, le=65535)

    @field_validator("database_url")
    @classmethod
    def _from_the_project_folder(cls, value: str) -> str:
        url = _parsed(value)
        name = url.database
        if url.get_backend_name() != "sqlite" or not name or name == ":memory:" or name.startswith("file:"):
            return value
        return url.set(database=str(PROJECT_FOLDER / name)).render_as_string(hide_password=False)


def _parsed(url: str) -> URL:
    try:
        return make_url(url)
    except ArgumentError:
        # The original message may repeat the URL, and with it a password.
        example = "sqlite:///shop.db or postgresql://user:password@host/name"
        raise ValueError(f"not the URL of a database, such as {example}") from None


def explain(error: ValidationError) -> list[str]:
    """One line for each setting that is wrong, by the name it has in the environment; never its value."""
    return [
        f"{PREFIX}{_name(fault['loc'])}: {fault['msg'].removeprefix('Value error, ')}"
        for fault in error.errors(include_input=False, include_context=False, include_url=False)
    ]


def _name(location: tuple[int | str, ...]) -> str:
    return str(location[0]).upper().removeprefix(PREFIX)
