"""Who may deliver a notification, and what becomes of it. On every backend."""

import asyncio
from datetime import timedelta

import pytest

from activerow.types import utc_now
from notification.delivery import outbox
from notification.delivery.brokers import ProcessBroker
from notification.delivery.queue import Queue
from notification.delivery.sweeper import Sweeper
from notification.models import Delivery, Notifications
from notification.settings import Settings
from tests.notification.tools.deliveries import ago, noted, owner


def _ignore(_: int) -> asyncio.Future[None]:
    raise AssertionError("nothing is delivered here")


def _sweeper(max_attempts: int = 3) -> Sweeper:
    return Sweeper(Queue(ProcessBroker(), _ignore), 5, 60, max_attempts)


async def test_a_notification_is_claimed_once(prepared_on_backend: Settings) -> None:
    """Of many who try at once, one gets it."""
    row = await noted(await owner())

    claims = await asyncio.gather(*(outbox.claim(row.id, 30) for _ in range(5)))

    (claimed,) = [claim for claim in claims if claim]
    assert (claimed.status, claimed.attempts) == (Delivery.sending, 1)
    assert claimed.claimed_until
    assert utc_now() < claimed.claimed_until <= utc_now() + timedelta(seconds=30)


@pytest.mark.parametrize("status", [status for status in Delivery if status is not Delivery.queued])
async def test_only_what_is_queued_is_claimed(prepared: Settings, status: Delivery) -> None:
    """A message of the queue that comes twice, or too late, does nothing."""
    row = await noted(await owner(), status=status, claimed_until=ago(60))

    assert await outbox.claim(row.id, 30) is None
    assert (await row.refresh()).attempts == 0


async def test_who_comes_too_late_finishes_nothing(prepared_on_backend: Settings) -> None:
    """Its claim was over and another has the notification now."""
    row = await noted(await owner())
    slow = await outbox.claim(row.id, -1)
    await outbox.take_due(10, 60)
    quick = await outbox.claim(row.id, 30)
    assert slow
    assert quick

    assert not await outbox.finish(slow, Delivery.dead, last_error="late")
    assert await outbox.finish(quick, Delivery.sent, sent_at=utc_now())
    assert ((await row.refresh()).status, row.last_error, row.claimed_until) == (Delivery.sent, None, None)


async def test_the_sweeper_finds_what_nobody_works_on(prepared_on_backend: Settings) -> None:
    """Queued and never begun, failed and due, claimed by somebody who is gone; each is handed over once."""
    user = await owner()
    due = [
        await noted(user, status=Delivery.queued, due_at=ago(3)),
        await noted(user, status=Delivery.failed, due_at=ago(2), attempts=1),
        await noted(user, status=Delivery.sending, due_at=ago(1), claimed_until=ago(1), attempts=1),
    ]
    later = utc_now() + timedelta(seconds=60)
    for status in Delivery:
        await noted(user, status=status, due_at=later, claimed_until=later)
    for status in (Delivery.sent, Delivery.dead):
        await noted(user, status=status, due_at=ago(1), claimed_until=ago(1))

    assert await outbox.take_due(10, 60) == [row.id for row in due]
    assert await outbox.take_due(10, 60) == []
    assert {(await row.refresh()).status for row in due} == {Delivery.queued}


async def test_two_sweepers_claim_nothing_twice(prepared_on_backend: Settings) -> None:
    """Both may hand over the same, but what one's worker has begun is not queued anew by the other."""
    user = await owner()
    rows = [await noted(user, due_at=ago(1)) for _ in range(5)]

    found = await asyncio.gather(*(outbox.take_due(10, 60) for _ in range(3)))
    claims = [await outbox.claim(number, 30) for numbers in found for number in numbers]

    assert sorted(claim.id for claim in claims if claim) == [row.id for row in rows]


async def test_what_kills_its_worker_is_given_up(prepared_on_backend: Settings) -> None:
    """An attempt counts when it begins, so that no notification ends workers for ever."""
    row = await noted(await owner(), status=Delivery.sending, claimed_until=ago(1), attempts=3)

    assert await _sweeper(max_attempts=3).sweep() == 0
    assert ((await row.refresh()).status, row.last_error) == (Delivery.dead, outbox.UNFINISHED)


async def test_a_full_queue_is_not_filled_further(prepared: Settings) -> None:
    """What waits in this process is not taken from the outbox again, and its number is limited."""
    user = await owner()
    row = await noted(user, due_at=ago(1))
    sweeper = _sweeper()
    await sweeper.queue.put(*range(1000, 1500))

    assert await sweeper.sweep() == 0
    assert (await row.refresh()).due_at < utc_now()


async def test_what_waits_is_released_at_the_end(prepared_on_backend: Settings) -> None:
    """Another process finds it at once; what is under way or done is left alone."""
    user = await owner()
    later = utc_now() + timedelta(seconds=60)
    rows = [await noted(user, status=status, due_at=later) for status in (Delivery.queued, Delivery.sending)]

    assert await outbox.release([row.id for row in rows]) == 1
    assert await Notifications.filter_by(due_at__lte=utc_now()).pluck("status") == [Delivery.queued]
