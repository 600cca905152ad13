"""The two halves of a social log-in belong together: it ends in the browser in which it began, within minutes.

What has to be remembered in between travels in a signed cookie, so that any worker can go on.
"""

import hmac
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from notification.errors import NotAuthenticatedError, SocialStateInvalidError
from notification.models import SnsType
from notification.security.keyring import Keyring

_AUDIENCE = "notification-api:social"
LIFETIME: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Link:
    """The user who wants to log in by a provider from now on; `password` is a digest of what is stored of it."""

    user_id: int
    password: str


@dataclass(frozen=True, slots=True)
class Handshake:
    """A log-in that has begun: `state` goes to the provider and back, `verifier` proves that we began it (PKCE)."""

    provider: SnsType
    state: str
    verifier: str
    link: Link | None = None


@dataclass(frozen=True, slots=True)
class Handshakes:
    """Begins handshakes, and recognises them."""

    keyring: Keyring

    def begin(self, provider: SnsType, link: Link | None = None) -> Handshake:
        """A handshake that nobody can guess."""
        return Handshake(provider, secrets.token_urlsafe(32), secrets.token_urlsafe(48), link)

    def seal(self, handshake: Handshake) -> str:
        """The handshake as a cookie."""
        claims: dict[str, Any] = {
            "provider": handshake.provider,
            "state": handshake.state,
            "verifier": handshake.verifier,
        }
        if handshake.link is not None:
            claims |= {"sub": str(handshake.link.user_id), "password": handshake.link.password}
        return self.keyring.sign(_AUDIENCE, LIFETIME, claims)

    def open(self, sealed: str | None, provider: SnsType, state: str | None) -> Handshake:
        """The handshake of this browser, when it is with this provider and has this state.

        Raises:
            SocialStateInvalidError: It is not; or there is none, or it is too old.
        """
        if sealed is None or state is None:
            raise SocialStateInvalidError
        try:
            claims = self.keyring.read(sealed, _AUDIENCE)
        except NotAuthenticatedError as error:
            raise SocialStateInvalidError from error
        if claims["provider"] != provider or not hmac.compare_digest(claims["state"].encode(), state.encode()):
            raise SocialStateInvalidError
        link = Link(int(claims["sub"]), claims["password"]) if "sub" in claims else None
        return Handshake(provider, claims["state"], claims["verifier"], link)
