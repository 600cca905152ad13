"""Which ways to log in there are."""

from notification.errors import SnsTypeNotOfferedError
from notification.models import SnsType

OFFERED = frozenset({SnsType.email})


def check_offered(sns_type: SnsType) -> None:
    """Pass when users may register and log in this way, with an e-mail and a password.

    Raises:
        SnsTypeNotOfferedError: Not yet.
    """
    if sns_type not in OFFERED:
        raise SnsTypeNotOfferedError
