"""The fixtures, in a project that uses them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from activerow.testing.plugin import database_named
from tests.tools.pages import PROJECT

SHOP = """
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from activerow import ActiveRecord, Database
from activerow.mixins import AutoTableName


class Base(ActiveRecord, AutoTableName, DeclarativeBase):
    pass


class User(Base):
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)


db = Database("sqlite://", base=Base)
"""
CONFTEST = """
import pytest
from activerow.testing import rolled_back
from shop import User

pytest_plugins = ["activerow.testing"]


@pytest.fixture
def anyio_backend():
    return "asyncio"


{fixture}
async def ada(rolled_back):
    return await User.create(email="ada@example.com")
"""
TESTS = """
import asyncio
import pytest
from shop import User

pytestmark = pytest.mark.{mark}


@pytest.mark.parametrize("number", [1, 2])
async def test_rows_of_a_fixture_are_there_once(number, ada, rolled_back):
    assert await User.query().pluck(User.email) == ["ada@example.com"]
    assert await rolled_back.get(User, ada.id) is not None
    await asyncio.create_task(ada.update(email="countess@example.com"))


async def test_transactions_may_be_real(emptied):
    await User.create(email="grace@example.com")


@pytest.mark.usefixtures("rolled_back")
async def test_nothing_is_left():
    assert await User.query().count() == 0
"""

ASYNCIO, ANYIO = ("-p", "pytest_asyncio.plugin"), ("-p", "anyio.pytest_plugin")
AUTO, STRICT = (
    f"asyncio_mode = {mode}\nasyncio_default_fixture_loop_scope = function\n" for mode in ("auto", "strict")
)


def run(folder: Path, *options: str, ini: str = "", conftest: str = "", tests: str = TESTS) -> str:
    """What pytest prints about a project in `folder`."""
    (folder / "shop.py").write_text(SHOP)
    (folder / "conftest.py").write_text(conftest)
    (folder / "test_shop.py").write_text(tests)
    (folder / "pytest.ini").write_text(f"[pytest]\nfilterwarnings = error\npythonpath = .\n{ini}")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(PROJECT / "src"), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    ("mark", "fixture", "options", "mode"),
    [
        ("asyncio", "@__import__('pytest_asyncio').fixture", ASYNCIO, STRICT),
        ("asyncio", "@pytest.fixture", ASYNCIO, AUTO),
        ("anyio", "@pytest.fixture", ANYIO, ""),
        ("anyio", "@pytest.fixture", (*ASYNCIO, *ANYIO), STRICT),
    ],
    ids=["asyncio", "asyncio-auto", "anyio", "anyio-beside-asyncio"],
)
def test_the_fixtures_undo_what_a_test_did(
    tmp_path: Path, mark: str, fixture: str, options: tuple[str, ...], mode: str
) -> None:
    """With either plugin, in fixtures and tests, though each of them runs in a task of its own."""
    ini = f"{mode}activerow_database = shop:db\n"
    printed = run(tmp_path, *options, ini=ini, conftest=CONFTEST.format(fixture=fixture), tests=TESTS.format(mark=mark))

    assert "4 passed" in printed, printed


def test_the_fixtures_are_overridden(tmp_path: Path) -> None:
    """A project that makes its Database and its tables in its own way says so by fixtures of the same names."""
    conftest = CONFTEST.format(fixture="@pytest.fixture") + (
        "\n\n@pytest.fixture(scope='session')\ndef activerow_database():\n    import shop\n    return shop.db\n"
        "\n\n@pytest.fixture(scope='session')\ndef activerow_tables():\n    raise RuntimeError('migrated')\n"
    )
    printed = run(tmp_path, "-k", "nothing", *ASYNCIO, ini=AUTO, conftest=conftest, tests=TESTS.format(mark="asyncio"))

    assert "RuntimeError: migrated" in printed, printed


@pytest.mark.parametrize(
    ("name", "answer"),
    [("", "which Database"), ("tests.models.units:User", "tests.models.units:User is no activerow.Database")],
)
def test_a_name_that_leads_to_no_database_is_refused(name: str, answer: str) -> None:
    """The message shows the option and the fixture."""
    with pytest.raises(pytest.UsageError, match=answer):
        database_named(name)


def test_the_library_does_not_need_pytest() -> None:
    """`activerow.testing` can be used in scripts and by other test runners."""
    code = "import sys, activerow.testing; sys.exit('pytest' in sys.modules)"
    paths = {**os.environ, "PYTHONPATH": str(PROJECT / "src")}

    assert subprocess.run([sys.executable, "-c", code], env=paths, check=False).returncode == 0
