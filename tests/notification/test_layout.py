"""The service's code keeps to its layers."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import notification
from serving.settings import PROJECT_FOLDER

PACKAGE = Path(notification.__file__).parent
HANDLERS = sorted([*(PACKAGE / "routes").glob("*.py"), *(PACKAGE / "use_cases").glob("*.py"), PACKAGE / "deps.py"])
FORBIDDEN = {"commit", "rollback", "close", "add", "add_all", "flush", "execute", "session"}
MODULES = sorted(file for file in PACKAGE.rglob("*.py") if "migrations" not in file.parts)


def _attributes(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute):
            yield node.attr


@pytest.mark.parametrize("file", HANDLERS, ids=lambda file: file.name)
def test_handlers_and_use_cases_contain_no_session_code(file: Path) -> None:
    """No commit, no rollback, no close, no session: that is what the library is for."""
    assert FORBIDDEN & set(_attributes(file)) == set()


@pytest.mark.parametrize("file", HANDLERS, ids=lambda file: file.name)
def test_only_routes_know_http(file: Path) -> None:
    """Use cases can be called from anywhere: they import no web framework, and routes raise no HTTP errors."""
    source = file.read_text(encoding="utf-8")

    assert "HTTPException" not in source
    if file.parent.name == "use_cases":
        assert "fastapi" not in source
        assert "starlette" not in source


@pytest.mark.parametrize("file", sorted((PACKAGE / "routes").glob("*.py")), ids=lambda file: file.name)
def test_a_route_is_short(file: Path) -> None:
    """A body is taken, one thing is called, a schema is returned."""
    functions = [
        node for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(node, ast.AsyncFunctionDef)
    ]

    assert all((node.end_lineno or 0) - node.body[0].lineno < 8 for node in functions)


def test_importing_opens_nothing(tmp_path: Path) -> None:
    """Modules can be imported without a database, a log file or a thread coming to life."""
    modules = sorted(
        ".".join(["notification", *file.relative_to(PACKAGE).with_suffix("").parts])
        for file in MODULES
        if file.stem != "__init__"
    )
    script = f"import threading, {', '.join(modules)}; print(threading.active_count())"
    path = os.pathsep.join(str(PROJECT_FOLDER / folder) for folder in ("src", "apps"))

    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == "1"
    assert list(tmp_path.iterdir()) == []
