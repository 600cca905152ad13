"""The order in which the connections of one process write to a SQLite file: first come, first served.

SQLite knows no order: who waits for the write lock sleeps and looks again, up to a tenth of a second later, so that the
lock lies idle while many want it, and one that is unlucky waits until its time is up.
"""

import asyncio
from collections import deque


class WriterQueue:
    """Who may ask for the write lock of a file now, and who is next."""

    def __init__(self) -> None:
        self._writer: object | None = None
        self._waiting: deque[tuple[object, asyncio.Future[None]]] = deque()

    async def take_turn(self, writer: object, patience: float) -> bool:
        """Wait for the turn of `writer`, at most `patience` seconds; says whether it has come."""
        if self._writer is None or self._writer is writer:
            self._writer = writer
            return True
        entry = (writer, asyncio.get_running_loop().create_future())
        self._waiting.append(entry)
        try:
            async with asyncio.timeout(patience):
                await entry[1]
        except TimeoutError:
            self._leave(entry)
        except BaseException:
            self._leave(entry)
            self.end_turn(writer)  # it may have come together with the cancellation
            raise
        return self._writer is writer

    def end_turn(self, writer: object) -> None:
        """Let the next one have its turn; nothing happens when it is not this writer's."""
        if self._writer is not writer:
            return
        self._writer = None
        while self._waiting:
            following, turn = self._waiting.popleft()
            if not turn.done():
                self._writer = following
                turn.set_result(None)
                return

    def _leave(self, entry: tuple[object, "asyncio.Future[None]"]) -> None:
        if entry in self._waiting:
            self._waiting.remove(entry)
