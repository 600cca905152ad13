"""A block that an async generator holds open while it waits at a `yield`.

The calls of whoever reads the generator join the block meanwhile. A reader that leaves its loop may never come back:
then the generator is only dropped, and the event loop closes it a moment later, in another task. Until it has, the
block looks open, but what joins it now would be undone with it.
"""

import asyncio
import contextlib
import inspect
from collections.abc import Collection
from types import AsyncGeneratorType, FrameType
from typing import Any
from weakref import ReferenceType, ref


class GeneratorHold:
    """The generator that holds a block, and what its reader has written there.

    Attributes:
        is_told: Whether the reader knows what became of that: it was kept, or an error said that it is undone.
    """

    __slots__ = ("_alive", "_generator", "_mark", "_wrote_outside", "is_told")

    def __init__(self, generator: "AsyncGeneratorType[Any, Any]", alive: Collection[Any]) -> None:
        self._generator: ReferenceType[AsyncGeneratorType[Any, Any]] = ref(generator)
        self._alive = alive
        self._mark: int | None = None
        self._wrote_outside = self.is_told = False

    @property
    def is_abandoned(self) -> bool:
        """Whether nobody can go on with the generator any more."""
        generator = self._generator()
        return generator is None or generator not in self._alive

    def note_call(self, writes: int) -> None:
        """Note that a call comes, of the generator itself or of its reader; so many writes were done before."""
        if self._mark is not None and writes > self._mark:
            self._wrote_outside = True
        generator = self._generator()
        self._mark = None if generator is None or generator.ag_running else writes

    @property
    def closed_by(self) -> BaseException | None:
        """The error that `contextlib.aclosing` closes the generator for; None when its reader just left, or unknown."""
        generator = self._generator()
        closer = generator.ag_frame.f_back if generator is not None and generator.ag_frame is not None else None
        if closer is None or closer.f_code.co_filename != contextlib.__file__:
            return None
        error: BaseException | None = closer.f_locals.get("exc_info", (None, None))[1]
        return error

    def has_to_tell(self, writes: int) -> bool:
        """Whether the reader has written something in the block, and does not know yet that it is undone."""
        self.note_call(writes)
        return self._wrote_outside and not self.is_told


def hold_of(frame: FrameType | None) -> GeneratorHold | None:
    """The hold of the generator that runs in `frame`; None for another function, or one that a `with` comes back to."""
    if frame is None or not frame.f_code.co_flags & inspect.CO_ASYNC_GENERATOR:
        return None
    caller = frame.f_back
    if caller is not None and caller.f_code.co_filename == contextlib.__file__:
        return None
    alive: Collection[Any] = getattr(asyncio.get_running_loop(), "_asyncgens", ())
    generator = next((each for each in alive if each.ag_frame is frame), None)
    return GeneratorHold(generator, alive) if generator is not None else None
