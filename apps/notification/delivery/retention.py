"""Deletes what nobody needs any more, so that no table grows without end.

| rows | are deleted |
| --- | --- |
| notifications that are sent or dead, with what they said | so many days after that |
| API keys that were withdrawn | as many days after that |
| refresh tokens and used signatures | when they have expired |
"""

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from sqlalchemy.orm import InstrumentedAttribute

from activerow.query import Query
from activerow.types import utc_now
from notification.delivery.queue import pause_unless
from notification.models import ApiKeys, Delivery, KeyStatus, Notifications, RefreshTokens, UsedSignatures, db
from notification.ops.logs import describe

_log = logging.getLogger("notification.delivery")

_PAUSE: Final = 3600.0
_DAY: Final = timedelta(days=1)
_BATCH: Final = 500
_FINISHED: Final = (Delivery.sent, Delivery.dead)

Old = tuple[Query[Any], InstrumentedAttribute[Any]]  # rows, and the column of their primary key


@dataclass(frozen=True, slots=True)
class Retention:
    """Deletes every hour what is too old.

    Attributes:
        days: How long finished notifications and withdrawn keys are kept; 0 is for ever.
        batch: So many rows are deleted in one transaction.
    """

    days: int
    batch: int = _BATCH

    async def work(self, finish: asyncio.Event) -> None:
        """Delete until `finish`. When the database is away, the next time may go better."""
        while not finish.is_set():
            try:
                await self.sweep(finish)
            except Exception as error:  # noqa: BLE001  # whatever it was: it must not be the last time
                _log.error("what is too old could not be deleted", extra={"error": describe(error)})
            await pause_unless(finish, _PAUSE)

    async def sweep(self, finish: asyncio.Event) -> int:
        """Delete what is too old, batch after batch until `finish`; how many rows there were."""
        deleted = 0
        for rows, key in self._old():
            while not finish.is_set() and (count := await _delete_some(rows, key, self.batch)):
                deleted += count
        if deleted:
            _log.info("%d rows deleted that were too old", deleted)
        return deleted

    def _old(self) -> Iterator[Old]:
        now = utc_now()
        yield RefreshTokens.where(RefreshTokens.expires_at < now), RefreshTokens.id
        yield UsedSignatures.where(UsedSignatures.expires_at < now), UsedSignatures.digest
        if self.days:
            long_ago = now - timedelta(days=self.days)
            finished = Notifications.where(Notifications.status.in_(_FINISHED), Notifications.updated_at < long_ago)
            # None is due long after its end, so that the index on status and due_at finds the old ones.
            yield finished.where(Notifications.due_at < long_ago + _DAY), Notifications.id
            withdrawn = ApiKeys.where(ApiKeys.status == KeyStatus.deleted, ApiKeys.updated_at < long_ago)
            yield withdrawn, ApiKeys.id


@db.transactional(retries=5)
async def _delete_some(rows: Query[Any], key: InstrumentedAttribute[Any], batch: int) -> int:
    """Delete so many of the rows; how many there were. Several processes may do so at once."""
    keys = await rows.limit(batch).pluck(key)
    return await rows.where(key.in_(keys)).delete() if keys else 0
