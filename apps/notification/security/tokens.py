"""What a log-in gives: an access token that says who the caller is, and a refresh token that gets the next one."""

import hashlib
import secrets
import time
from collections.abc import Callable
from datetime import timedelta
from functools import lru_cache
from typing import Any, Final

from notification.errors import TokenExpiredError, TokenInvalidError, TokenWrongAudienceError
from notification.security.keyring import Keyring

_AUDIENCE: Final = "notification-api:access"
_REMEMBERED: Final = 1024
# Shows what it is wherever it turns up: in a log, in a repository, in the wrong header.
REFRESH_PREFIX: Final = "refresh_"


class Tokens:
    """Makes access and refresh tokens, and reads access tokens.

    Checking a signature takes longer than all else that a door asks, so what a token says is remembered while others
    do not crowd it out. It says who the caller is; whether that user may come in is not remembered.
    """

    def __init__(
        self, keyring: Keyring, minutes: int, refresh_days: int = 30, *, clock: Callable[[], float] = time.time
    ) -> None:
        self.lifetime = timedelta(minutes=minutes)
        self.refresh_lifetime = timedelta(days=refresh_days)
        self._keyring, self._clock = keyring, clock
        self._read = lru_cache(_REMEMBERED)(self._verified)  # remembers no refusal

    def issue(self, user_id: int) -> str:
        """An access token that names this user for its lifetime."""
        return self._keyring.sign(_AUDIENCE, self.lifetime, {"sub": str(user_id)})

    def user_id(self, token: str) -> int:
        """The user whom an access token names.

        Raises:
            TokenExpiredError: It is ours, and too old.
            TokenWrongAudienceError: It is ours, and for another purpose; a refresh token, for example.
            TokenInvalidError: It is not ours, or was changed.
        """
        if token.startswith(REFRESH_PREFIX):
            raise TokenWrongAudienceError
        claims = self._read(token)
        if int(claims["exp"]) <= self._clock():
            raise TokenExpiredError
        try:
            return int(claims["sub"])
        except (KeyError, ValueError) as error:
            raise TokenInvalidError from error

    def _verified(self, token: str) -> dict[str, Any]:
        return self._keyring.read(token, _AUDIENCE)


def new_refresh_token() -> str:
    """A refresh token that nobody can guess: 256 random bits, so that a plain digest of it can be stored."""
    return REFRESH_PREFIX + secrets.token_urlsafe(32)


def digest_of(token: str) -> str:
    """What is stored of a refresh token: its SHA-256, in hexadecimal."""
    return hashlib.sha256(token.encode()).hexdigest()
