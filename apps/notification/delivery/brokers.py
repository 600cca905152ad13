"""The brokers that BROKER_URL may name, behind one class of taskiq."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Final
from urllib.parse import urlsplit

from redis.asyncio import Redis
from taskiq import AsyncBroker, BrokerMessage
from taskiq_aio_pika import AioPikaBroker, Exchange
from taskiq_aio_pika import Queue as AmqpQueue
from taskiq_nats import NatsBroker
from taskiq_redis import ListQueueBroker

PATIENCE: Final = 5.0


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


def broker_at(url: str, installation: str) -> AsyncBroker:
    """The broker that BROKER_URL names, with queues of this installation; without one, a queue in this process."""
    name = f"{installation}.deliver"
    match urlsplit(url).scheme:
        case "redis" | "rediss":
            # A worker waits in BRPOP for as long as nothing comes; the client's own five seconds would cut it off.
            return ListQueueBroker(
                url,
                queue_name=name,
                socket_connect_timeout=PATIENCE,
                socket_timeout=None,
                socket_keepalive=True,
                health_check_interval=int(6 * PATIENCE),
            )
        case "amqp" | "amqps":
            queue = AmqpQueue(name=name, routing_key=name)
            dead = AmqpQueue(name=f"{name}.dead")
            return AioPikaBroker(url, exchange=Exchange(name=name), task_queues=[queue], dead_letter_queue=dead)
        case "nats":
            return NatsBroker(url, subject=name, queue=name)
        case _:
            return ProcessBroker()


async def ping(broker: AsyncBroker) -> None:
    """Return when an open broker has answered; it raises whatever its own library does."""
    match broker:
        case ListQueueBroker():
            async with Redis(connection_pool=broker.connection_pool) as redis:
                await redis.ping()  # pyright: ignore[reportUnknownMemberType]  # of options that nobody gives
        case AioPikaBroker():
            if broker.write_conn is None:
                raise ConnectionError("not open")
            async with broker.write_conn.channel():
                return
        case NatsBroker():
            await broker.client.flush()
        case _:
            return
