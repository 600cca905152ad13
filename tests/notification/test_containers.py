"""The files that containers are made from, as far as they can be read without an engine."""

import re

import pytest

from notification.settings import Settings
from serving.settings import PROJECT_FOLDER
from tests.notification.tools.service import SECRET, PlainSettings


def _text(name: str) -> str:
    return (PROJECT_FOLDER / name).read_text(encoding="utf-8")


def test_what_compose_sets_are_settings() -> None:
    """No variable is misspelt: each is a setting of the service, or MySQL's own."""
    names = set(re.findall(r"^    ([A-Z_]+): ", _text("compose.yaml"), flags=re.MULTILINE))

    assert {"DATABASE_URL", "JWT_SECRET", "METRICS_TOKEN", "BROKER_URL", "REDIS_URL"} <= names
    assert names <= {name.upper() for name in Settings.model_fields}


# What the image says itself, and what is for development alone.
_OF_THE_IMAGE = {"HOST", "PORT", "LOG_DIR"}
_FOR_DEVELOPMENT = {"RELOAD", "WEBHOOK_ALLOW_PRIVATE"}


def test_compose_passes_every_setting() -> None:
    """One that it does not know would be set in vain: mail, proxies, encryption, providers, rates."""
    passed = dict(re.findall(r"^    ([A-Z_]+): (.*)$", _text("compose.yaml"), flags=re.MULTILINE))
    of_the_image = set(re.findall(r"\b([A-Z_]+)=", _text("Dockerfile")))

    assert set(passed) == {name.upper() for name in Settings.model_fields} - _OF_THE_IMAGE - _FOR_DEVELOPMENT
    assert of_the_image >= _OF_THE_IMAGE | {"ENVIRONMENT"}


def test_what_is_not_set_is_the_default() -> None:
    """`docker compose up` and `make run` mean the same by a setting that nobody has set."""
    passed = dict(re.findall(r"^    ([A-Z_]+): \$\{\1:-(.*)\}$", _text("compose.yaml"), flags=re.MULTILINE))
    example = dict(re.findall(r"^(?:# )?([A-Z_]+)=(.*)$", _text(".env.example"), flags=re.MULTILINE))
    others = {"ENVIRONMENT": "production", "ALLOWED_ORIGINS": ""}

    assert len(passed) > 40
    assert {name: value for name, value in passed.items() if value != example[name]} == others


def test_what_compose_passes_starts_in_production(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the three settings that it asks for, and nothing else."""
    set_by_hand = {"JWT_SECRET": SECRET, "TRUSTED_HOSTS": "api.example.com", "MYSQL_PASSWORD": "letters"}
    for name, value in re.findall(r"^    ([A-Z_]+): (.*)$", _text("compose.yaml"), flags=re.MULTILINE):
        given = re.sub(r"\$\{(\w+):\?[^}]*\}", lambda found: set_by_hand[found[1]], value)
        monkeypatch.setenv(name, re.sub(r"\$\{\w+:-(.*)\}", r"\1", given))

    settings = PlainSettings()

    assert (settings.environment, settings.trusted_hosts) == ("production", ("api.example.com", "127.0.0.1"))


def test_no_password_stands_in_the_files() -> None:
    """Secrets come from outside, and without them nothing starts."""
    secrets = re.findall(r"(?:MYSQL_PASSWORD|JWT_SECRET): (.*)", _text("compose.yaml"))

    assert len(secrets) == 2
    assert all(re.fullmatch(r"\$\{\w+:\?[\w ]+\}", secret) for secret in secrets)
    assert "PASSWORD" not in _text("Dockerfile")


def test_what_the_image_copies_is_let_through() -> None:
    """`.dockerignore` keeps everything out but what the Dockerfile copies, which exists."""
    lines = re.findall(r"^COPY (?!--from)(.+) \S+$", _text("Dockerfile"), flags=re.MULTILINE)
    copied = [path for line in lines for path in line.split()]

    allowed = re.findall(r"^!(\S+)$", _text(".dockerignore"), flags=re.MULTILINE)
    assert sorted(copied) == sorted(allowed)
    assert all((PROJECT_FOLDER / path).exists() for path in copied)


def test_the_image_runs_without_root() -> None:
    """The last user that the Dockerfile names is not root, and what it installs is locked."""
    text = _text("Dockerfile")

    assert re.findall(r"^USER (\d+)$", text, flags=re.MULTILINE) == ["10001"]
    assert "--require-hashes" in text
