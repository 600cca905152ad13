"""How far a call walks: the Python functions that it calls, and which of them are the library's own."""

import inspect
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple, Self

import activerow

_ROOT = str(Path(activerow.__file__).parent)
_RESUMED = inspect.CO_COROUTINE | inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR


class Walk(NamedTuple):
    """Files seen, file borders crossed, functions called: of the library alone."""

    files: int
    hops: int
    calls: int


@dataclass
class Trace:
    """Counts the calls of this thread inside the block; a coroutine that goes on is not called again."""

    python_calls: int = 0
    _path: list[str] = field(default_factory=list[str])
    _seen: dict[int, FrameType] = field(default_factory=dict[int, FrameType])

    def __enter__(self) -> Self:
        sys.setprofile(self._note)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)
        self._seen.clear()

    @property
    def walk(self) -> Walk:
        """Through the library's own files."""
        hops = sum(file != before for before, file in zip(["", *self._path], self._path, strict=False))
        return Walk(len(set(self._path)), hops, len(self._path))

    def _note(self, frame: FrameType, event: str, _argument: Any) -> None:
        if event != "call" or (id(frame) in self._seen and frame.f_code.co_flags & _RESUMED):
            return
        self._seen[id(frame)] = frame
        self.python_calls += 1
        if frame.f_code.co_filename.startswith(_ROOT):
            self._path.append(frame.f_code.co_filename)
