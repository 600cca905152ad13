"""What the service writes down, and what it does not."""

import json
import logging
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from activerow.errors import UniqueViolationError
from notification.app import create_app
from notification.errors import EmailTakenError
from notification.models import Users
from notification.ops.logs import LineFormatter, describe, mask, writing
from notification.settings import Settings
from tests.notification.tools.service import (
    ADA,
    GRACE,
    SECRET,
    everything_logged,
    lines,
    registered,
    running,
    serving,
    settings_for,
)

ME = "/api/v1/users/me"


async def test_a_request_is_one_line(settings: Settings) -> None:
    """Method, path, status, duration and id of every request, as info below 500."""
    async with serving(settings) as client:
        await client.get("/health?secret=hunter2", headers={"x-request-id": "r-1"})
        await client.get("/nowhere")

    health, nowhere = [line for line in lines(settings, "app") if "path" in line]
    assert (health["level"], health["method"], health["path"], health["status"]) == ("INFO", "GET", "/health", 200)
    assert (health["request_id"], health["duration_ms"] >= 0) == ("r-1", True)
    assert (nowhere["level"], nowhere["status"]) == ("INFO", 404)
    assert "hunter2" not in everything_logged(settings)


async def test_a_taken_phone_number_is_in_the_db_log(settings: Settings) -> None:
    """What the database refused: model, operation and the driver's code, under the id of the request."""
    async with serving(settings) as client:
        grace, ada = await registered(client, GRACE), await registered(client, ADA)
        await client.patch(ME, json={"phone_number": "010-1234-5678"}, headers=grace)
        await client.patch(ME, json={"phone_number": "010-1234-5678"}, headers=ada | {"x-request-id": "r-taken"})

    (line,) = [line for line in lines(settings, "db") if line.get("code") == "unique_violation"]
    assert (line["model"], line["operation"], line["columns"]) == ("Users", "update", ["phone_number"])
    assert line["driver_code"] == "SQLITE_CONSTRAINT_UNIQUE"
    assert (line["request_id"], line["level"], line["status"]) == ("r-taken", "INFO", 409)
    assert "1234" not in everything_logged(settings)


async def test_a_database_error_that_became_one_of_ours_is_in_the_db_log(settings: Settings) -> None:
    """A use case that turns a violation into its own refusal does not hide it."""
    app = create_app(settings)

    @app.get("/twice")
    async def twice() -> None:
        try:
            await Users.create(email="ada@example.com")
        except UniqueViolationError as error:
            raise EmailTakenError from error

    async with running(app) as client:
        await client.get("/twice")
        await client.get("/twice")

    assert [line["code"] for line in lines(settings, "db") if "code" in line] == ["unique_violation"]


async def test_an_unexpected_error_says_where_it_was(settings: Settings) -> None:
    """Class, file, function and line are on the request's line, without a word of code in the handler."""
    app = create_app(settings)

    @app.get("/broken")
    async def broken() -> float:
        return 1 / len(())

    async with running(app) as client:
        await client.get("/broken")

    (line,) = [line for line in lines(settings, "app") if line["level"] == "ERROR"]
    first = broken.__code__.co_firstlineno
    assert (line["status"], line["path"]) == (500, "/broken")
    assert line["error"]["class"] == "ZeroDivisionError"
    assert line["error"]["file"] == "tests/notification/ops/test_logs.py"
    assert line["error"]["function"].endswith("broken")
    assert line["error"]["line"] == first + 2


async def test_an_error_inside_a_library_is_where_we_called_it(settings: Settings) -> None:
    """The place is the last one in the application's own code; the whole way is beside it."""
    app = create_app(settings)

    @app.get("/broken")
    async def broken() -> None:
        httpx.URL(7)  # type: ignore[arg-type]  # the error is wanted

    async with running(app) as client:
        await client.get("/broken")

    (line,) = [line for line in lines(settings, "app") if line["level"] == "ERROR"]
    assert line["error"]["class"] == "TypeError"
    assert line["error"]["file"] == "tests/notification/ops/test_logs.py"
    assert "_urls.py" in line["error"]["trace"][-1]


async def test_connecting_and_disposing_are_in_the_db_log(tmp_path: Path) -> None:
    """The log says when the service had its database, and which."""
    settings = settings_for(tmp_path)
    async with serving(settings):
        pass

    told = [line["message"] for line in lines(settings, "db")]
    assert told[0].startswith("connected to sqlite+aiosqlite:///")
    assert told[-1].startswith("disconnected from sqlite+aiosqlite:///")


async def test_no_secret_is_written(settings: Settings, capfd: pytest.CaptureFixture[str]) -> None:
    """No e-mail in full, no password, no hash, no token and no value of a statement, at the lowest levels there are."""
    loud = settings.model_copy(update={"log_level": "DEBUG", "db_echo": True})
    app = create_app(loud)

    @app.get("/broken")
    async def broken() -> None:
        await Users.create(email="ada@example.com", pw="hunter2", name="Ada")

    async with running(app) as client:
        ada = await registered(client, ADA)
        await client.patch(ME, json={"name": "Countess"}, headers=ada)
        await client.post("/api/v1/auth/login/email", json=ADA | {"pw": "hunter2"})
        await client.post("/api/v1/auth/login/email", json={"email": ADA["email"], "pw": {"hunter2": 1}})
        await client.get("/broken")
        await client.get("/ada@example.com")

    written = everything_logged(loud) + "".join(capfd.readouterr())
    secrets = (ADA["email"], ADA["pw"], "hunter2", "Countess", "$argon2", ada["authorization"].split()[1], SECRET)
    assert [secret for secret in secrets if secret in written] == []
    assert "INSERT INTO users" in written
    assert "a***@example.com" in written


async def test_lines_are_on_stderr_too(settings: Settings, capfd: pytest.CaptureFixture[str]) -> None:
    """What a container collects is what the files say."""
    async with serving(settings) as client:
        await client.get("/health")

    written = capfd.readouterr().err
    assert '"path": "/health"' in written
    assert "connected to" in written


async def test_files_turn_at_midnight_and_old_ones_go(settings: Settings) -> None:
    """A line of a new day begins a new file; LOG_BACKUP_COUNT old ones are kept."""
    folder = settings.log_dir / "app"
    folder.mkdir(parents=True)
    for name in ("app.log.2026-01-01", "app.log.2026-01-02", "app.log"):
        (folder / name).write_text(name)
    yesterday = datetime(2026, 1, 3, tzinfo=UTC).timestamp()
    os.utime(folder / "app.log", (yesterday, yesterday))

    async with serving(settings.model_copy(update={"log_backup_count": 2})) as client:
        await client.get("/health")

    assert sorted(file.name for file in folder.iterdir()) == ["app.log", "app.log.2026-01-02", "app.log.2026-01-03"]
    assert "/health" in (folder / "app.log").read_text()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ada@example.com", "a***@example.com"),
        ("no user ada.l+x@mail.example.co.kr!", "no user a***@mail.example.co.kr!"),
        ("사용자@example.com", "사***@example.com"),
        ("o'hara!x@example.com", "o***@example.com"),
        ("Bearer eyJhbGciOi.eyJzdWIi.c2ln-_", "Bearer [token]"),
        ("nothing at all", "nothing at all"),
        ("refresh_" + "x" * 43, "[token]"),
    ],
)
def test_emails_and_tokens_are_masked(text: str, shown: str) -> None:
    """Enough is left to tell two users apart, not enough to write to one."""
    assert mask(text) == shown


def test_a_line_is_made_once() -> None:
    """Two files and stderr write the same text; masking it is most of the work."""
    record = logging.LogRecord("notification.app", logging.INFO, __file__, 1, "to ada@example.com", None, None)
    formatter = LineFormatter(["message"])

    lines = [formatter.format(record) for _ in range(3)]

    assert lines[0] is lines[1] is lines[2]
    assert json.loads(lines[0]) == {"message": "to a***@example.com"}


async def test_a_line_stays_one_line(settings: Settings) -> None:
    """What a caller sends cannot begin a line of its own."""
    async with serving(settings) as client:
        await client.get("/x%0A%7B%22level%22:%22ERROR%22%7D%E2%80%A8")

    written = lines(settings, "app")
    assert [line["status"] for line in written if "status" in line] == [404]


def test_an_error_is_described_without_its_words() -> None:
    """The text of an exception may quote a value; its class and those of its causes do not."""
    try:
        try:
            raise KeyError("hunter2")
        except KeyError as cause:
            raise ValueError("hunter2") from cause
    except ValueError as error:
        described: dict[str, Any] = describe(error)

    assert "hunter2" not in str(described)
    assert (described["class"], described["caused_by"]) == ("ValueError", ["KeyError"])


async def test_logging_is_as_before_when_the_service_has_ended(settings: Settings) -> None:
    """The service leaves no handler and no level behind in the process."""
    root = logging.getLogger()
    before = (list(root.handlers), root.level, logging.getLogger("sqlalchemy.engine").level)

    async with serving(settings):
        assert root.handlers != before[0]

    assert (list(root.handlers), root.level, logging.getLogger("sqlalchemy.engine").level) == before


def test_a_days_file_has_a_size_and_one_reader(settings: Settings) -> None:
    """A flood of requests fills no disk, and other users of the machine read nothing."""
    small = settings.model_copy(update={"log_max_bytes": 2_000})
    log = logging.getLogger("notification.app")

    with writing(small):
        for number in range(200):
            log.warning("line %d", number)

    file = small.log_dir / "app" / "app.log"
    assert 2_000 <= file.stat().st_size < 3_000
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_text().endswith("\n")
