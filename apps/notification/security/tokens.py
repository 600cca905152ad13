"""What a log-in gives: an access token that says who the caller is, and a refresh token that gets the next one."""

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from notification.errors import TokenExpiredError, TokenInvalidError, TokenWrongAudienceError
from notification.security.keyring import Keyring

_AUDIENCE: Final = "notification-api:access"
_REMEMBERED: Final = 1024
# Shows what it is wherever it turns up: in a log, in a repository, in the wrong header.
REFRESH_PREFIX: Final = "refresh_"


@dataclass(frozen=True, slots=True)
class Login:
    """What an access token says: who logged in, when, and the user's stamp of then."""

    user_id: int
    stamp: str
    authenticated_at: datetime


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

    def issue(self, login: Login) -> str:
        """An access token that says so for its lifetime."""
        claims = {"sub": str(login.user_id), "stamp": login.stamp, "auth_time": int(login.authenticated_at.timestamp())}
        return self._keyring.sign(_AUDIENCE, self.lifetime, claims)

    def read(self, token: str) -> Login:
        """What an access token says.

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
            return Login(
                int(claims["sub"]), str(claims["stamp"]), datetime.fromtimestamp(int(claims["auth_time"]), UTC)
            )
        except (KeyError, TypeError, ValueError, OverflowError, OSError) as error:
            raise TokenInvalidError from error

    def _verified(self, token: str) -> dict[str, Any]:
        return self._keyring.read(token, _AUDIENCE)


def new_refresh_token() -> str:
    """A refresh token that nobody can guess: 256 random bits, so that a plain digest of it can be stored."""
    return REFRESH_PREFIX + secrets.token_urlsafe(32)


def digest_of(token: str) -> str:
    """What is stored of a refresh token: its SHA-256, in hexadecimal."""
    return hashlib.sha256(token.encode()).hexdigest()
