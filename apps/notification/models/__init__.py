"""The tables of the service. Importing this opens nothing."""

from notification.models.api_keys import ApiKeys, ApiKeyWhitelists, KeyStatus, UsedSignatures
from notification.models.base import Base, db
from notification.models.notifications import Channel, Delivery, Notifications
from notification.models.users import Admins, Identities, RefreshTokens, SnsType, Users, UserStatus

__all__ = [
    "Admins",
    "ApiKeyWhitelists",
    "ApiKeys",
    "Base",
    "Channel",
    "Delivery",
    "Identities",
    "KeyStatus",
    "Notifications",
    "RefreshTokens",
    "SnsType",
    "UsedSignatures",
    "UserStatus",
    "Users",
    "db",
]
