"""One test run: its folder, and the servers that its processes share."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tests.tools.backends.servers import ADMIN_URL_VARIABLES, Dialect, ServerError
from tests.tools.backends.supervisor import SYNC_DRIVERS, answer_file

_PROJECT = Path(__file__).parents[3]
_PREFIX = "activerow-tests-"
_ABANDONED_SECONDS = 3600


@dataclass(frozen=True)
class Run:
    """A folder that every process of the run knows; `owner` is the process that started the run."""

    folder: Path
    alive: IO[bytes] | None = None

    @classmethod
    def begin(cls) -> "Run":
        """Make the folder; the servers started in it live as long as this process, or until `end`."""
        _remove_abandoned()
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        folder.chmod(0o711)  # the servers run as users of their own
        alive = (folder / "alive").open("wb")
        fcntl.flock(alive, fcntl.LOCK_EX)
        return cls(folder, alive)

    def admin_url(self, dialect: Dialect) -> str:
        """The administrator's URL of the server of `dialect`, which is started by the first who asks.

        Raises:
            ServerError: It could not be started.
        """
        if given := os.environ.get(ADMIN_URL_VARIABLES[dialect]):
            return given
        answer = answer_file(self.folder, dialect)
        with (self.folder / f"{dialect}.lock").open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not answer.exists():
                self._start(dialect)
        said: dict[str, str] = json.loads(answer.read_text())
        if "error" in said:
            raise ServerError(f"{dialect}: {said['error']}")
        return said["url"]

    def end(self) -> None:
        """Stop the servers and remove everything; only the process that began the run may call it."""
        if self.alive is None:
            return
        self.alive.close()
        limit = time.monotonic() + 15
        while any((self.folder / dialect).exists() for dialect in SYNC_DRIVERS) and time.monotonic() < limit:
            time.sleep(0.02)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self, dialect: Dialect) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "tests.tools.backends.supervisor", str(self.folder), dialect],
            cwd=_PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode:
            raise ServerError(f"{dialect}: {done.stdout.strip()[-500:]}")


def _remove_abandoned() -> None:
    """Remove the folders of runs that were killed: nobody holds their lock any more."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        try:
            with (folder / "alive").open("r+b") as alive:
                old = time.time() - os.fstat(alive.fileno()).st_mtime > _ABANDONED_SECONDS
                if old:
                    fcntl.flock(alive, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # it lives, it is somebody else's, or it is just going away
            continue
        if old:
            shutil.rmtree(folder, ignore_errors=True)
