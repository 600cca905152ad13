"""Where in the program a call was made, for messages."""

import asyncio
import contextlib
import importlib
import inspect
import os
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any, Final, NamedTuple

import sqlalchemy

_greenlets: Any = importlib.import_module("greenlet")  # it comes with sqlalchemy[asyncio], and has no types

_PACKAGE: Final = f"{Path(__file__).parents[1]}{os.sep}"  # a program's own `activerow_tools` is not passed through
_PASSED_THROUGH: Final = (_PACKAGE, contextlib.__file__)
_SQLALCHEMY: Final = (f"{Path(sqlalchemy.__file__).parent}{os.sep}", "<sqlalchemy generated")
_ASYNCIO: Final = f"{Path(asyncio.__file__).parent}{os.sep}"


class CallSite(NamedTuple):
    """A line of the program; as text `file:line in function`, the file as seen from the working directory."""

    path: str
    line: int
    function: str

    def __str__(self) -> str:
        if not self.line:
            return self.path
        return f"{self.path.removeprefix(f'{Path.cwd()}/')}:{self.line} in {self.function}"


def calling_frame() -> FrameType | None:
    """The innermost caller outside the library."""
    frame = inspect.currentframe()
    while frame is not None and frame.f_code.co_filename.startswith(_PASSED_THROUGH):
        frame = frame.f_back
    return frame


def call_site() -> CallSite:
    """Where the innermost caller outside the library is."""
    return site_of(calling_frame())


def statement_site() -> CallSite:
    """The innermost caller outside the library and SQLAlchemy, asked where a statement is sent, in a greenlet.

    A coroutine of theirs that is a task of its own, as in `gather(User.get(1), User.get(2))`, has no caller: then it is
    the name of the task.
    """
    for frame in _frames_across_greenlets():
        path = frame.f_code.co_filename
        if path.startswith(_ASYNCIO):
            task = asyncio.current_task()
            return CallSite(f"task {task.get_name()!r}" if task else "an event loop", 0, "")
        if not path.startswith((*_PASSED_THROUGH, *_SQLALCHEMY)):
            return site_of(frame)
    return site_of(None)


def task_site(task: "asyncio.Task[Any] | None") -> CallSite:
    """Where a task that waits has entered the library last; the name of the task, where nobody outside has called."""
    outside: FrameType | None = None
    caller: FrameType | None = None
    for frame in _awaiting(task.get_coro() if task is not None else None):
        if frame.f_code.co_filename.startswith(_PASSED_THROUGH):
            caller = outside
        elif not frame.f_code.co_filename.startswith(_ASYNCIO):
            outside = frame
    if caller is None and task is not None:
        return CallSite(f"task {task.get_name()!r}", 0, "")
    return site_of(caller)


def _awaiting(waiting: Any) -> Iterator[FrameType]:
    """The frames of a coroutine, from the outermost, and of what each of them awaits."""
    while waiting is not None:
        kind = next((kind for kind in ("cr", "ag", "gi") if hasattr(waiting, f"{kind}_frame")), None)
        if kind is None:
            return
        frame = getattr(waiting, f"{kind}_frame")
        if frame is not None:
            yield frame
        waiting = getattr(waiting, "gi_yieldfrom" if kind == "gi" else f"{kind}_await")


def _frames_across_greenlets() -> Iterator[FrameType]:
    """The frames of this call, from the innermost, and those in which its greenlet was entered."""
    place = _greenlets.getcurrent()
    frame: FrameType | None = inspect.currentframe()
    while frame is not None:
        yield frame
        frame = frame.f_back
        if frame is None and place is not None and (place := place.parent) is not None:
            frame = place.gr_frame


def site_of(frame: FrameType | None) -> CallSite:
    """The line that `frame` has come to."""
    if frame is None:
        return CallSite("an unknown file", 0, "an unknown function")
    return CallSite(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)
