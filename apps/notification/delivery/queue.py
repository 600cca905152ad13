"""The queue that carries notifications' ids to a worker: quick, while the outbox is what makes it sure.

Whatever is lost on the way, and whenever the broker is away, the sweeper hands over again what the outbox has.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Final
from urllib.parse import urlsplit

from taskiq import AsyncBroker, BrokerMessage
from taskiq.receiver import Receiver
from taskiq_aio_pika import AioPikaBroker, Exchange
from taskiq_aio_pika import Queue as AmqpQueue
from taskiq_nats import NatsBroker
from taskiq_redis import ListQueueBroker

from notification.logs import describe

_log = logging.getLogger("notification.delivery")

_NAME: Final = "notification.deliver"
_PATIENCE: Final = 5.0
_LONGEST_PAUSE: Final = 30.0


class ProcessBroker(AsyncBroker):
    """A queue in this process, for one that both asks and delivers."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: asyncio.Queue[bytes] = asyncio.Queue()

    async def kick(self, message: BrokerMessage) -> None:
        """Put a message behind the others."""
        self.waiting.put_nowait(message.message)

    async def listen(self) -> AsyncGenerator[bytes, None]:
        """Messages, as they come."""
        while True:
            yield await self.waiting.get()


def broker_at(url: str) -> AsyncBroker:
    """The broker that BROKER_URL names; without one, a queue in this process."""
    match urlsplit(url).scheme:
        case "redis" | "rediss":
            return ListQueueBroker(url, queue_name=_NAME, socket_connect_timeout=_PATIENCE)
        case "amqp" | "amqps":
            queue = AmqpQueue(name=_NAME, routing_key=_NAME)
            dead = AmqpQueue(name=f"{_NAME}.dead")
            return AioPikaBroker(url, exchange=Exchange(name=_NAME), task_queues=[queue], dead_letter_queue=dead)
        case "nats":
            return NatsBroker(url, subject=_NAME, queue=_NAME)
        case _:
            return ProcessBroker()


class Queue:
    """Hands ids over to workers, and has them delivered where it works itself."""

    def __init__(self, broker: AsyncBroker, deliver: Callable[[int], Awaitable[None]]) -> None:
        self._broker = broker
        self._here: set[int] = set()  # what waits in this process's own queue

        async def take(notification_id: int) -> None:
            self._here.discard(notification_id)
            await deliver(notification_id)

        self._task = broker.register_task(take, task_name=_NAME)

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
        async with asyncio.timeout(2 * _PATIENCE):
            await self._broker.startup()

    async def close(self) -> None:
        """Disconnect."""
        await self._broker.shutdown()

    async def put(self, *ids: int) -> None:
        """Hand notifications over. The broker has a few seconds to take each."""
        for notification_id in ids:
            if notification_id in self._here:
                continue
            if self.is_local:
                self._here.add(notification_id)
            async with asyncio.timeout(_PATIENCE):
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
