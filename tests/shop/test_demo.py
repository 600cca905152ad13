"""What `python -m shop.demo` prints."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from serving.settings import PROJECT_FOLDER
from shop.demo import EXAMPLES, show

USERS = ["ada: On engines, On looms", "grace: A moth", "linus: -"]


@pytest.fixture
async def printed() -> dict[str, tuple[list[str], list[str]]]:
    """The statements and the results of each example, by its name."""
    written: list[str] = []
    await show(written.append)
    parts: dict[str, tuple[list[str], list[str]]] = {}
    for part in "".join(written).split("\n# ")[1:]:
        title, *lines = part.splitlines()
        sql = [line.strip() for line in lines if line.startswith("    ")]
        parts[title.partition(":")[0]] = (sql, [line.strip() for line in lines if not line.startswith("    ")])
    return parts


def _count(lines: list[str], word: str) -> int:
    return sum(word in line for line in lines)


async def test_four_ways_find_the_same_users_with_their_posts(printed: dict[str, tuple[list[str], list[str]]]) -> None:
    """Joined in one statement, selected in two; a session and a query send the same."""
    joined = printed["joined_through_the_session"]
    selected = printed["selected_through_the_session"]

    assert len(printed) == len(EXAMPLES) == 6
    assert joined[1] == selected[1] == USERS
    assert (_count(joined[0], "SELECT"), _count(joined[0], "LEFT OUTER JOIN posts")) == (1, 1)
    assert (_count(selected[0], "SELECT"), _count(selected[0], "JOIN")) == (2, 0)
    assert printed["joined_through_a_query"] == joined
    assert printed["selected_through_a_query"] == selected


async def test_orders_are_shown_with_and_without_the_association(
    printed: dict[str, tuple[list[str], list[str]]],
) -> None:
    """The products alone; and with counts, prices and totals. Two statements each."""
    without, with_it = printed["orders_without_the_association"], printed["orders_with_the_association"]

    assert without[1] == ["order 1: tea, cup", "order 2: tea"]
    assert with_it[1] == ["order 1: 1 x tea at 0.00, 1 x cup at 0.00 = 0.00", "order 2: 3 x tea at 2.50 = 7.50"]
    assert (_count(without[0], "SELECT"), _count(with_it[0], "SELECT")) == (2, 2)


def test_it_is_a_program(tmp_path: Path) -> None:
    """It prints, leaves no file behind, and warns of nothing."""
    path = os.pathsep.join(str(PROJECT_FOLDER / folder) for folder in ("src", "apps"))

    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "shop.demo"],
        cwd=tmp_path,
        env={"PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert "LEFT OUTER JOIN posts" in done.stdout
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []
