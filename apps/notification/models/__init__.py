"""The tables of the service. Importing this opens nothing.

| file | what it holds |
| --- | --- |
| `base` | the base of all tables, and the database they live in |
| `users` | people, how they log in, who of them runs the service |
| `api_keys` | keys for calls from other services, and signatures that were used |
| `notifications` | the outbox |
"""

from notification.models.api_keys import ApiKeys, ApiKeyWhitelists, KeyStatus, UsedSignatures
from notification.models.base import Base, db
from notification.models.notifications import Channel, Delivery, Notifications
from notification.models.users import Admins, Identities, RefreshTokens, SnsType, Users, UserStatus, new_stamp

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
    "new_stamp",
]
