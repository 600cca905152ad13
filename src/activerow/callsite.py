"""Where in the program a call was made, for messages."""

import contextlib
import inspect
from pathlib import Path
from typing import NamedTuple

_PACKAGE = str(Path(__file__).parent)
_PASSED_THROUGH = (_PACKAGE, contextlib.__file__)


class CallSite(NamedTuple):
    """A line of the program; as text `file:line in function`, the file as seen from the working directory."""

    path: str
    line: int
    function: str

    def __str__(self) -> str:
        return f"{self.path.removeprefix(f'{Path.cwd()}/')}:{self.line} in {self.function}"


def call_site() -> CallSite:
    """The innermost caller outside the library."""
    frame = inspect.currentframe()
    while frame is not None and frame.f_code.co_filename.startswith(_PASSED_THROUGH):
        frame = frame.f_back
    if frame is None:
        return CallSite("an unknown file", 0, "an unknown function")
    return CallSite(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)
