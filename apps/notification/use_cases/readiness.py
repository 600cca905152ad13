"""Whether the service can do its work: what it depends on is asked, and has little time to answer."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from activerow.errors import ActiveRowError
from activerow.types import utc_now
from notification.errors import ApiError, NotReadyError
from notification.models import Delivery, Notifications, Users

Probe = Callable[[], Awaitable[object]]

SECONDS: Final = 2.0
KEPT: Final = 1.0
BEHIND: Final = timedelta(minutes=5)


async def ask_database() -> None:
    """Return when the database answers, and has the tables."""
    await Users.filter_by(id=0).exists()


async def ask_queue() -> None:
    """Return when no notification has been due for long.

    Raises:
        NotReadyError: One has.
    """
    long_ago = utc_now() - BEHIND
    waiting = Notifications.status.in_([Delivery.queued, Delivery.failed])
    if await Notifications.where(waiting, Notifications.due_at < long_ago).exists():
        raise NotReadyError("Notifications wait for more than five minutes.")


class Readiness:
    """Asks all that the service depends on, at the same time. A probe that raises or is too slow has failed.

    What was found counts for a moment, and for all who wait for it: however many ask here, the probes are asked once.
    """

    def __init__(self, probes: Mapping[str, Probe], seconds: float = SECONDS, kept: float = KEPT) -> None:
        self._probes, self._seconds, self._kept = MappingProxyType(dict(probes)), seconds, kept
        self._asking = asyncio.Lock()
        self._found: dict[str, Exception | None] = {}
        self._found_until = 0.0

    async def look(self) -> dict[str, bool]:
        """What was asked, and whether it answered."""
        failures = await self._failures()
        return {name: failure is None for name, failure in failures.items()}

    async def check(self) -> dict[str, bool]:
        """What was asked; all of it answered.

        Raises:
            NotReadyError: Something did not; its name is in the text, and nothing else about it.
        """
        failures = await self._failures()
        if failed := [name for name, failure in failures.items() if failure is not None]:
            raise NotReadyError(f"No answer from: {', '.join(failed)}.") from failures[failed[0]]
        return dict.fromkeys(failures, True)

    async def _failures(self) -> dict[str, Exception | None]:
        async with self._asking:
            if time.monotonic() >= self._found_until:
                answers = await asyncio.gather(*(self._ask(probe) for probe in self._probes.values()))
                self._found = dict(zip(self._probes, answers, strict=True))
                self._found_until = time.monotonic() + self._kept
            return self._found

    async def _ask(self, probe: Probe) -> Exception | None:
        try:
            async with asyncio.timeout(self._seconds):
                await probe()
        except (ActiveRowError, ApiError, OSError) as error:  # a timeout is an OSError too
            return error
        return None
