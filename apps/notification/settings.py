"""Settings of the service: environment variables first, then `.env`, then the defaults below."""

from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

PROJECT_FOLDER = Path(__file__).resolve().parents[2]
DEVELOPMENT_SECRET = "for development only: anyone can read this secret"  # noqa: S105  # refused in production
_SIGNATURE_BYTES = 32
_ADDRESS = r"^[^\s@<>,;:\"]+@[A-Za-z0-9][A-Za-z0-9.-]*$"
_BROKERS = ("redis", "rediss", "amqp", "amqps", "nats")

# A comma-separated setting, such as TRUSTED_HOSTS=api.example.com,localhost.
Words = Annotated[tuple[str, ...], NoDecode]


class Settings(BaseSettings):
    """Everything that differs between one installation and another."""

    model_config = SettingsConfigDict(
        env_file=(PROJECT_FOLDER / ".env", ".env"),
        env_file_encoding="utf-8",
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    # ENVIRONMENT stands before JWT_SECRET, whose check asks for it.
    environment: Literal["development", "test", "staging", "production"] = "development"

    database_url: str = Field(default="sqlite:///notification.db", repr=False, validate_default=True)
    db_echo: bool = False
    db_pool_size: int = Field(default=5, ge=1)
    db_max_overflow: int = Field(default=10, ge=0)
    db_pool_recycle: int = Field(default=900, ge=1)

    jwt_secret: SecretStr = Field(default=SecretStr(DEVELOPMENT_SECRET), validate_default=True)
    access_token_minutes: int = Field(default=30, ge=1)

    host: str = Field(default="127.0.0.1", min_length=1)
    port: int = Field(default=8000, ge=0, le=65535)
    reload: bool = False
    allowed_origins: Words = ("*",)
    trusted_hosts: Words = ("*",)

    log_dir: Path = Field(default=Path("logs"), validate_default=True)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"
    log_backup_count: int = Field(default=30, ge=0)

    smtp_url: SecretStr = SecretStr("")
    mail_from: str = Field(default="notification@localhost.localdomain", pattern=_ADDRESS)
    kakao_api_url: str = Field(default="", pattern=r"^(https?://\S+)?$", repr=False)
    kakao_api_key: SecretStr = SecretStr("")
    webhook_allow_private: bool = False
    broker_url: SecretStr = SecretStr("")
    worker_concurrency: int = Field(default=10, ge=1, le=1000)
    max_attempts: int = Field(default=8, ge=1, le=100)
    delivery_timeout: float = Field(default=15, gt=0, le=600)
    retry_seconds: float = Field(default=10, gt=0)
    sweep_seconds: float = Field(default=5, gt=0)
    handover_seconds: float = Field(default=60, gt=0)

    @field_validator("allowed_origins", "trusted_hosts", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(word.strip() for word in value.split(",") if word.strip()) if isinstance(value, str) else value

    @field_validator("trusted_hosts")
    @classmethod
    def _host_patterns(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if wrong := [host for host in value if "*" in host.removeprefix("*.") and host != "*"]:
            raise ValueError(f"{wrong[0]!r} is not a host name; a wildcard stands at the front, as in *.example.com")
        return value

    @field_validator("environment", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.strip().lower() if isinstance(value, str) else value

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: object) -> object:
        return value.strip().upper() if isinstance(value, str) else value

    @field_validator("jwt_secret")
    @classmethod
    def _secret_of_ones_own(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        secret = value.get_secret_value()
        if not secret.strip():
            raise ValueError("set it to a random text; it is empty")
        if secret == DEVELOPMENT_SECRET and info.data.get("environment") == "production":
            raise ValueError("set it to a random text of your own; the default is for development only")
        return value

    @field_validator("database_url")
    @classmethod
    def _from_the_project_folder(cls, value: str) -> str:
        url = _parsed(value)
        name = url.database
        if url.get_backend_name() != "sqlite" or not name or name == ":memory:" or name.startswith("file:"):
            return value
        return url.set(database=str(PROJECT_FOLDER / name)).render_as_string(hide_password=False)

    @field_validator("log_dir")
    @classmethod
    def _folder_from_the_project_folder(cls, value: Path) -> Path:
        return PROJECT_FOLDER / value.expanduser()

    @field_validator("smtp_url")
    @classmethod
    def _mail_server(cls, value: SecretStr) -> SecretStr:
        _check_server(value, ("smtp", "smtps"), "smtp://user:password@mail.example.com:587")
        return value

    @field_validator("broker_url")
    @classmethod
    def _broker(cls, value: SecretStr) -> SecretStr:
        _check_server(value, _BROKERS, "redis://localhost:6379, amqp://... or nats://...")
        return value

    @property
    def secret_is_short(self) -> bool:
        """The secret has fewer bytes than a signature of HS256, so that guessing it is the easier way in."""
        return len(self.jwt_secret.get_secret_value().encode()) < _SIGNATURE_BYTES


def _parsed(url: str) -> URL:
    try:
        return make_url(url)
    except ArgumentError:
        # The original message may repeat the URL, and with it a password.
        example = "sqlite:///app.db or postgresql://user:password@host/name"
        raise ValueError(f"not the URL of a database, such as {example}") from None


def _check_server(value: SecretStr, schemes: Collection[str], example: str) -> None:
    url = value.get_secret_value()
    if not url:
        return
    try:
        parts = urlsplit(url)
        usable = parts.scheme in schemes and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False  # the original message may repeat the URL
    if not usable:
        raise ValueError(f"not a URL such as {example}")


def explain(error: ValidationError) -> list[str]:
    """One line for each setting that is wrong, by the name it has in the environment; never its value."""
    return [
        f"{'_'.join(str(part) for part in fault['loc'][:1]).upper()}: {fault['msg'].removeprefix('Value error, ')}"
        for fault in error.errors(include_input=False, include_context=False, include_url=False)
    ]
