"""What every test can use; the databases come from `tests/tools/backends`, the browser from `chromium.py`."""

import gc
import itertools
import logging
from collections.abc import Iterator

import pytest

pytest_plugins = ["tests.tools.backends.plugin", "tests.tools.backends.active", "tests.tools.chromium"]

_STRAY = ("was destroyed but it is pending", "exception was never retrieved", "non-checked-in connection")


_tests = itertools.count(1)


def pytest_collection_finish() -> None:
    """Take what was collected out of the sight of the garbage collector: it stays, and is half a million objects."""
    gc.collect()
    gc.freeze()


def pytest_runtest_logfinish() -> None:
    """Do the same with what lasts of the tests: mappers keep what they compiled, for the dialect of every engine."""
    if next(_tests) % 200 == 0:
        gc.collect()
        gc.freeze()


class _Strays(logging.Handler):
    """Keeps what asyncio and the pool can only log, because nobody is left to be told."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if any(part in message for part in _STRAY):
            self.seen.append(message)


@pytest.fixture(autouse=True)
def no_strays(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that left a pending task, an unseen exception or a connection behind."""
    strays = _Strays()
    loggers = [logging.getLogger("asyncio"), logging.getLogger("sqlalchemy.pool")]
    for logger in loggers:
        logger.addHandler(strays)
    yield
    for logger in loggers:
        logger.removeHandler(strays)
    if strays.seen and not request.node.get_closest_marker("stray_errors"):
        pytest.fail("left behind: " + "; ".join(strays.seen))
