"""Delivery as a process has it: what asks for it, what does it, and how both begin and end."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from activerow.errors import ActiveRowError
from notification.delivery import outbox
from notification.delivery.brokers import broker_at
from notification.delivery.courier import Courier
from notification.delivery.queue import Queue
from notification.delivery.retention import Retention
from notification.delivery.senders import Senders
from notification.delivery.sweeper import Sweeper
from notification.settings import Settings

logger = logging.getLogger("notification.delivery")

_NOTING_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Dispatch:
    """Takes notifications from the outbox to their recipients, here or in a worker's process."""

    senders: Senders
    queue: Queue
    sweeper: Sweeper
    retention: Retention
    concurrency: int
    timeout: float
    handover_seconds: float

    @classmethod
    def of(cls, settings: Settings) -> "Dispatch":
        """Delivery as the settings say. Nothing is opened yet."""
        senders = Senders.of(settings)
        broker = broker_at(settings.broker_url.get_secret_value(), settings.installation)
        queue = Queue(broker, Courier.of(settings, senders).deliver)
        sweeper = Sweeper(queue, settings.sweep_seconds, settings.handover_seconds, settings.max_attempts)
        return cls(
            senders,
            queue,
            sweeper,
            Retention(settings.retention_days),
            settings.worker_concurrency,
            settings.delivery_timeout,
            settings.handover_seconds,
        )

    @asynccontextmanager
    async def asking(self) -> AsyncGenerator[None]:
        """The block may hand notifications over; without a broker they are delivered here."""
        if self.queue.is_local:
            async with self.working():
                yield
            return
        await self.queue.open(working=False)
        try:
            yield
        finally:
            await self.queue.close()

    @asynccontextmanager
    async def working(self) -> AsyncGenerator[None]:
        """Deliver while the block runs. At its end, what has begun is finished and what waits is left to others."""
        finish = asyncio.Event()
        await self.queue.open(working=True)
        patience = self.timeout + _NOTING_SECONDS
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.queue.work(self.concurrency, finish, patience), name="deliver notifications")
                tasks.create_task(self.sweeper.work(finish), name="sweep the outbox")
                tasks.create_task(self.retention.work(finish), name="delete what is too old")
                try:
                    yield
                finally:
                    finish.set()
        finally:
            await self._leave()

    async def _leave(self) -> None:
        try:
            if self.queue.waiting:
                await outbox.release(self.queue.waiting)
        except ActiveRowError as error:
            # Their handover runs out, and a sweeper finds them: the end of a process must not fail for it.
            logger.warning("notifications that wait here could not be handed back: %s", error.code)
        finally:
            await self.queue.close()
            await self.senders.aclose()
