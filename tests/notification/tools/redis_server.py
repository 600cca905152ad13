"""A private Redis server."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def redis_server(folder: Path, port: int = 0, password: str = "") -> Generator[tuple[str, int]]:
    """The URL and the port of a server that lives as long as the block; without the program, the test is skipped."""
    program = shutil.which("redis-server")
    if program is None:
        if os.environ.get("ACTIVEROW_REQUIRE_BACKENDS"):
            pytest.fail("redis-server was not found")
        pytest.skip("redis-server was not found")
    port = port or free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(folder)]
    options += ["--requirepass", password] if password else []
    with subprocess.Popen([program, *options], stdout=subprocess.DEVNULL) as process:
        try:
            _wait(port, process)
            yield f"redis://127.0.0.1:{port}/0", port
        finally:
            process.kill()


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as asking:
        asking.bind(("127.0.0.1", 0))
        port: int = asking.getsockname()[1]
        return port


def _wait(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 20
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)  # nothing else tells that the server listens
        else:
            return
    pytest.fail("redis-server did not start")
