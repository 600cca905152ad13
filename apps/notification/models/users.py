"""People with an account, how they log in, and who of them runs the service."""

import enum
import secrets
from datetime import datetime

from sqlalchemy import Enum, ForeignKey, String, UniqueConstraint, true
from sqlalchemy.dialects.mysql import VARCHAR
from sqlalchemy.orm import Mapped, mapped_column, relationship

from activerow.mixins import Timestamps
from activerow.types import UTCDateTime
from notification.models.base import Base


class UserStatus(enum.StrEnum):
    """Whether an account may be used."""

    active = "active"
    deleted = "deleted"
    blocked = "blocked"


class SnsType(enum.StrEnum):
    """How a user registered and logs in."""

    email = "email"
    google = "google"
    kakao = "kakao"
    facebook = "facebook"


# An e-mail is one account, letter by letter; MySQL's usual collations take `é` for `e`.
EMAIL = String(255).with_variant(VARCHAR(255, collation="utf8mb4_bin"), "mysql", "mariadb")


# Identifiers of others: compared letter by letter as well.
EXACT_ID = String(255).with_variant(VARCHAR(255, collation="utf8mb4_bin"), "mysql", "mariadb")


def new_stamp() -> str:
    """A text that nobody can guess."""
    return secrets.token_urlsafe(12)


class Users(Timestamps, Base):
    """People with an account.

    Access tokens and sessions of the admin pages hold the `stamp` of their time: another one ends all of them.
    """

    id: Mapped[int] = mapped_column(primary_key=True)
    status: Mapped[UserStatus] = mapped_column(
        Enum(UserStatus, native_enum=False, length=10), default=UserStatus.active, server_default=UserStatus.active
    )
    email: Mapped[str] = mapped_column(EMAIL, unique=True)
    pw: Mapped[str | None] = mapped_column(String(255))
    name: Mapped[str | None] = mapped_column(String(255))
    phone_number: Mapped[str | None] = mapped_column(String(20), unique=True)
    profile_img: Mapped[str | None] = mapped_column(String(1000))
    sns_type: Mapped[SnsType] = mapped_column(
        Enum(SnsType, native_enum=False, length=10), default=SnsType.email, server_default=SnsType.email
    )
    marketing_agree: Mapped[bool] = mapped_column(default=True, server_default=true())
    stamp: Mapped[str] = mapped_column(String(16), default=new_stamp, server_default="")


class Admins(Timestamps, Base):
    """Users who may see `/admin`; who is one is no column that a user could send."""

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), unique=True)
    user: Mapped[Users] = relationship()


class Identities(Timestamps, Base):
    """An account at a social provider that is a user's."""

    __table_args__ = (UniqueConstraint("provider", "subject"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    provider: Mapped[SnsType] = mapped_column(Enum(SnsType, native_enum=False, length=10))
    subject: Mapped[str] = mapped_column(EXACT_ID)
    user: Mapped[Users] = relationship()


class RefreshTokens(Timestamps, Base):
    """A refresh token, as a digest; all that followed from one log-in are a family."""

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    family: Mapped[str] = mapped_column(String(36), index=True)
    authenticated_at: Mapped[datetime | None] = mapped_column(UTCDateTime())  # of the log-in that began the family
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime(), index=True)
    used_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    revoked_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    user: Mapped[Users] = relationship()
