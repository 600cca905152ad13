"""The queue that carries notifications' ids to a worker: quick, while the outbox is what makes it sure.

Whatever is lost on the way, and whenever the broker is away, the sweeper hands over again what the outbox has.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from taskiq import AsyncBroker
from taskiq.receiver import Receiver

from notification.delivery.brokers import PATIENCE, ProcessBroker, ping
from notification.ops.logs import describe

_log = logging.getLogger("notification.delivery")

_TASK: Final = "notification.deliver"
_LONGEST_PAUSE: Final = 30.0


class Queue:
    """Hands ids over to workers, and has them delivered where it works itself."""

    def __init__(self, broker: AsyncBroker, deliver: Callable[[int], Awaitable[None]]) -> None:
        self._broker = broker
        self._here: set[int] = set()  # what waits in this process's own queue

        async def take(notification_id: int) -> None:
            self._here.discard(notification_id)
            await deliver(notification_id)

        self._task = broker.register_task(take, task_name=_TASK)

    @property
    def is_local(self) -> bool:
        """Whether this process delivers what it hands over."""
        return isinstance(self._broker, ProcessBroker)

    @property
    def waiting(self) -> frozenset[int]:
        """Ids that wait in this process."""
        return frozenset(self._here)

    async def open(self, *, working: bool) -> None:
        """Connect to the broker; a worker's connection listens too."""
        self._broker.is_worker_process = working
        async with asyncio.timeout(2 * PATIENCE):
            await self._broker.startup()

    async def close(self) -> None:
        """Disconnect."""
        await self._broker.shutdown()

    async def ask(self) -> None:
        """Return when the broker answers.

        Raises:
            ConnectionError: It does not.
        """
        try:
            await ping(self._broker)
        except Exception as error:  # brokers go away in many ways
            raise ConnectionError("the broker does not answer") from error

    async def put(self, *ids: int) -> None:
        """Hand notifications over. The broker has a few seconds to take each."""
        for notification_id in ids:
            if notification_id in self._here:
                continue
            if self.is_local:
                self._here.add(notification_id)
            async with asyncio.timeout(PATIENCE):
                await self._task.kiq(notification_id)

    async def work(self, concurrency: int, finish: asyncio.Event, patience: float) -> None:
        """Deliver what is handed over until `finish`, then end what has begun, for `patience` seconds at most."""
        pause = 1.0
        while not finish.is_set():
            receiver = Receiver(
                self._broker, max_async_tasks=concurrency, wait_tasks_timeout=patience, run_startup=False
            )
            try:
                await receiver.listen(finish)
            except Exception as error:  # noqa: BLE001  # brokers go away in many ways; the sweeper goes on meanwhile
                _log.error("the broker cannot be reached", extra={"error": describe(error)})
                await pause_unless(finish, pause)
                pause = min(2 * pause, _LONGEST_PAUSE)


async def pause_unless(event: asyncio.Event, seconds: float) -> None:
    """Wait, but not longer than until the event."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
