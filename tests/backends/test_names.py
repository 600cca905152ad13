"""What a server can do is asked of its object."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import activerow
from activerow.backends import BACKENDS

SOURCE: Final = Path(activerow.__file__).parent
ELSEWHERE: Final = {"backends", "migrations"}
"""Rooms that may name servers: their own, and that of the tool which works on their schemas."""

NAMES: Final = {name for server in BACKENDS for name in (server.name, *server.dialects, *server.aliases)}


def named() -> Iterator[str]:
    """Where a text is the name of a server."""
    for file in sorted(SOURCE.rglob("*.py")):
        place = file.relative_to(SOURCE)
        if place.parts[0] not in ELSEWHERE:
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Constant) and node.value in NAMES:
                    yield f"{place}:{node.lineno}"


def test_no_other_room_names_a_server() -> None:
    """Else a server of another kind is one object and a search through all files."""
    assert list(named()) == []
