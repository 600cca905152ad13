"""`python -m shop` as a process of its own."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from serving.settings import PROJECT_FOLDER


def _environment(folder: Path, **changes: str) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", ""),
        "PYTHONPATH": os.pathsep.join(str(PROJECT_FOLDER / name) for name in ("src", "apps")),
        "PYTHONWARNINGS": "error",
        "SHOP_DATABASE_URL": f"sqlite:///{folder / 'shop.db'}",
        "SHOP_HOST": "127.0.0.1",
        "SHOP_PORT": "0",
    } | changes


def _served(folder: Path, **changes: str) -> tuple[int, str]:
    """The exit code of a shop that was asked for its users and ended, and what it wrote to stderr."""
    process = subprocess.Popen(
        [sys.executable, "-m", "shop"],
        cwd=folder,
        env=_environment(folder, **changes),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout
        line = process.stdout.readline()
        answer = httpx.get(f"{line.removeprefix('Shop API: ').partition(' ')[0]}/api/v1/users")
        assert answer.json()["items"] == []
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=30)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    return process.returncode, told


def test_what_is_written_is_a_setting(tmp_path: Path) -> None:
    """In either letter case, and the library's lines are among it."""
    quiet = _served(tmp_path)
    loud = _served(tmp_path, SHOP_LOG_LEVEL="info")

    assert quiet == (0, "")
    assert loud[0] == 0
    assert "connected to sqlite" in loud[1]


def test_reload_serves_too(tmp_path: Path) -> None:
    """With SHOP_RELOAD=true the shop runs in a child process, and ends with its parent."""
    code, told = _served(tmp_path, SHOP_RELOAD="true")

    assert (code, "Traceback" in told) == (0, False)


def test_the_walk_through(tmp_path: Path) -> None:
    """Sell something, and end in order on Ctrl-C."""
    process = subprocess.Popen(
        [sys.executable, "-m", "shop"],
        cwd=tmp_path,
        env=_environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        line = process.stdout.readline()
        with httpx.Client(base_url=f"{line.removeprefix('Shop API: ').partition(' ')[0]}/api/v1") as client:
            client.post("/products", json={"name": "Tea", "price": "2.50", "stock": 2})
            sold = client.post("/orders", json={"lines": [{"product_id": 1, "count": 2}]})
            left = client.get("/products?stock=0")
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=30)
    finally:
        process.kill()

    assert line.startswith("Shop API: http://127.0.0.1:")
    assert (sold.status_code, sold.json()["total"], left.json()["total"]) == (201, "5.00", 1)
    assert (process.returncode, told) == (0, "")


def _refused(folder: Path, **changes: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "shop"],
        cwd=folder,
        env=_environment(folder, **changes),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1), done.stderr
    return done.stderr


def test_a_port_in_use_is_one_line(tmp_path: Path) -> None:
    """The line names the port and the setting, and the exit code is 1."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])

        told = _refused(tmp_path, SHOP_PORT=port)

    assert f"port {port}" in told
    assert "SHOP_PORT" in told


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"SHOP_PORT": "http"}, "SHOP_PORT: "),
        ({"SHOP_LOG_LEVEL": "loud"}, "SHOP_LOG_LEVEL: "),
        ({"SHOP_DATABASE_URL": "no url"}, "SHOP_DATABASE_URL: "),
        ({"SHOP_DATABASE_URL": "sqlite:////no/such/folder/shop.db"}, "/no/such/folder/shop.db"),
        ({"SHOP_DATABASE_URL": "postgresql://ada:hunter2@127.0.0.1:1/shop"}, "127.0.0.1"),
    ],
)
def test_what_prevents_the_start_is_one_line(tmp_path: Path, changes: dict[str, str], word: str) -> None:
    """A wrong setting and an unreachable database are told without a traceback, and without a password."""
    told = _refused(tmp_path, **changes)

    assert word in told
    assert "hunter2" not in told
