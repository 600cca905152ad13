"""One attempt to deliver one notification, from its claim to its end."""

import asyncio
import logging
import random
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from activerow.types import utc_now
from notification.delivery import outbox
from notification.delivery.failures import NotDeliveredError, TryAgainError
from notification.delivery.senders import Senders
from notification.models import Delivery, Notifications
from notification.ops.logs import describe
from notification.settings import Settings

_log = logging.getLogger("notification.delivery")
_LONGEST_WAIT: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Courier:
    """Delivers notifications.

    Attributes:
        timeout: Seconds that an attempt may take. A claim lasts twice as long, so that its end can be noted.
        max_attempts: After so many a notification is dead.
        retry_seconds: About the wait after the first attempt; it doubles with each.
    """

    senders: Senders
    timeout: float
    max_attempts: int
    retry_seconds: float

    @classmethod
    def of(cls, settings: Settings, senders: Senders) -> "Courier":
        """A courier that works as the settings say."""
        return cls(senders, settings.delivery_timeout, settings.max_attempts, settings.retry_seconds)

    async def deliver(self, notification_id: int) -> None:
        """Make one attempt, unless the notification is delivered, given up or another's: then nothing happens."""
        notification = await outbox.claim(notification_id, 2 * self.timeout)
        if notification is None:
            return
        status, changes = await self._attempt(notification)
        facts = {"notification": notification.id, "channel": notification.channel, "attempt": notification.attempts}
        level = logging.WARNING if status is Delivery.dead else logging.INFO
        _log.log(level, "notification %s: %s", notification.id, status, extra=facts)
        if not await outbox.finish(notification, status, **changes):
            _log.warning("notification %s: the attempt took longer than its claim", notification.id, extra=facts)

    async def _attempt(self, notification: Notifications) -> tuple[Delivery, dict[str, Any]]:
        """Send it; the status it has then, and what else changes."""
        try:
            async with asyncio.timeout(self.timeout):
                remark = await self._send(notification)
        except NotDeliveredError as error:
            return self._failed(notification, error)
        except TimeoutError:
            return self._failed(notification, TryAgainError(f"it took longer than {self.timeout:g} seconds"))
        except Exception as error:  # noqa: BLE001  # a defect of ours must not stop the other deliveries
            _log.error("sending failed unexpectedly", extra={"error": describe(error)})
            return self._failed(notification, TryAgainError("something went wrong on our side"))
        return Delivery.sent, {"sent_at": utc_now(), "last_error": remark}

    async def _send(self, notification: Notifications) -> str | None:
        sender = self.senders.by_channel.get(notification.channel)
        if sender is None:
            raise TryAgainError("this channel is not offered now")
        return await sender.send(notification)

    def _failed(self, notification: Notifications, error: NotDeliveredError) -> tuple[Delivery, dict[str, Any]]:
        changes: dict[str, Any] = {"last_error": error.reason[:500]}
        if not isinstance(error, TryAgainError):
            return Delivery.dead, changes
        if error.payload is not None:
            changes["payload"] = error.payload
        if notification.attempts >= self.max_attempts:
            return Delivery.dead, changes
        return Delivery.failed, changes | {"due_at": utc_now() + timedelta(seconds=self._wait(notification, error))}

    def _wait(self, notification: Notifications, error: TryAgainError) -> float:
        """Seconds until the next attempt: doubling, at most an hour, and seldom alike for two that failed together."""
        doubled = self.retry_seconds * 2.0 ** min(notification.attempts - 1, 30)
        jittered = min(doubled, _LONGEST_WAIT) * random.uniform(0.5, 1.0)  # noqa: S311  # jitter, no secret
        return max(jittered, min(error.after or 0.0, _LONGEST_WAIT))
