"""Why a notification did not arrive. The reasons are shown to its owner: no secrets, no addresses, no server's prose.

```
NotDeliveredError
├── TryAgainError       it may work later
└── UndeliverableError  it never will
```
"""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

from activerow.types import utc_now

_WORTH_ANOTHER_TRY = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})


class NotDeliveredError(Exception):
    """An attempt failed; `reason` says why, in words for the owner of the notification."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class TryAgainError(NotDeliveredError):
    """A later attempt may succeed.

    Attributes:
        payload: What is left to do, where a part of it arrived; None is everything.
        after: Seconds that the other side asked us to wait.
    """

    def __init__(self, reason: str, *, payload: dict[str, Any] | None = None, after: float | None = None) -> None:
        super().__init__(reason)
        self.payload, self.after = payload, after


class UndeliverableError(NotDeliveredError):
    """No attempt can succeed."""


def check_status(who: str, status: int, headers: Mapping[str, str]) -> None:
    """Pass when an HTTP answer says that the message arrived.

    Raises:
        TryAgainError: It says "not now": 408, 425, 429 or 5xx.
        UndeliverableError: It says "never": any other 4xx, or a redirection, which is not followed.
    """
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _WORTH_ANOTHER_TRY:
        raise TryAgainError(f"{who} answered {status}", after=_seconds(headers.get("retry-after", "")))
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        raise UndeliverableError(f"{who} answered {status}; redirections are not followed")
    raise UndeliverableError(f"{who} answered {status}")


def _seconds(retry_after: str) -> float | None:
    """What the header Retry-After asks for: seconds or a date."""
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after[:9])
    try:
        moment = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return max(0.0, (moment - utc_now()).total_seconds()) if moment.tzinfo else None
