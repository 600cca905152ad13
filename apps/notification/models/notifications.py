"""What is to be delivered: the outbox."""

import enum
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Enum, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from activerow.mixins import Timestamps
from activerow.types import UTCDateTime, utc_now
from notification.models.api_keys import ApiKeys
from notification.models.base import Base
from notification.models.users import EXACT_ID, Users


class Channel(enum.StrEnum):
    """How a notification travels."""

    email = "email"
    kakao = "kakao"
    webhook = "webhook"


class Delivery(enum.StrEnum):
    """How far a notification has come."""

    queued = "queued"
    sending = "sending"
    sent = "sent"
    failed = "failed"  # an attempt failed, another will follow
    dead = "dead"  # the last attempt failed, or the message cannot be delivered at all


class Notifications(Timestamps, Base):
    """A message that a service asked for, written in that request's transaction and delivered afterwards."""

    __table_args__ = (
        UniqueConstraint("user_id", "idempotency_key"),
        Index("ix_notifications_user_id_created_at_id", "user_id", "created_at", "id"),
        Index("ix_notifications_status_due_at", "status", "due_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    api_key_id: Mapped[int | None] = mapped_column(ForeignKey("api_keys.id", ondelete="SET NULL"), index=True)
    channel: Mapped[Channel] = mapped_column(Enum(Channel, native_enum=False, length=10))
    status: Mapped[Delivery] = mapped_column(
        Enum(Delivery, native_enum=False, length=10), default=Delivery.queued, server_default=Delivery.queued
    )
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    last_error: Mapped[str | None] = mapped_column(String(500))
    idempotency_key: Mapped[str | None] = mapped_column(EXACT_ID)
    fingerprint: Mapped[str] = mapped_column(String(64))  # of channel and payload: the same key must ask for the same
    due_at: Mapped[datetime] = mapped_column(UTCDateTime(), default=utc_now)
    claimed_until: Mapped[datetime | None] = mapped_column(UTCDateTime())
    sent_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    user: Mapped[Users] = relationship()
    api_key: Mapped[ApiKeys | None] = relationship()
