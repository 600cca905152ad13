"""Keys for calls from other services."""

import enum
from datetime import datetime

from sqlalchemy import Enum, ForeignKey, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from activerow.mixins import Timestamps
from activerow.types import UTCDateTime
from notification.models.base import Base
from notification.models.users import Users


class KeyStatus(enum.StrEnum):
    """Whether a key may be used."""

    active = "active"
    stopped = "stopped"
    deleted = "deleted"


class ApiKeys(Timestamps, Base):
    """A key of a user: a name that is sent along, and a secret that signs.

    The secret is stored encrypted with a key of the server: the database alone does not give it away.
    """

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    access_key: Mapped[str] = mapped_column(String(64), unique=True)
    secret: Mapped[bytes] = mapped_column(LargeBinary(512))
    memo: Mapped[str | None] = mapped_column(String(100))
    status: Mapped[KeyStatus] = mapped_column(
        Enum(KeyStatus, native_enum=False, length=10), default=KeyStatus.active, server_default=KeyStatus.active
    )
    user: Mapped[Users] = relationship()
    whitelists: Mapped[list["ApiKeyWhitelists"]] = relationship(
        back_populates="api_key", cascade="all, delete-orphan", passive_deletes=True, order_by="ApiKeyWhitelists.id"
    )


class ApiKeyWhitelists(Timestamps, Base):
    """A network from which a key may be used, as `192.0.2.0/24`; a key without any may be used from everywhere."""

    __table_args__ = (UniqueConstraint("api_key_id", "ip_addr"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    api_key_id: Mapped[int] = mapped_column(ForeignKey("api_keys.id", ondelete="CASCADE"))
    ip_addr: Mapped[str] = mapped_column(String(43))
    api_key: Mapped[ApiKeys] = relationship(back_populates="whitelists")


class UsedSignatures(Base):
    """A signature that was accepted; until it is too old it is not accepted again."""

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime(), index=True)
