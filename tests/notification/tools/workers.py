"""Workers as processes of their own, and a Redis for them."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from serving.settings import PROJECT_FOLDER


@contextmanager
def worker(folder: Path, database_url: str, **settings: str) -> Generator[subprocess.Popen[str]]:
    """A worker that is ready. At the end of the block it is gone, one way or the other."""
    folder.mkdir(exist_ok=True)
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "PYTHONPATH": os.pathsep.join(str(PROJECT_FOLDER / name) for name in ("src", "apps")),
        "PYTHONWARNINGS": "error",
        "ENVIRONMENT": "test",
        "DATABASE_URL": database_url,
        "LOG_DIR": str(folder / "logs"),
        "DELIVERY_TIMEOUT": "30",
        "SWEEP_SECONDS": "0.1",
        "HANDOVER_SECONDS": "2",
        "RETRY_SECONDS": "0.2",
    }
    with (folder / "stderr").open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "notification.worker"],
            cwd=folder,
            env=environment | settings,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            start_new_session=True,
        )
    try:
        assert process.stdout
        assert process.stdout.readline() == "Notification worker: ready\n", (folder / "stderr").read_text()
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@contextmanager
def redis_server(folder: Path, port: str | None = None) -> Generator[str]:
    """The URL of a private Redis, on a free port or this one; the test is skipped where there is none."""
    program = shutil.which("redis-server")
    if program is None:
        if os.environ.get("ACTIVEROW_REQUIRE_BACKENDS") == "1":
            pytest.fail("redis-server is not on this machine")
        pytest.skip("redis-server is not on this machine")
    port = port or _free_port()
    options = ["--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(folder)]
    process = subprocess.Popen([program, *options], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        for line in process.stdout:
            if "Ready to accept connections" in line:
                break
        yield f"redis://127.0.0.1:{port}"
    finally:
        process.kill()
        process.communicate()


@contextmanager
def broker_server(kind: str, folder: Path) -> Generator[str]:
    """The URL of a broker: a private one, or the one that ACTIVEROW_TEST_AMQP_URL names."""
    if kind == "redis":
        with redis_server(folder) as url:
            yield url
    elif kind == "nats":
        with _nats_server() as url:
            yield url
    elif named := os.environ.get("ACTIVEROW_TEST_AMQP_URL"):
        yield named
    else:
        pytest.skip("ACTIVEROW_TEST_AMQP_URL is not set")


@contextmanager
def _nats_server() -> Generator[str]:
    program = shutil.which("nats-server")
    if program is None:
        pytest.skip("nats-server is not on this machine")
    port = _free_port()
    options = ["--addr", "127.0.0.1", "--port", port]
    process = subprocess.Popen([program, *options], stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr
        for line in process.stderr:
            if "Server is ready" in line:
                break
        yield f"nats://127.0.0.1:{port}"
    finally:
        process.kill()
        process.communicate()


def _free_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])
