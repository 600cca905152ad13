"""Where in the program a call was made."""

from pathlib import Path
from typing import Any

import pytest

import activerow
from activerow.errors.call_site import call_site, statement_site


@pytest.mark.parametrize("asked", [call_site, statement_site])
def test_a_program_with_a_similar_name_is_a_caller(asked: object) -> None:
    """What begins like the library's folder is not the library."""
    path = f"{Path(activerow.__file__).parent}_tools.py"
    program: dict[str, Any] = {"asked": asked}
    exec(compile("def ask():\n    return asked()", path, "exec"), program)

    assert program["ask"]() == (path, 2, "ask")


def test_a_call_is_a_line_of_its_caller() -> None:
    assert "tests/database/test_call_site.py:" in str(call_site())
    assert str(call_site()).endswith(" in test_a_call_is_a_line_of_its_caller")
