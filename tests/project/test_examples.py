"""What README and docs print is run."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tools.pages import PROJECT, blocks, name_of, pages

PAGES = pages()


def run_page(page: Path, folder: Path) -> "subprocess.CompletedProcess[str]":
    paths = os.pathsep.join(str(PROJECT / part) for part in ("src", "apps", "."))
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.tools.run_page", str(page)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_the_python_blocks_of_a_page_run_as_printed(page: Path, tmp_path: Path) -> None:
    """Copied together into a file, the ```python blocks of a page run without an error or a warning."""
    done = run_page(page, tmp_path)

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_the_fragments_of_a_page_are_python(page: Path) -> None:
    """A ```py block is not run, as it needs what is around it, but it is valid Python."""
    for block in blocks(page):
        if block.language == "py":
            flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
            compile("\n" * (block.line - 1) + block.code, name_of(page), "exec", flags=flags)


def test_readme_has_an_example_that_runs() -> None:
    """The first page a newcomer sees shows code that is run here."""
    assert any(block.language == "python" for block in blocks(PROJECT / "README.md"))


def test_a_page_that_fails_is_noticed(tmp_path: Path) -> None:
    """An error in an example is found, with the line of the page."""
    page = tmp_path / "page.md"
    page.write_text("# A page\n\n```python\nimport asyncio\nawait asyncio.sleep(0)\n```\n\n```python\n1 / 0\n```\n")

    done = run_page(page, tmp_path)

    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr
    assert 'page.md", line 9' in done.stderr
