"""What people get who install activerow."""

import subprocess
import sys
from email.message import Message
from email.parser import Parser
from pathlib import Path, PurePosixPath
from zipfile import ZipFile

import pytest

from tests.tools.pages import PROJECT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=PROJECT, check=True, capture_output=True)
    return ZipFile(next(folder.glob("*.whl")))


def metadata(wheel: ZipFile) -> Message:
    name = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return Parser().parsestr(wheel.read(name).decode())


def test_the_wheel_holds_the_library_only(wheel: ZipFile) -> None:
    """Apps, tests and scripts live beside the library and are not installed with it."""
    tops = {PurePosixPath(name).parts[0] for name in wheel.namelist()}

    assert {top for top in tops if not top.endswith(".dist-info")} == {"activerow"}
    assert "activerow/py.typed" in wheel.namelist()


def test_the_library_depends_on_sqlalchemy_alone(wheel: ZipFile) -> None:
    """Everything else is an extra."""
    required = metadata(wheel).get_all("Requires-Dist") or []

    assert [line for line in required if "extra ==" not in line] == ["sqlalchemy[asyncio]<2.2,>=2.1"]


def test_every_extra_is_offered(wheel: ZipFile) -> None:
    """The extras are those that README names."""
    extras = metadata(wheel).get_all("Provides-Extra") or []

    assert set(extras) == {"all", "cli", "fastapi", "mysql", "postgresql", "sqlite", "testing"}


@pytest.mark.parametrize("name", ["run", "dev", "bench"])
def test_a_lock_file_pins_by_hash_and_names_no_server(name: str) -> None:
    """Where packages come from is the machine's own affair."""
    text = (PROJECT / "requirements" / f"{name}.txt").read_text()
    packages = [line for line in text.splitlines() if not line.startswith("    --hash=sha256:")]

    assert "://" not in text
    assert all("==" in line and line.endswith("\\") for line in packages)


def test_importing_the_library_imports_no_framework() -> None:
    """The core stands on SQLAlchemy and the standard library alone."""
    program = "import activerow, sys; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(PROJECT / "src")},
        capture_output=True,
        text=True,
        check=True,
    )

    assert not {"alembic", "fastapi", "pydantic", "starlette", "typer"} & set(done.stdout.split())


def test_the_folder_of_the_library_has_no_stray_files() -> None:
    """Everything under src is Python, the marker of typed packages, or what `init --app` writes."""
    files = (path for path in Path(PROJECT, "src").rglob("*") if path.is_file() and "__pycache__" not in path.parts)

    assert {path.suffix for path in files} <= {".py", ".typed", ".tmpl"}
