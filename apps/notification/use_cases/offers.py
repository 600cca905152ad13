"""Which ways to log in there are."""

from collections.abc import Container

from notification.errors import SnsTypeNotOfferedError, SocialLoginNeededError
from notification.models import SnsType


def check_by_password(sns_type: SnsType, providers: Container[SnsType]) -> None:
    """Pass when users register and log in this way with an e-mail and a password.

    Raises:
        SnsTypeNotOfferedError: The settings name no such provider.
        SocialLoginNeededError: They do, and its users log in there.
    """
    if sns_type is SnsType.email:
        return
    if sns_type not in providers:
        raise SnsTypeNotOfferedError
    raise SocialLoginNeededError(f"Send the user to the 'authorization_url' of GET /api/v1/auth/{sns_type}/authorize.")
