"""The outbox: which notification is whose to deliver, and how it ended.

```
queued ──claim──> sending ──finish──> sent | dead
  ^                  │  └───────────> failed
  └──────sweep───────┴── (claim over) ──┘ (due)
```

Every step is one UPDATE that names the state it starts from, so two workers never hold the same notification. The
number of the attempt tells one claim from the next: who comes back too late finishes nothing.
"""

from collections.abc import Collection
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, or_

from activerow.types import utc_now
from notification.models import Delivery, Notifications, db

UNFINISHED: Final = "the last attempt did not come to its end"


@db.transactional(retries=5)
async def claim(notification_id: int, seconds: float) -> Notifications | None:
    """The notification, which is the caller's to deliver for so many seconds; None where it is not to be delivered."""
    waiting = Notifications.where(Notifications.id == notification_id, Notifications.status == Delivery.queued)
    claimed = await waiting.update(
        status=Delivery.sending,
        attempts=Notifications.attempts + 1,
        claimed_until=utc_now() + timedelta(seconds=seconds),
    )
    return await Notifications.get(notification_id) if claimed else None


@db.transactional(retries=5)
async def finish(notification: Notifications, status: Delivery, **changes: Any) -> bool:
    """Note how a claimed notification ended; False where the claim was over and somebody else has it."""
    ours = Notifications.where(
        Notifications.id == notification.id,
        Notifications.status == Delivery.sending,
        Notifications.attempts == notification.attempts,
    )
    values: dict[str, object] = {"status": status, "claimed_until": None, **changes}
    return await ours.update(values) == 1


@db.transactional(retries=5)
async def release(ids: Collection[int]) -> int:
    """Make queued notifications due at once: who was to deliver them ends; how many there were."""
    waiting = Notifications.where(Notifications.id.in_(ids), Notifications.status == Delivery.queued)
    return await waiting.update(due_at=utc_now())


async def has_due() -> bool:
    """Whether there is something for the two functions below; asked first, because they lock what they look at."""
    return await Notifications.where(_due()).exists()


@db.transactional(retries=5)
async def bury(max_attempts: int) -> int:
    """Give up notifications whose last attempt ended with its worker; how many there were."""
    lost = Notifications.where(_abandoned(), Notifications.attempts >= max_attempts)
    return await lost.update(status=Delivery.dead, claimed_until=None, last_error=UNFINISHED)


@db.transactional(retries=5)
async def take_due(limit: int, handover_seconds: float) -> list[int]:
    """The longest due notifications, queued anew; they become due again when nobody claims them in time.

    Two sweepers may be given the same ones; the claim decides.
    """
    due = Notifications.where(_due())
    ids = await due.order_by("due_at", "id").limit(limit).pluck(Notifications.id)
    if ids:
        later = utc_now() + timedelta(seconds=handover_seconds)
        await due.where(Notifications.id.in_(ids)).update(status=Delivery.queued, claimed_until=None, due_at=later)
    return ids


def _due() -> ColumnElement[bool]:
    waiting = Notifications.status.in_([Delivery.queued, Delivery.failed])
    return or_(and_(waiting, Notifications.due_at <= utc_now()), _abandoned())


def _abandoned() -> ColumnElement[bool]:
    return and_(Notifications.status == Delivery.sending, Notifications.claimed_until <= utc_now())
