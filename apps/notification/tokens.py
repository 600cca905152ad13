"""What a log-in gives: an access token that says who the caller is, and a refresh token that gets the next one."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta

from notification.errors import TokenInvalidError, TokenWrongAudienceError
from notification.keyring import Keyring
from notification.schemas import AccessToken

_AUDIENCE = "notification-api:access"
# Shows what it is wherever it turns up: in a log, in a repository, in the wrong header.
REFRESH_PREFIX = "refresh_"


@dataclass(frozen=True, slots=True)
class Tokens:
    """Makes access and refresh tokens, and reads access tokens."""

    keyring: Keyring
    minutes: int
    refresh_days: int = 30

    def issue(self, user_id: int) -> AccessToken:
        """A token that names this user until it expires."""
        lifetime = timedelta(minutes=self.minutes)
        signed = self.keyring.sign(_AUDIENCE, lifetime, {"sub": str(user_id)})
        return AccessToken(access_token=signed, expires_in=int(lifetime.total_seconds()))

    def user_id(self, token: str) -> int:
        """The user whom an access token names.

        Raises:
            TokenExpiredError: It is ours, and too old.
            TokenWrongAudienceError: It is ours, and for another purpose; a refresh token, for example.
            TokenInvalidError: It is not ours, or was changed.
        """
        if token.startswith(REFRESH_PREFIX):
            raise TokenWrongAudienceError
        try:
            return int(self.keyring.read(token, _AUDIENCE)["sub"])
        except (KeyError, ValueError) as error:
            raise TokenInvalidError from error

    @property
    def refresh_lifetime(self) -> timedelta:
        """How long a refresh token may be used."""
        return timedelta(days=self.refresh_days)


def new_refresh_token() -> str:
    """A refresh token that nobody can guess: 256 random bits, so that a plain digest of it can be stored."""
    return REFRESH_PREFIX + secrets.token_urlsafe(32)


def digest_of(token: str) -> str:
    """What is stored of a refresh token: its SHA-256, in hexadecimal."""
    return hashlib.sha256(token.encode()).hexdigest()
