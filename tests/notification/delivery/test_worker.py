"""Workers: in this process, beside it with a broker, and what happens when one is killed."""

import asyncio
import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import SecretStr, ValidationError
from taskiq_aio_pika import AioPikaBroker
from taskiq_nats import NatsBroker
from taskiq_redis import ListQueueBroker

from activerow.types import utc_now
from notification.delivery.brokers import ProcessBroker, broker_at
from notification.delivery.dispatch import Dispatch
from notification.delivery.queue import Queue
from notification.models import Delivery, Notifications
from notification.settings import Settings
from serving.settings import explain
from tests.notification.tools.deliveries import MAIL, noted, owner
from tests.notification.tools.mailbox import Mailbox
from tests.notification.tools.service import settings_for
from tests.notification.tools.workers import broker_server, redis_server, worker


async def _until(is_so: Callable[[], Awaitable[bool]], seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not await is_so():
            await asyncio.sleep(0.02)


async def _all_sent() -> bool:
    return not await Notifications.where(Notifications.status != Delivery.sent).exists()


@pytest.fixture
async def many(prepared_on_backend: Settings) -> list[int]:
    """A hundred notifications in the outbox."""
    return await _fill(100)


async def _fill(count: int) -> list[int]:
    user = await owner()
    return [(await noted(user, MAIL | {"subject": str(number)})).id for number in range(count)]


def _killed_in_the_middle(folder: Path, url: str, mailbox: Mailbox, after: int, options: dict[str, str]) -> None:
    """Have a worker deliver, and kill it when the mail server has so many messages."""
    enough = threading.Event()
    mailbox.on_message = lambda number: enough.set() if number >= after else None
    with worker(folder, url, SMTP_URL=mailbox.url, **options) as process:
        assert enough.wait(60)
        process.kill()
        process.wait()


async def _kill_and_recover(
    settings: Settings, mailbox: Mailbox, folder: Path, ids: list[int], after: int, **options: str
) -> None:
    """Kill a worker in the middle and let another one end the work: all is there, hardly anything twice."""
    await asyncio.to_thread(_killed_in_the_middle, folder / "first", settings.database_url, mailbox, after, options)
    under_way = set(await Notifications.filter_by(status=Delivery.sending).pluck(Notifications.id))
    # The claims of the killed worker would be over in a while.
    await Notifications.filter_by(status=Delivery.sending).update(claimed_until=utc_now())
    left = len(ids) - await Notifications.filter_by(status=Delivery.sent).count()
    with worker(folder / "second", settings.database_url, SMTP_URL=mailbox.url, **options) as second:
        await _until(_all_sent, seconds=60 + len(ids))
        second.terminate()
        assert await asyncio.to_thread(second.wait, 30) == 0

    arrived = Counter(int(message_id[1:].partition(".")[0]) for message_id in mailbox.ids)
    twice = {number for number, times in arrived.items() if times > 1}
    assert left > 0
    assert set(arrived) == set(ids)
    assert twice <= under_way


@pytest.mark.backends("sqlite", "asyncpg", "asyncmy")
async def test_a_killed_worker_loses_nothing(
    prepared_on_backend: Settings, many: list[int], mailbox: Mailbox, tmp_path: Path
) -> None:
    """Another worker delivers the rest; only what was under way may arrive twice."""
    await _kill_and_recover(prepared_on_backend, mailbox, tmp_path, many, after=30)


@pytest.mark.soak
@pytest.mark.backends("sqlite", "asyncpg", "asyncmy")
async def test_a_killed_worker_loses_none_of_a_thousand(
    prepared_on_backend: Settings, mailbox: Mailbox, tmp_path: Path
) -> None:
    """The same with more of everything."""
    await _kill_and_recover(prepared_on_backend, mailbox, tmp_path, await _fill(1000), after=400)


@pytest.mark.soak
@pytest.mark.backends("sqlite", "asyncpg", "asyncmy")
async def test_a_worker_that_is_killed_with_a_broker_loses_none_of_a_thousand(
    prepared_on_backend: Settings, mailbox: Mailbox, tmp_path: Path
) -> None:
    """What Redis had given to the worker that was killed, nobody but the sweeper can find."""
    ids = await _fill(1000)
    later = utc_now() + timedelta(seconds=30)
    await Notifications.query().update(due_at=later, all_rows=True)  # until then Redis alone brings them
    with redis_server(tmp_path) as url:
        await _hand_over(prepared_on_backend, url, ids)
        await _kill_and_recover(prepared_on_backend, mailbox, tmp_path, ids, after=400, BROKER_URL=url)


async def _hand_over(settings: Settings, url: str, ids: list[int]) -> None:
    dispatch = Dispatch.of(settings.model_copy(update={"broker_url": SecretStr(url)}))
    async with dispatch.asking():
        await dispatch.queue.put(*ids)


async def test_two_workers_share_without_doubles(prepared: Settings, mailbox: Mailbox, tmp_path: Path) -> None:
    """Each notification is claimed by one of them."""
    ids = await _fill(60)
    with (
        worker(tmp_path / "first", prepared.database_url, SMTP_URL=mailbox.url),
        worker(tmp_path / "second", prepared.database_url, SMTP_URL=mailbox.url),
    ):
        await _until(_all_sent)

    assert len(set(mailbox.ids)) == len(mailbox.ids) == len(ids)


async def test_a_worker_that_is_told_to_end_finishes_what_it_has_begun(
    prepared: Settings, mailbox: Mailbox, tmp_path: Path
) -> None:
    """Its deliveries under way arrive, the rest is due at once for others, and it leaves with 0."""
    await _fill(5)
    mailbox.hold = threading.Event()
    with worker(
        tmp_path / "only", prepared.database_url, SMTP_URL=mailbox.url, WORKER_CONCURRENCY="2", DELIVERY_TIMEOUT="20"
    ) as process:
        await _until(lambda: _has(2, Delivery.sending))
        process.terminate()
        mailbox.hold.set()
        assert await asyncio.to_thread(process.wait, 30) == 0

    sent = await Notifications.filter_by(status=Delivery.sent).count()
    assert sent >= 2
    assert await _has(5 - sent, Delivery.queued)
    assert "Traceback" not in (tmp_path / "only" / "stderr").read_text()


async def _has(count: int, status: Delivery) -> bool:
    return await Notifications.filter_by(status=status).count() == count


async def test_redis_carries_them_to_a_worker(prepared: Settings, mailbox: Mailbox, tmp_path: Path) -> None:
    """The worker need not wait for the sweeper: what is handed over is not due for an hour."""
    with redis_server(tmp_path) as url:
        dispatch = Dispatch.of(prepared.model_copy(update={"broker_url": SecretStr(url)}))
        later = (await noted(await owner())).created_at.replace(year=2999)
        await Notifications.query().update(due_at=later, all_rows=True)
        with worker(tmp_path / "only", prepared.database_url, SMTP_URL=mailbox.url, BROKER_URL=url):
            async with dispatch.asking():
                number = (await Notifications.query().one()).id
                await dispatch.queue.put(number, number)
                await _until(_all_sent)

    assert len(mailbox.messages) == 1


async def test_a_broker_that_goes_away_delays_but_loses_nothing(
    prepared: Settings, mailbox: Mailbox, tmp_path: Path
) -> None:
    """While Redis is gone nothing moves; when it is back, the sweeper hands over anew."""
    with redis_server(tmp_path) as url:
        port = url.rpartition(":")[2]
    settings = prepared.model_copy(
        update={
            "broker_url": SecretStr(url),
            "smtp_url": SecretStr(mailbox.url),
            "sweep_seconds": 0.05,
            "handover_seconds": 0.2,
        }
    )
    await noted(await owner())
    async with Dispatch.of(settings).working():
        await _until(_handed_over)
        with redis_server(tmp_path, port):
            await _until(_all_sent)

    assert len(mailbox.messages) == 1


async def _handed_over() -> bool:
    row = await Notifications.query().one()
    return row.due_at > row.created_at


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("", ProcessBroker),
        ("redis://localhost:1", ListQueueBroker),
        ("amqp://localhost:1", AioPikaBroker),
        ("nats://localhost:1", NatsBroker),
    ],
)
async def test_the_broker_is_what_the_url_says(url: str, kind: type) -> None:
    """Nothing is connected to by making it."""
    assert type(broker_at(url, "notification")) is kind


async def test_a_worker_waits_at_redis_for_as_long_as_nothing_comes() -> None:
    """The client's own limit for an answer would end BRPOP, and the worker would be away for seconds."""
    broker = broker_at("redis://localhost:1", "notification")

    assert isinstance(broker, ListQueueBroker)
    connection: Any = cast("Any", broker.connection_pool).make_connection()
    assert connection.socket_timeout is None
    assert connection.socket_connect_timeout


async def test_installations_at_one_broker_do_not_take_each_others_ids() -> None:
    """The queue is called by the installation."""
    names = {cast("Any", broker_at("redis://localhost:1", name)).queue_name for name in ("shop", "news")}

    assert names == {"shop.deliver", "news.deliver"}


@pytest.mark.parametrize("broker", ["redis", "nats", "amqp"])
async def test_a_broker_carries_ids_from_one_process_to_another(broker: str, tmp_path: Path) -> None:
    """They arrive at whoever works; whoever asks gets none."""
    arrived: set[int] = set()
    finish = asyncio.Event()

    async def deliver(number: int) -> None:
        arrived.add(number)

    with broker_server(broker, tmp_path) as url:
        working, asking = (
            Queue(broker_at(url, "notification"), deliver),
            Queue(broker_at(url, "notification"), _nothing),
        )
        await working.open(working=True)
        await asking.open(working=False)
        work = asyncio.create_task(working.work(3, finish, 5))
        async with asyncio.timeout(20):
            while 0 not in arrived:  # NATS forgets what nobody listens to yet
                await asking.put(0)
                await asyncio.sleep(0.05)
            await asking.put(1, 2, 3, 4)
            while len(arrived) < 5:
                await asyncio.sleep(0.01)
        finish.set()
        await work
        await asking.close()
        await working.close()

    assert arrived == set(range(5))


async def _nothing(_: int) -> None:
    raise AssertionError("only workers deliver")


async def test_no_more_deliveries_at_once_than_allowed() -> None:
    """WORKER_CONCURRENCY holds, and all get their turn."""
    running: list[int] = []
    most: list[int] = []
    done = asyncio.Event()
    seen: set[int] = set()

    async def deliver(number: int) -> None:
        running.append(number)
        most.append(len(running))
        await asyncio.sleep(0)
        running.remove(number)
        seen.add(number)
        if len(seen) == 50:
            done.set()

    queue, finish = Queue(ProcessBroker(), deliver), asyncio.Event()
    await queue.open(working=True)
    work = asyncio.create_task(queue.work(3, finish, 5))
    await queue.put(*range(50), *range(50))
    await done.wait()
    finish.set()
    await work
    await queue.close()

    assert max(most) <= 3
    assert queue.waiting == frozenset()


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("max_attempts", "0", "MAX_ATTEMPTS: "),
        ("broker_url", "kafka://ada:hunter2@localhost", "BROKER_URL: "),
        ("smtp_url", "ada:hunter2@localhost", "SMTP_URL: "),
        ("smtp_url", "smtp://ada:hunter2@localhost:x", "SMTP_URL: "),
        ("mail_from", "me\r\nBcc: eve@example.com", "MAIL_FROM: "),
        ("kakao_api_url", "file:///hunter2", "KAKAO_API_URL: "),
    ],
)
def test_a_wrong_setting_is_told_without_its_value(tmp_path: Path, name: str, value: str, told: str) -> None:
    """URLs hold passwords."""
    with pytest.raises(ValidationError) as caught:
        settings_for(tmp_path, **{name: value})

    (line,) = explain(caught.value)
    assert line.startswith(told)
    assert "hunter2" not in line
