"""Settings of the service: environment variables first, then `.env`, then the defaults below."""

from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from limits import parse_many
from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import NoDecode

from notification.networks import network_of
from serving.settings import PROJECT_FOLDER, DatabaseUrl, ServiceSettings

DEVELOPMENT_SECRET = "for development only: anyone can read this secret"  # noqa: S105  # refused in production
_SIGNATURE_BYTES = 32
_FEW_LETTERS = 8  # so few different ones are no random text
_ON_THE_INTERNET = frozenset({"staging", "production"})
_ADDRESS = r"^[^\s@<>,;:\"]+@[A-Za-z0-9][A-Za-z0-9.-]*$"
_BROKERS = ("redis", "rediss", "amqp", "amqps", "nats")

# A comma-separated setting, such as TRUSTED_HOSTS=api.example.com,localhost.
Words = Annotated[tuple[str, ...], NoDecode]
Secrets = Annotated[tuple[SecretStr, ...], NoDecode]


class Settings(ServiceSettings):
    """Everything that differs between one installation and another."""

    # ENVIRONMENT stands before JWT_SECRET, whose check asks for it.
    environment: Literal["development", "test", "staging", "production"] = "development"

    database_url: DatabaseUrl = "sqlite:///notification.db"
    db_echo: bool = False
    db_pool_recycle: int = Field(default=900, ge=1)

    slow_query_ms: int = Field(default=500, ge=0)

    jwt_secret: SecretStr = Field(default=SecretStr(DEVELOPMENT_SECRET), validate_default=True)
    jwt_previous_secrets: Secrets = ()
    metrics_token: SecretStr | None = None
    access_token_minutes: int = Field(default=30, ge=1)
    recent_login_minutes: int = Field(default=15, ge=1)
    refresh_token_days: int = Field(default=30, ge=1, le=3650)

    google_client_id: str = ""
    google_client_secret: SecretStr = Field(default=SecretStr(""), validate_default=True)
    google_url: str = ""
    kakao_client_id: str = ""
    kakao_client_secret: SecretStr = SecretStr("")
    kakao_url: str = ""
    facebook_client_id: str = ""
    facebook_client_secret: SecretStr = Field(default=SecretStr(""), validate_default=True)
    facebook_url: str = ""
    social_redirect_url: str = "http://127.0.0.1:8000/api/v1/auth/{provider}/callback"
    social_timeout: float = Field(default=5, gt=0, le=60)

    encryption_key: SecretStr = SecretStr("")
    encryption_previous_keys: SecretStr = SecretStr("")

    allowed_origins: Words = Field(default=("*",), validate_default=True)
    trusted_hosts: Words = Field(default=("*",), validate_default=True)
    trusted_proxies: Words = ()

    login_rate: str = "20/minute"
    service_rate: str = "600/minute"
    redis_url: SecretStr = SecretStr("")

    log_dir: Path = Field(default=Path("logs"), validate_default=True)
    log_max_bytes: int = Field(default=104_857_600, ge=1)
    log_backup_count: int = Field(default=30, ge=0)

    smtp_url: SecretStr = SecretStr("")
    mail_from: str = Field(default="notification@localhost.localdomain", pattern=_ADDRESS)
    kakao_api_url: str = Field(default="", pattern=r"^(https?://\S+)?$", repr=False)
    kakao_api_key: SecretStr = SecretStr("")
    webhook_allow_private: bool = False
    installation: str = Field(default="notification", pattern=r"^[a-z][a-z0-9-]{0,40}$")
    broker_url: SecretStr = SecretStr("")
    worker_concurrency: int = Field(default=10, ge=1, le=1000)
    max_attempts: int = Field(default=8, ge=1, le=100)
    delivery_timeout: float = Field(default=15, gt=0, le=600)
    retry_seconds: float = Field(default=10, gt=0)
    sweep_seconds: float = Field(default=5, gt=0)
    handover_seconds: float = Field(default=60, gt=0)
    retention_days: int = Field(default=30, ge=0, le=36_500)

    @field_validator("allowed_origins", "trusted_hosts", "trusted_proxies", "jwt_previous_secrets", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(word.strip() for word in value.split(",") if word.strip()) if isinstance(value, str) else value

    @field_validator("trusted_hosts")
    @classmethod
    def _host_patterns(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if wrong := [host for host in value if "*" in host.removeprefix("*.") and host != "*"]:
            raise ValueError(f"{wrong[0]!r} is not a host name; a wildcard stands at the front, as in *.example.com")
        return value

    @field_validator("allowed_origins", "trusted_hosts")
    @classmethod
    def _named_on_the_internet(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if "*" in value and info.data.get("environment") in _ON_THE_INTERNET:
            raise ValueError("name them; * is for development only")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(str(network_of(text)) for text in value)

    @field_validator("login_rate", "service_rate")
    @classmethod
    def _rate(cls, value: str) -> str:
        if value.strip() and not _is_rate(value):
            raise ValueError("not a rate such as 10/minute or 10/minute;100/hour; empty is no limit")
        return value

    @field_validator("redis_url")
    @classmethod
    def _redis(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value() and not value.get_secret_value().startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("not the URL of a Redis server, such as redis://localhost:6379/0")
        return value

    @field_validator("environment", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.strip().lower() if isinstance(value, str) else value

    @field_validator("jwt_secret")
    @classmethod
    def _secret_of_ones_own(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        secret = value.get_secret_value()
        if not secret.strip():
            raise ValueError("set it to a random text; it is empty")
        if info.data.get("environment") in _ON_THE_INTERNET:
            if secret == DEVELOPMENT_SECRET:
                raise ValueError("set it to a random text of your own; the default is for development only")
            _check_random(secret)
        return value

    @field_validator("encryption_key", "metrics_token")
    @classmethod
    def _random_or_none(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if value and value.get_secret_value() and info.data.get("environment") in _ON_THE_INTERNET:
            _check_random(value.get_secret_value())
        return value

    @field_validator("jwt_previous_secrets")
    @classmethod
    def _previous_ones_of_ones_own(cls, value: tuple[SecretStr, ...], info: ValidationInfo) -> tuple[SecretStr, ...]:
        known = any(secret.get_secret_value() == DEVELOPMENT_SECRET for secret in value)
        if known and info.data.get("environment") in _ON_THE_INTERNET:
            raise ValueError("leave out the secret for development; anyone can sign with it")
        return value

    @field_validator("google_client_secret", "facebook_client_secret")
    @classmethod
    def _secret_of_the_client(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        client_id = str(info.field_name).replace("_secret", "_id")
        if info.data.get(client_id) and not value.get_secret_value():
            raise ValueError(f"set it as well; {client_id.upper()} is set")
        return value

    @field_validator("google_url", "kakao_url", "facebook_url", "social_redirect_url")
    @classmethod
    def _web_address(cls, value: str, info: ValidationInfo) -> str:
        if not value and info.field_name != "social_redirect_url":
            return value
        if not value.startswith(("https://", "http://")):
            raise ValueError("not an address that begins with https:// or http://")
        return value

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
    def passphrases(self) -> tuple[str, ...]:
        """What the secrets of API keys are encrypted with: the current passphrase, then those before it.

        JWT_SECRET encrypts while there is no ENCRYPTION_KEY, so that it and those before it may have been used too.
        """
        before = self.encryption_previous_keys.get_secret_value()
        # One passphrase may have a comma in it; a candidate too many opens nothing.
        candidates = (
            self.encryption_key.get_secret_value(),
            self.jwt_secret.get_secret_value(),
            *(passphrase.strip() for passphrase in (before, *before.split(","))),
            *(secret.get_secret_value() for secret in self.jwt_previous_secrets),
        )
        return tuple(dict.fromkeys(passphrase for passphrase in candidates if passphrase))

    @property
    def is_on_the_internet(self) -> bool:
        """Whether strangers can be expected: in staging and production."""
        return self.environment in _ON_THE_INTERNET

    @property
    def secret_is_short(self) -> bool:
        """The secret has fewer bytes than a signature of HS256, so that guessing it is the easier way in."""
        return len(self.jwt_secret.get_secret_value().encode()) < _SIGNATURE_BYTES


def _check_random(secret: str) -> None:
    if len(secret.encode()) < _SIGNATURE_BYTES or len(set(secret)) < _FEW_LETTERS:
        raise ValueError(
            'set it to 32 random bytes or more: python -c "import secrets; print(secrets.token_urlsafe(48))"'
        )


def _is_rate(text: str) -> bool:
    try:
        return all(limit.amount > 0 for limit in parse_many(text))
    except ValueError:
        return False


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
