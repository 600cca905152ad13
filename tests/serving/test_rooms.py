"""The rooms of the services, and what their faces say."""

import ast
import re
from pathlib import Path

import pytest

from serving.settings import PROJECT_FOLDER

APPS = PROJECT_FOLDER / "apps"
ROOMS = [APPS / "serving", *sorted(file.parent for file in APPS.glob("*/*/__init__.py"))]


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: f"{room.parent.name}/{room.name}")
def test_a_room_says_what_its_files_hold(room: Path) -> None:
    """The docstring of its `__init__` is a table with a row for each file."""
    face = ast.get_docstring(ast.parse((room / "__init__.py").read_text(encoding="utf-8"))) or ""

    told = re.findall(r"^\| `(\w+)` \| .+ \|$", face, re.MULTILINE)

    assert sorted(told) == sorted(file.stem for file in room.glob("*.py") if file.stem != "__init__")
