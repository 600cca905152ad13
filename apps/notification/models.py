"""The tables of the service and the database they live in. Importing this opens nothing."""

import enum

from sqlalchemy import Enum, String, true
from sqlalchemy.dialects.mysql import VARCHAR
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from activerow import ActiveRecord, Database
from activerow.mixins import AutoTableName, Timestamps


class Base(ActiveRecord, AutoTableName, DeclarativeBase):
    """Tables of the Notification API."""


db = Database(base=Base)  # `create_app` tells it where its data is


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


class Users(Timestamps, Base):
    """People with an account."""

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
