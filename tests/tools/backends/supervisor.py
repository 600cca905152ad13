"""Starts one private server and stops it when the test run is over, however the run ends.

`python -m tests.tools.backends.supervisor FOLDER DIALECT` returns when the server answers. A process of its own stays
behind: it waits for the lock that the test run holds on `FOLDER/alive`, which the kernel gives up even when the run is
killed, then stops the server and removes its data.
"""

import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import traceback
from pathlib import Path
from types import FrameType
from typing import cast

from sqlalchemy import create_engine, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from tests.tools.backends.servers import Dialect, Server, ServerError, prepare

SYNC_DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql"}
_START_SECONDS = 60


def answer_file(folder: Path, dialect: str) -> Path:
    """Where the supervisor of `dialect` says what became of the server."""
    return folder / f"{dialect}.json"


def main(folder: Path, dialect: Dialect) -> None:
    """Leave a supervisor behind and wait until it has said what became of the server."""
    child = os.fork()
    if child == 0:
        os.setsid()
        signal.signal(signal.SIGTERM, _stop)
        try:
            _supervise(folder, dialect)
        except BaseException:  # noqa: BLE001 - the end of this process; its log says why
            traceback.print_exc()
        finally:
            os._exit(0)
    answer = answer_file(folder, dialect)
    while not answer.exists():
        ended, _ = os.waitpid(child, os.WNOHANG)
        if ended and not answer.exists():
            raise SystemExit(f"the supervisor of {dialect} died; see {folder / dialect}.log")
        time.sleep(0.02)


def _stop(signal_number: int, _frame: FrameType | None) -> None:
    """Leave through the `finally` blocks, which stop the server."""
    raise SystemExit(128 + signal_number)


def _supervise(folder: Path, dialect: Dialect) -> None:
    home = folder / dialect
    home.mkdir()
    with (folder / f"{dialect}.log").open("ab") as log, Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    try:
        _run_server(folder, dialect, home)
    except ServerError as error:
        _answer(folder, dialect, error=str(error))
    finally:
        shutil.rmtree(home, ignore_errors=True)
    _wait_for_the_end(folder)
    if not any((folder / other).exists() for other in SYNC_DRIVERS):
        shutil.rmtree(folder, ignore_errors=True)


def _run_server(folder: Path, dialect: Dialect, home: Path) -> None:
    server = prepare(dialect, home, _free_port())
    process = subprocess.Popen(
        server.command,
        user=server.account.user,
        group=server.account.group,
        extra_groups=None if server.account.user is None else [],
        cwd="/",
    )
    try:
        _wait_until_ready(server, process)
        _answer(folder, dialect, url=server.admin_url)
        _wait_for_the_end(folder)
    finally:
        process.send_signal(server.stop_signal)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return cast("int", probe.getsockname()[1])


def _wait_until_ready(server: Server, process: "subprocess.Popen[bytes]") -> None:
    url = make_url(server.admin_url)
    engine = create_engine(url.set(drivername=SYNC_DRIVERS[url.get_backend_name()]), poolclass=NullPool)
    limit = time.monotonic() + _START_SECONDS
    while True:
        try:
            engine.connect().close()
        except DBAPIError as error:
            if process.poll() is not None:
                raise ServerError(
                    f"{Path(server.command[0]).name} ended with {process.returncode} at its start"
                ) from error
            if time.monotonic() > limit:
                raise ServerError(f"{Path(server.command[0]).name} did not answer in {_START_SECONDS} s") from error
            time.sleep(0.05)
        else:
            return


def _answer(folder: Path, dialect: Dialect, **answer: str) -> None:
    finished = answer_file(folder, dialect)
    draft = finished.with_suffix(".draft")
    draft.write_text(json.dumps(answer))
    draft.rename(finished)


def _wait_for_the_end(folder: Path) -> None:
    with (folder / "alive").open("rb") as alive:
        fcntl.flock(alive, fcntl.LOCK_SH)


if __name__ == "__main__":
    main(Path(sys.argv[1]), cast("Dialect", sys.argv[2]))
