"""How long the service keeps what it was told. On every backend."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest

from activerow.types import utc_now
from notification.delivery.courier import Courier
from notification.delivery.dispatch import Dispatch
from notification.delivery.retention import Retention
from notification.delivery.senders import Senders
from notification.models import (
    ApiKeys,
    ApiKeyWhitelists,
    Base,
    Delivery,
    KeyStatus,
    Notifications,
    RefreshTokens,
    UsedSignatures,
    Users,
    db,
)
from notification.settings import Settings
from tests.notification.tools.callers import calls_of, new_key
from tests.notification.tools.deliveries import NOWHERE, ago, noted, owner
from tests.notification.tools.service import serving
from tests.tools.counting import statements

DAY = 24 * 3600.0
# What grows with every call, and who deletes it. The other tables grow with people, keys and networks only.
SWEPT: tuple[type[Base], ...] = (Notifications, RefreshTokens, UsedSignatures, ApiKeys)


async def _sweep(days: int = 30, batch: int = 500) -> int:
    return await Retention(days, batch).sweep(asyncio.Event())


async def _finished(user: Users, days: float, status: Delivery = Delivery.sent, **changes: Any) -> Notifications:
    """A notification that ended so many days ago."""
    return await noted(user, status=status, due_at=ago(days * DAY), updated_at=ago(days * DAY), **changes)


@pytest.mark.parametrize("status", [Delivery.sent, Delivery.dead])
async def test_what_is_finished_is_kept_for_a_while(prepared_on_backend: Settings, status: Delivery) -> None:
    """Then it is deleted, with subject, text and recipients."""
    user = await owner()
    kept, gone = await _finished(user, 29, status), await _finished(user, 31, status)

    assert await _sweep() == 1
    assert await Notifications.query().pluck("id") == [kept.id]
    assert gone.id != kept.id


async def test_what_is_not_finished_is_kept_for_ever(prepared_on_backend: Settings) -> None:
    """However long a notification waits, it is not forgotten."""
    user = await owner()
    for status in (Delivery.queued, Delivery.sending, Delivery.failed):
        await _finished(user, 4000, status)

    assert await _sweep() == 0


async def test_what_ended_yesterday_counts_from_yesterday(prepared_on_backend: Settings) -> None:
    """Whenever it was asked for, and whenever it was due: a worker may have been away for a month."""
    await noted(
        await owner(),
        status=Delivery.sent,
        created_at=ago(60 * DAY),
        due_at=ago(60 * DAY),
        updated_at=utc_now(),
    )

    assert await _sweep() == 0


async def test_the_end_of_an_attempt_begins_the_time(prepared: Settings) -> None:
    """What the courier notes counts, not when the notification was asked for."""
    row = await noted(await owner(), created_at=ago(60 * DAY), due_at=ago(60 * DAY), updated_at=ago(60 * DAY))
    await Courier(Senders({}), timeout=5, max_attempts=1, retry_seconds=1).deliver(row.id)

    assert (await row.refresh()).status is Delivery.dead
    assert await _sweep() == 0


async def test_zero_days_are_for_ever(prepared: Settings) -> None:
    """What has expired is deleted all the same: nobody can do anything with it."""
    user = await owner()
    await _finished(user, 4000)
    await RefreshTokens.create(user_id=user.id, family="f", digest="d", expires_at=ago(1))

    assert await _sweep(days=0) == 1
    assert await Notifications.query().count() == 1


async def test_an_idempotency_key_holds_as_long_as_its_notification(settings: Settings) -> None:
    """Within the time it stands for what it was used for; afterwards it is free."""
    async with serving(settings.model_copy(update={"webhook_allow_private": True})) as client:
        key = await new_key()
        calls_of(client, key)
        asked = await _finished(await Users.get(key.user_id), 29, channel="webhook", idempotency_key="order-17")

        await _sweep()
        within = await _ask(client)
        await Notifications.filter_by(id=asked.id).update(updated_at=ago(31 * DAY), due_at=ago(31 * DAY))
        await _sweep()
        afterwards = await _ask(client)

    assert (within.status_code, within.json()["type"]) == (409, "idempotency_conflict")
    assert afterwards.status_code == 202


async def _ask(client: httpx.AsyncClient) -> httpx.Response:
    body = {"url": NOWHERE, "text": "Done."}
    return await client.post("/api/v1/services/webhook", json=body, headers={"Idempotency-Key": "order-17"})


async def test_expired_tokens_and_signatures_go(prepared_on_backend: Settings) -> None:
    """Also of users who refresh for years and never log in anew; what has not expired stays, used or not."""
    user, later = await owner(), utc_now() + timedelta(days=1)
    for number, expires_at in enumerate((ago(1), ago(DAY), later)):
        await RefreshTokens.create(user_id=user.id, family="f", digest=str(number), expires_at=expires_at)
        await UsedSignatures.create(digest=str(number), expires_at=expires_at)

    assert await _sweep() == 4
    assert await RefreshTokens.query().pluck("digest") == await UsedSignatures.query().pluck("digest") == ["2"]


async def test_withdrawn_keys_go(prepared_on_backend: Settings) -> None:
    """With their networks; what was sent with them stays, and so do stopped keys."""
    user = await owner()
    for name, status, days in (("old", KeyStatus.deleted, 31), ("new", KeyStatus.deleted, 29), ("s", "stopped", 99)):
        key = await ApiKeys.create(
            user_id=user.id, access_key=name, secret=b"", status=status, updated_at=ago(days * DAY)
        )
        await ApiKeyWhitelists.create(api_key_id=key.id, ip_addr="192.0.2.0/24")
        await noted(user, api_key_id=key.id)

    assert await _sweep() == 1
    assert sorted(await ApiKeys.query().pluck("access_key")) == ["new", "s"]
    assert await ApiKeyWhitelists.query().count() == 2
    assert await Notifications.query().count() == 3


async def test_deleting_is_done_in_batches(prepared_on_backend: Settings) -> None:
    """No transaction holds more rows than a batch has, and none is left over."""
    user = await owner()
    for _ in range(7):
        await _finished(user, 31)

    with statements(db) as sent:
        assert await _sweep(batch=3) == 7

    assert len([statement for statement in sent if statement.startswith("DELETE FROM notifications")]) == 3


async def test_processes_that_delete_at_once_do_not_disturb_each_other(prepared_on_backend: Settings) -> None:
    """Each row is deleted by one of them, and nobody fails."""
    user = await owner()
    for _ in range(40):
        await _finished(user, 31)

    counts = await asyncio.gather(*(_sweep(batch=10) for _ in range(4)))

    assert sum(counts) == 40
    assert await Notifications.query().count() == 0


async def test_a_process_that_delivers_deletes(prepared: Settings) -> None:
    """At its start and every hour, worker or API; RETENTION_DAYS says what."""
    await _finished(await owner(), 3)

    async with Dispatch.of(prepared.model_copy(update={"retention_days": 2})).working(), asyncio.timeout(10):
        while await Notifications.query().exists():
            await asyncio.sleep(0.01)


def test_no_table_is_forgotten() -> None:
    """Whoever adds a table says whether it grows with every call."""
    with_people = {"users", "admins", "identities", "api_key_whitelists"}

    assert {model.__tablename__ for model in SWEPT} | with_people == set(Base.metadata.tables)
