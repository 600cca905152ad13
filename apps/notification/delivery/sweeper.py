"""Hands over what the outbox holds and nobody works on: retries, and what a process took to its grave."""

import asyncio
import logging
from dataclasses import dataclass
from typing import Final

from notification.delivery import outbox
from notification.delivery.queue import Queue, pause_unless
from notification.ops.logs import describe

_log = logging.getLogger("notification.delivery")
_BATCH: Final = 500


@dataclass(frozen=True, slots=True)
class Sweeper:
    """Looks into the outbox every so many seconds.

    Attributes:
        seconds: The pause between two looks.
        handover_seconds: What was handed over this long ago, and is still queued, is handed over again.
        max_attempts: What was abandoned in this attempt is dead.
    """

    queue: Queue
    seconds: float
    handover_seconds: float
    max_attempts: int

    async def work(self, finish: asyncio.Event) -> None:
        """Sweep until `finish`. When the database or the broker is away, the next time may go better."""
        while not finish.is_set():
            try:
                handed_over = await self.sweep()
            except Exception as error:  # noqa: BLE001  # whatever it was: it must not be the last look
                _log.error("the outbox could not be swept", extra={"error": describe(error)})
                handed_over = 0
            if handed_over < _BATCH:
                await pause_unless(finish, self.seconds)

    async def sweep(self) -> int:
        """Hand over what is due, as far as there is room; how many there were."""
        room = max(0, _BATCH - len(self.queue.waiting))
        if not room or not await outbox.has_due():
            return 0
        if lost := await outbox.bury(self.max_attempts):
            _log.warning("%d notifications given up: their last attempt did not come to its end", lost)
        ids = await outbox.take_due(room, self.handover_seconds)
        await self.queue.put(*ids)
        return len(ids)
