"""Asking for notifications, and seeing what became of them."""

import hashlib
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from activerow.paging import CursorPage
from activerow.types import utc_now
from notification.delivery.dispatch import Dispatch
from notification.errors import IdempotencyConflictError
from notification.models import Channel, Notifications, db
from notification.security.known_keys import KnownKey


async def request_notification(
    caller: KnownKey, channel: Channel, payload: Mapping[str, Any], key: str | None, dispatch: Dispatch
) -> Notifications:
    """A notification in the outbox, handed over for delivery once it is committed.

    With an idempotency `key` that the caller used before: the notification of then, and nothing is sent again.

    Raises:
        ChannelNotOfferedError: This installation does not send by this channel.
        WebhookRefusedError: The webhook is none that is called.
        IdempotencyConflictError: The key was used for another notification.
    """
    dispatch.senders.check_offered(channel, payload.get("url"))
    fingerprint = _fingerprint(channel, payload)
    values: dict[str, Any] = {
        "api_key_id": caller.id,
        "channel": channel,
        "payload": dict(payload),
        "fingerprint": fingerprint,
        # Until then the handover below counts; afterwards the sweeper does.
        "due_at": utc_now() + timedelta(seconds=dispatch.handover_seconds),
    }
    async with db.transaction():
        notification, is_new = await _noted(caller.user_id, key, values)
        if is_new:
            db.on_commit(lambda: dispatch.queue.put(notification.id))
    if notification.fingerprint != fingerprint:
        raise IdempotencyConflictError
    return notification


async def _noted(user_id: int, key: str | None, values: dict[str, Any]) -> tuple[Notifications, bool]:
    """The row for these values and whether it is new; of two requests with one key, the unique constraint picks."""
    if key is None:
        return await Notifications.create(values, user_id=user_id), True
    return await Notifications.get_or_create({"user_id": user_id, "idempotency_key": key}, values)


def _fingerprint(channel: Channel, payload: Mapping[str, Any]) -> str:
    """A digest of what is asked for: the same whenever that is the same."""
    text = json.dumps([channel, payload], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


async def read_notification(caller: KnownKey, notification_id: int) -> Notifications:
    """One notification of the caller's.

    Raises:
        RecordNotFoundError: There is none with this id, or it is somebody else's: nobody learns which.
    """
    return await Notifications.filter_by(id=notification_id, user_id=caller.user_id).one()


async def list_notifications(
    caller: KnownKey, wanted: Mapping[str, Any], cursor: str | None, size: int
) -> CursorPage[Notifications]:
    """A page of the caller's notifications for which the lookups `wanted` hold, the latest first.

    Raises:
        InvalidCursorError: The cursor is damaged, or of another list.
    """
    query = Notifications.filter_by(wanted, user_id=caller.user_id)
    return await query.order_by("-created_at", "-id").after(cursor, size)
