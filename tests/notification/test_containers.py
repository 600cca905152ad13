"""The files that containers are made from, as far as they can be read without an engine."""

import re

from notification.settings import Settings
from serving.settings import PROJECT_FOLDER


def _text(name: str) -> str:
    return (PROJECT_FOLDER / name).read_text(encoding="utf-8")


def test_what_compose_sets_are_settings() -> None:
    """No variable is misspelt: each is a setting of the service, or MySQL's own."""
    names = set(re.findall(r"^    ([A-Z_]+): ", _text("compose.yaml"), flags=re.MULTILINE))

    assert {"DATABASE_URL", "JWT_SECRET", "METRICS_TOKEN", "BROKER_URL", "REDIS_URL"} <= names
    assert names <= {name.upper() for name in Settings.model_fields}


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
