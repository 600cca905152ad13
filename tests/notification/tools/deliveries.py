"""Deliveries without a service around: rows of the outbox, and what brings them to an end."""

from datetime import timedelta
from typing import Any

from activerow.types import utc_now
from notification.delivery.courier import Courier
from notification.delivery.senders import Senders
from notification.models import Channel, Notifications, Users
from notification.settings import Settings

NOWHERE = "http://127.0.0.1:9/"  # nothing listens there, and nothing that is sent there leaves the machine
MAIL = {"to": ["grace@example.com"], "subject": "Hello", "body": "How are you?"}


async def owner() -> Users:
    """A user who owns notifications."""
    return await Users.create(email="ada@example.com")


async def noted(user: Users, payload: dict[str, Any] | None = None, **changes: Any) -> Notifications:
    """A notification that waits in the outbox."""
    values = {"channel": Channel.email, "payload": payload or MAIL, "fingerprint": "-", "due_at": utc_now()} | changes
    return await Notifications.create(values, user_id=user.id)


async def delivered(settings: Settings, notification: Notifications) -> Notifications:
    """The notification after one attempt."""
    senders = Senders.of(settings)
    try:
        await Courier.of(settings, senders).deliver(notification.id)
    finally:
        await senders.aclose()
    return await notification.refresh()


def ago(seconds: float) -> Any:
    """A moment in the past."""
    return utc_now() - timedelta(seconds=seconds)
