"""The pytest side: choosing backends, sharing servers between processes, fixtures, the closing lines."""

import os
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import CursorResult, Executable, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from tests.tools.backends.backend import DRIVERS, Backend, Driver
from tests.tools.backends.databases import open_store
from tests.tools.backends.run import Run

_RUN = pytest.StashKey[Run]()
_counted = Counter[str]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--backend",
        action="append",
        metavar="NAME",
        help=f"run on these backends only; a driver ({', '.join(DRIVERS)}) or a dialect, several with commas",
    )


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    selected = _selected(config)
    if folder := _of_the_controller(config):
        config.stash[_RUN] = Run(Path(folder))
        return
    if os.environ.get("ACTIVEROW_REQUIRE_BACKENDS") == "1" and (reasons := _missing(selected)):
        raise pytest.UsageError(f"ACTIVEROW_REQUIRE_BACKENDS=1, but cannot test on {reasons}")
    config.stash[_RUN] = Run.begin()


def pytest_unconfigure(config: pytest.Config) -> None:
    if run := config.stash.get(_RUN, None):
        run.end()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a pytest-xdist worker where the run's folder is."""
    node.workerinput["activerow_run"] = str(node.config.stash[_RUN].folder)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "backend" not in metafunc.fixturenames:
        return
    drivers = _selected(metafunc.config)
    for marker in metafunc.definition.iter_markers("backends"):
        drivers = _named(marker.args, drivers)
    metafunc.parametrize(
        "backend", [pytest.param(driver, id=driver.name) for driver in drivers], indirect=True, scope="session"
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        driver = _driver_of(item)
        if driver is None:
            continue
        item.user_properties.append(("backend", driver.name))
        if driver.missing:
            item.add_marker(pytest.mark.skip(reason=f"{driver.name}: {driver.missing}"))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when != "call" or report.skipped:
        return
    backend = dict(report.user_properties).get("backend", "no database")
    _counted[str(backend)] += 1


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if not _counted:
        return
    order = [*DRIVERS, "no database"]
    counts = (f"{name} {_counted[name]}" for name in order if _counted[name])
    terminalreporter.write_line(f"tests per backend: {', '.join(counts)}")
    if reasons := _missing(_selected(config)):
        terminalreporter.write_line(f"backends NOT tested here: {reasons}", yellow=True)


@pytest.fixture(scope="session")
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    """The backend of this test: every test that uses it runs once on each."""
    driver: Driver = request.param
    run = request.config.stash[_RUN]
    admin_url = None if driver.dialect == "sqlite" else run.admin_url(driver.dialect)
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    prefix = f"{run.folder.name.replace('-', '_').lower()}_{worker}"
    store = open_store(driver.drivername, run.folder, admin_url)
    made = Backend(driver.name, driver.dialect, driver.module, store, prefix)
    yield made
    made.close()


@pytest.fixture
def database_url(backend: Backend) -> str:
    """The URL of a database with nothing in it."""
    return backend.wipe(backend.database(0))


class OtherConnection:
    """What somebody else sees: every statement on its own, committed at once, on a connection opened at the first."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._connection: AsyncConnection | None = None

    async def execute(self, statement: str | Executable, **parameters: Any) -> CursorResult[*tuple[Any, ...]]:
        """Run one statement; its rows are those committed now."""
        if self._connection is None:
            self._connection = await self._engine.connect()
        return await self._connection.execute(text(statement) if isinstance(statement, str) else statement, parameters)

    async def scalar(self, statement: str | Executable, **parameters: Any) -> Any:
        """The first column of the first row."""
        return (await self.execute(statement, **parameters)).scalar()

    async def column(self, statement: str | Executable, **parameters: Any) -> list[Any]:
        """The first column of every row."""
        return list((await self.execute(statement, **parameters)).scalars())

    async def close(self) -> None:
        """Close the connection; the next statement opens another."""
        if self._connection is not None:
            await self._connection.close()
            self._connection = None


@pytest.fixture
async def other_engine(backend: Backend) -> AsyncIterator[AsyncEngine]:
    """A plain SQLAlchemy engine on the database of `database_url` and of the first `make_database`."""
    engine = create_async_engine(backend.database(0).url, poolclass=NullPool)
    yield engine
    await engine.dispose()


@pytest.fixture
async def other_connection(other_engine: AsyncEngine) -> AsyncIterator[OtherConnection]:
    """Looks at the test's database from outside; to be used after `make_database`, which throws others out."""
    other = OtherConnection(other_engine)
    yield other
    await other.close()


def _of_the_controller(config: pytest.Config) -> str | None:
    """The run's folder, when this process is a pytest-xdist worker."""
    workerinput: dict[str, str] = getattr(config, "workerinput", {})
    return workerinput.get("activerow_run")


def _selected(config: pytest.Config) -> list[Driver]:
    given: list[str] = config.getoption("--backend") or []
    names = [name.strip() for part in given for name in part.split(",")]
    return _named(names, list(DRIVERS.values())) if names else list(DRIVERS.values())


def _missing(drivers: list[Driver]) -> str:
    """The drivers that cannot be tested, with their reasons; empty when there is none."""
    by_reason: dict[str, list[str]] = {}
    for driver in drivers:
        if reason := driver.missing:
            by_reason.setdefault(reason, []).append(driver.name)
    return "; ".join(f"{' and '.join(names)} ({reason})" for reason, names in by_reason.items())


def _named(names: Iterable[str], drivers: list[Driver]) -> list[Driver]:
    known = {word for driver in DRIVERS.values() for word in (driver.name, driver.dialect)}
    if unknown := set(names) - known:
        raise pytest.UsageError(f"no backend {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}")
    return [driver for driver in drivers if {driver.name, driver.dialect} & set(names)]


def _driver_of(item: pytest.Item) -> Driver | None:
    callspec: Any = getattr(item, "callspec", None)
    driver = callspec.params.get("backend") if callspec else None
    return driver if isinstance(driver, Driver) else None
