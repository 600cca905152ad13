"""The pytest side: fixtures that name the database, make its tables, and undo what a test did."""

import asyncio
import importlib
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from activerow.database import Database
from activerow.testing.emptying import emptied
from activerow.testing.rollback import rolled_back

try:
    import pytest_asyncio
except ImportError:  # the tests are run by anyio's plugin
    asyncio_fixture: Any = pytest.fixture
else:
    asyncio_fixture = pytest_asyncio.fixture


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the ini option that names the database."""
    parser.addini("activerow_database", "the Database of the tests, as package.module:name")


@pytest.fixture(scope="session")
def activerow_database(pytestconfig: pytest.Config) -> Database:
    """The Database of the tests; override it, or name it by the option `activerow_database`."""
    return database_named(pytestconfig.getini("activerow_database"))


def database_named(name: str) -> Database:
    """The Database called `package.module:name`.

    Raises:
        pytest.UsageError: There is none.
    """
    module, _, attribute = name.partition(":")
    if not attribute:
        raise pytest.UsageError(
            'which Database? Set activerow_database = "package.module:name" in pytest\'s options,'
            " or override the fixture activerow_database"
        )
    database: object = getattr(importlib.import_module(module), attribute)
    if not isinstance(database, Database):
        raise pytest.UsageError(f"{name} is no activerow.Database")
    return database


@pytest.fixture(scope="session")
def activerow_tables(activerow_database: Database) -> None:
    """The tables, made once for all tests by `create_all`; override it to run migrations instead."""

    async def create() -> None:
        await activerow_database.create_all()
        await activerow_database.engine.dispose()

    asyncio.run(create())


Around = Callable[[Database], AbstractAsyncContextManager[Any]]


def _fixture(around: Around) -> Callable[..., AsyncGenerator[Any]]:
    """`around` as the function of a fixture, which leaves no connection to the next test's event loop."""

    async def fixture(activerow_database: Database, activerow_tables: None) -> AsyncGenerator[Any]:  # noqa: ARG001
        async with around(activerow_database) as given:
            yield given
        await activerow_database.engine.dispose()

    return fixture


# Each plugin runs the async fixtures that are meant for it, on the event loop of its tests.
_rolled_back_by_asyncio = asyncio_fixture(name="_rolled_back_by_asyncio")(_fixture(rolled_back))
_rolled_back_by_anyio = pytest.fixture(name="_rolled_back_by_anyio")(_fixture(rolled_back))
_emptied_by_asyncio = asyncio_fixture(name="_emptied_by_asyncio")(_fixture(emptied))
_emptied_by_anyio = pytest.fixture(name="_emptied_by_anyio")(_fixture(emptied))


def _run_by(request: pytest.FixtureRequest) -> str:
    return "anyio" if "anyio_backend" in request.fixturenames else "asyncio"


@pytest.fixture(name="rolled_back")
def rolled_back_fixture(request: pytest.FixtureRequest) -> AsyncSession:
    """The test, and the fixtures after this one, in a transaction that is rolled back: see `rolled_back`."""
    session: AsyncSession = request.getfixturevalue(f"_rolled_back_by_{_run_by(request)}")
    return session


@pytest.fixture(name="emptied")
def emptied_fixture(request: pytest.FixtureRequest) -> None:
    """The test with real transactions; its tables are emptied afterwards: see `emptied`."""
    request.getfixturevalue(f"_emptied_by_{_run_by(request)}")
