"""Runs the ```python blocks of one page as one script: `python -m tests.tools.run_page PAGE`."""

import ast
import asyncio
import inspect
import sys
from pathlib import Path
from types import ModuleType

from tests.tools.pages import blocks, name_of


def main(page: Path) -> None:
    """Run the blocks in a namespace of their own; `await` may stand at the top, and line numbers are the page's."""
    lines: list[str] = []
    for block in blocks(page):
        if block.language == "python":
            lines.extend([""] * (block.line - 1 - len(lines)))
            lines.extend(block.code.splitlines())
    code = compile("\n".join(lines), name_of(page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    module = sys.modules["__main__"] = ModuleType("__main__")  # where annotations such as Mapped["Post"] are looked up
    result: object = eval(code, module.__dict__)
    if inspect.iscoroutine(result):
        asyncio.run(result)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
