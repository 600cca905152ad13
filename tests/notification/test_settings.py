"""Settings: where they come from, and what is refused."""

from pathlib import Path

import pytest
from pydantic import ValidationError
from pydantic_settings import SettingsConfigDict
from sqlalchemy.pool import QueuePool

from notification.models import db
from notification.security.vault import Vault
from notification.settings import Settings
from serving.settings import PROJECT_FOLDER, explain
from tests.notification.tools.service import PlainSettings, serving, settings_for

NAMES = [
    "DATABASE_URL",
    "DB_ECHO",
    "DB_POOL_SIZE",
    "DB_MAX_OVERFLOW",
    "DB_POOL_RECYCLE",
    "SLOW_QUERY_MS",
    "METRICS_TOKEN",
    "JWT_SECRET",
    "JWT_PREVIOUS_SECRETS",
    "ACCESS_TOKEN_MINUTES",
    "RECENT_LOGIN_MINUTES",
    "ENCRYPTION_KEY",
    "ENCRYPTION_PREVIOUS_KEYS",
    "REFRESH_TOKEN_DAYS",
    "GOOGLE_CLIENT_ID",
    "GOOGLE_CLIENT_SECRET",
    "GOOGLE_URL",
    "KAKAO_CLIENT_ID",
    "KAKAO_CLIENT_SECRET",
    "KAKAO_URL",
    "FACEBOOK_CLIENT_ID",
    "FACEBOOK_CLIENT_SECRET",
    "FACEBOOK_URL",
    "SOCIAL_REDIRECT_URL",
    "SOCIAL_TIMEOUT",
    "ENVIRONMENT",
    "HOST",
    "PORT",
    "RELOAD",
    "ALLOWED_ORIGINS",
    "TRUSTED_HOSTS",
    "TRUSTED_PROXIES",
    "LOGIN_RATE",
    "SERVICE_RATE",
    "REDIS_URL",
    "MAX_BODY_BYTES",
    "LOG_DIR",
    "LOG_LEVEL",
    "LOG_MAX_BYTES",
    "LOG_BACKUP_COUNT",
    "SMTP_URL",
    "MAIL_FROM",
    "KAKAO_API_URL",
    "KAKAO_API_KEY",
    "WEBHOOK_ALLOW_PRIVATE",
    "INSTALLATION",
    "BROKER_URL",
    "WORKER_CONCURRENCY",
    "MAX_ATTEMPTS",
    "DELIVERY_TIMEOUT",
    "RETRY_SECONDS",
    "SWEEP_SECONDS",
    "HANDOVER_SECONDS",
    "RETENTION_DAYS",
]


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of whoever runs the tests counts."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


def test_these_are_the_settings() -> None:
    """The names in the environment are the fields' in capitals."""
    assert {name.upper() for name in Settings.model_fields} == set(NAMES)


def test_every_setting_is_documented() -> None:
    """`.env.example` and the page about the service list each of them."""
    example = (PROJECT_FOLDER / ".env.example").read_text(encoding="utf-8")
    page = (PROJECT_FOLDER / "docs" / "notification.md").read_text(encoding="utf-8")

    assert [name for name in NAMES if f"{name}=" not in example] == []
    assert [name for name in NAMES if f"`{name}`" not in page] == []


def test_the_example_is_the_default() -> None:
    """A copy of `.env.example` changes nothing."""

    class ExampleSettings(Settings):
        model_config = SettingsConfigDict(env_file=PROJECT_FOLDER / ".env.example")

    assert ExampleSettings().model_dump() == PlainSettings().model_dump()


def test_the_environment_wins_over_the_env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is set for one start counts more than what is set for all."""
    (tmp_path / ".env").write_text("PORT=9001\nHOST=0.0.0.0\nSOMETHING_ELSE=1\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PORT", "9002")

    settings = Settings()

    assert (settings.host, settings.port) == ("0.0.0.0", 9002)


def test_relative_paths_count_from_the_project_folder() -> None:
    """Wherever the service is started, it finds the same database."""
    settings = PlainSettings(database_url="sqlite:///data/app.db", log_dir=Path("var/log"))

    assert settings.database_url == f"sqlite:///{PROJECT_FOLDER / 'data' / 'app.db'}"
    assert settings.log_dir == PROJECT_FOLDER / "var" / "log"


@pytest.mark.parametrize("url", ["sqlite:////tmp/app.db", "sqlite://", "sqlite:///:memory:", "mysql://u:p@h/d"])
def test_other_urls_stay_as_they_are(url: str) -> None:
    """An absolute path, a database in memory and a server are meant as they are written."""
    assert PlainSettings(database_url=url).database_url == url


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hosts and origins are written as one writes them."""
    monkeypatch.setenv("TRUSTED_HOSTS", "api.example.com, *.example.org,")
    monkeypatch.setenv("ALLOWED_ORIGINS", "")

    settings = PlainSettings()

    assert settings.trusted_hosts == ("api.example.com", "*.example.org")
    assert settings.allowed_origins == ()


SAFE = {
    "environment": "production",
    "jwt_secret": "a secret of one's own, thirty-two bytes",
    "trusted_hosts": "api.example.com",
    "allowed_origins": "",
}


@pytest.mark.parametrize("environment", ["production", " Production", "staging"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("jwt_secret", "for development only: anyone can read this secret"),
        ("jwt_secret", "short, but one's own"),
        ("jwt_secret", "x" * 64),
        ("jwt_previous_secrets", f"{'x' * 32},for development only: anyone can read this secret"),
        ("encryption_key", "secret"),
        ("metrics_token", "secret"),
        ("trusted_hosts", "*"),
        ("allowed_origins", "https://shop.example,*"),
    ],
)
def test_what_is_weak_is_refused_where_strangers_come(environment: str, name: str, value: str) -> None:
    """In staging too: tokens that anyone can sign are no tokens, and a wildcard is a setting that was forgotten."""
    with pytest.raises(ValidationError) as caught:
        PlainSettings.model_validate(SAFE | {"environment": environment, name: value})

    (line,) = explain(caught.value)
    assert line.startswith(f"{name.upper()}: ")


def test_what_is_forgotten_is_refused_where_strangers_come() -> None:
    """The defaults are for development."""
    with pytest.raises(ValidationError) as caught:
        PlainSettings.model_validate({"environment": "production"})

    assert [line.partition(":")[0] for line in explain(caught.value)] == [
        "JWT_SECRET",
        "ALLOWED_ORIGINS",
        "TRUSTED_HOSTS",
    ]


def test_safe_settings_are_accepted_in_production() -> None:
    """What is refused are defaults, not production."""
    assert PlainSettings.model_validate(SAFE).is_on_the_internet


def test_new_secrets_leave_api_keys_readable() -> None:
    """Whichever of the two secrets is replaced, or set for the first time."""
    sealed = Vault(PlainSettings.model_validate({"jwt_secret": "first"}).passphrases).seal("secret", "owner")
    later = {"jwt_secret": "second", "jwt_previous_secrets": "first"}

    for values in (later, later | {"encryption_key": "third"}, {"jwt_secret": "first", "encryption_key": "third"}):
        assert Vault(PlainSettings.model_validate(values).passphrases).open(sealed, "owner") == "secret"


@pytest.mark.parametrize("name", ["google", "facebook"])
def test_a_client_needs_its_secret(name: str) -> None:
    """Half of a provider's settings is told at the start, not to the first user."""
    with pytest.raises(ValidationError) as caught:
        PlainSettings.model_validate({f"{name}_client_id": "ours"})

    (line,) = explain(caught.value)
    assert line.startswith(f"{name.upper()}_CLIENT_SECRET: ")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "80a"),
        ("PORT", "70000"),
        ("DATABASE_URL", "my secret database"),
        ("DATABASE_URL", ""),
        ("JWT_SECRET", " "),
        ("ENVIRONMENT", "moon"),
        ("LOG_LEVEL", "SHOUT"),
        ("TRUSTED_HOSTS", "a*b.example.com"),
        ("DB_POOL_SIZE", "0"),
        ("GOOGLE_URL", "secret database"),
        ("SOCIAL_REDIRECT_URL", ""),
        ("SOCIAL_REDIRECT_URL", "javascript:alert(1)"),
        ("SOCIAL_TIMEOUT", "0"),
    ],
)
def test_a_wrong_setting_is_one_line_without_its_value(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """The line names the setting as it is written in the environment."""
    monkeypatch.setenv(name, value)

    with pytest.raises(ValidationError) as caught:
        PlainSettings()

    (line,) = explain(caught.value)
    assert line.startswith(f"{name}: ")
    assert "\n" not in line
    assert "secret database" not in line


async def test_the_pool_is_as_large_as_the_settings_say(tmp_path: Path) -> None:
    """DB_POOL_SIZE, DB_MAX_OVERFLOW and DB_POOL_RECYCLE reach the engine, and statements hide their values."""
    changes = {"db_pool_size": 3, "db_max_overflow": 2, "db_pool_recycle": 60}

    async with serving(settings_for(tmp_path, **changes)):
        engine = db.engine.sync_engine

    pool = engine.pool
    assert isinstance(pool, QueuePool)
    assert (pool.size(), vars(pool)["_max_overflow"], vars(pool)["_recycle"]) == (3, 2, 60)
    assert engine.hide_parameters


def test_settings_can_be_printed() -> None:
    """Neither the secret nor a password in the database's URL is shown."""
    settings = PlainSettings.model_validate({"database_url": "mysql://u:hunter2@h/d", "jwt_secret": "hunter2"})

    assert "hunter2" not in repr(settings)
