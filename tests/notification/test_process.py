"""`python -m notification` as a process of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from serving.settings import PROJECT_FOLDER
from tests.notification.tools.service import ADA

SECRET = "a secret of this process, thirty-two bytes long"


def _environment(folder: Path, **changes: str) -> dict[str, str]:
    (folder / "home").mkdir(exist_ok=True)
    return {
        "PATH": os.environ.get("PATH", ""),
        "HOME": str(folder / "home"),
        "PYTHONPATH": os.pathsep.join(str(PROJECT_FOLDER / name) for name in ("src", "apps")),
        "PYTHONWARNINGS": "error",
        "ENVIRONMENT": "production",
        "JWT_SECRET": SECRET,
        "TRUSTED_HOSTS": "127.0.0.1",
        "ALLOWED_ORIGINS": "",
        "DATABASE_URL": f"sqlite:///{folder / 'service.db'}",
        "LOG_DIR": str(folder / "logs"),
        "HOST": "127.0.0.1",
        "PORT": "0",
        "RELOAD": "false",
    } | changes


@contextmanager
def started_service(folder: Path, **changes: str) -> Generator[tuple[subprocess.Popen[str], str]]:
    """The running service, and the first line that it printed."""
    with (folder / "stderr").open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "notification"],
            cwd=folder,
            env=_environment(folder, **changes),
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            start_new_session=True,
        )
    try:
        assert process.stdout
        yield process, process.stdout.readline()
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def address_of(line: str) -> str:
    return line.removeprefix("Notification API: ").partition(" ")[0]


def _refused(folder: Path, **changes: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "notification"],
        cwd=folder,
        env=_environment(folder, **changes),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == ""
    return done.returncode, done.stderr


def test_the_walk_through(tmp_path: Path) -> None:
    """Register, log in, read and change yourself, as the README does it with curl."""
    with started_service(tmp_path) as (process, line):
        with httpx.Client(base_url=address_of(line)) as client:
            token = client.post("/api/v1/auth/register/email", json=ADA).json()["access_token"]
            login = client.post("/api/v1/auth/login/email", json=ADA)
            headers = {"authorization": f"Bearer {token}"}
            changed = client.patch("/api/v1/users/me", json={"name": "Ada"}, headers=headers)
            me = client.get("/api/v1/users/me", headers=headers)
        process.terminate()
        process.wait(timeout=30)

    assert line.startswith("Notification API: http://127.0.0.1:")
    assert (login.status_code, changed.status_code, me.json()["name"]) == (200, 200, "Ada")
    assert "disconnected from" in (tmp_path / "logs" / "db" / "db.log").read_text()
    assert list((tmp_path / "home").iterdir()) == []


def test_ctrl_c_ends_it_in_order(tmp_path: Path) -> None:
    """No traceback, and everything is closed."""
    with started_service(tmp_path) as (process, line):
        httpx.get(f"{address_of(line)}/health")
        process.send_signal(signal.SIGINT)
        code = process.wait(timeout=30)

    assert code == 0
    assert "Traceback" not in (tmp_path / "stderr").read_text()
    assert "disconnected from" in (tmp_path / "logs" / "db" / "db.log").read_text()


def test_a_port_in_use_is_one_line(tmp_path: Path) -> None:
    """The line names the port and the setting, and the exit code is 1."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])

        code, told = _refused(tmp_path, PORT=port)

    assert code == 1
    assert len(told.splitlines()) == 1
    assert port in told
    assert "PORT" in told
    assert list(tmp_path.iterdir()) == [tmp_path / "home"]


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"JWT_SECRET": "for development only: anyone can read this secret"}, "JWT_SECRET"),
        ({"PORT": "http"}, "PORT"),
        ({"HOST": "no.such.host.invalid"}, "no.such.host.invalid"),
        ({"DATABASE_URL": "sqlite:////no/such/folder/app.db"}, "/no/such/folder/app.db"),
        ({"DATABASE_URL": "postgresql://ada:hunter2@127.0.0.1:1/app"}, "127.0.0.1"),
        ({"LOG_DIR": "/proc/logs"}, "/proc/logs"),
    ],
)
def test_what_prevents_the_start_is_one_line(tmp_path: Path, changes: dict[str, str], word: str) -> None:
    """A wrong setting, an unreachable database and an unwritable folder are told without a traceback."""
    code, told = _refused(tmp_path, **changes)

    assert code == 1
    assert len(told.splitlines()) == 1
    assert word in told
    assert "hunter2" not in told


def test_production_needs_a_secret(tmp_path: Path) -> None:
    """Without JWT_SECRET at all, production does not start either."""
    environment = _environment(tmp_path)
    del environment["JWT_SECRET"]

    done = subprocess.run(
        [sys.executable, "-m", "notification"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "JWT_SECRET" in done.stderr


def test_reload_serves_too(tmp_path: Path) -> None:
    """With RELOAD=true the service runs in a child process, and ends with its parent."""
    with started_service(tmp_path, RELOAD="true") as (process, line):
        answer = httpx.get(f"{address_of(line)}/health")
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)
        time.sleep(0.1)

    assert answer.json() == {"status": "ok"}


def test_what_it_writes_is_for_its_own_user(tmp_path: Path) -> None:
    """Database and logs."""
    with started_service(tmp_path) as (process, line):
        httpx.get(f"{address_of(line)}/health")
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)

    files = [tmp_path / "service.db", *(tmp_path / "logs").rglob("*.log")]
    assert len(files) == 3
    assert {path.stat().st_mode & 0o077 for path in files} == {0}
