"""Signed statements: JSON Web Tokens made with one secret, read with that and with the ones before it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt

from notification.errors import TokenExpiredError, TokenInvalidError, TokenWrongAudienceError, TokenWrongIssuerError

_ALGORITHM = "HS256"  # pinned: what a token says about its own algorithm is not asked
_ISSUER = "notification-api"
_REQUIRED = ("iss", "aud", "iat", "exp")


@dataclass(frozen=True, slots=True)
class Keyring:
    """Signs with `secret`; believes signatures of `previous` secrets as well, until they are taken away."""

    secret: str = field(repr=False)
    previous: tuple[str, ...] = field(default=(), repr=False)

    def sign(self, audience: str, lifetime: timedelta, claims: Mapping[str, Any]) -> str:
        """A token with these claims, for one audience and for a while."""
        now = datetime.now(UTC)
        stated = {**claims, "iss": _ISSUER, "aud": audience, "iat": now, "exp": now + lifetime}
        # PyJWT names the types of a package that is needed for other algorithms only.
        return jwt.encode(  # pyright: ignore[reportUnknownMemberType]
            stated, self.secret, algorithm=_ALGORITHM, headers={"kid": key_id(self.secret)}
        )

    def read(self, token: str, audience: str) -> dict[str, Any]:
        """The claims of a token that was signed for this audience.

        Raises:
            TokenExpiredError: It is ours, and too old.
            TokenWrongAudienceError: It is ours, and for another purpose.
            TokenWrongIssuerError: Somebody else signed it with our secret.
            TokenInvalidError: It is not ours, or was changed.
        """
        try:
            return self._verified(token, audience)
        except jwt.ExpiredSignatureError as error:
            raise TokenExpiredError from error
        except jwt.InvalidAudienceError as error:
            raise TokenWrongAudienceError from error
        except jwt.InvalidIssuerError as error:
            raise TokenWrongIssuerError from error
        except (jwt.InvalidTokenError, ValueError) as error:
            raise TokenInvalidError from error

    def _verified(self, token: str, audience: str) -> dict[str, Any]:
        secret, *others = self._candidates(token)
        for secret_before in others:
            try:
                return _decode(token, secret, audience)
            except jwt.InvalidSignatureError:
                secret = secret_before
        return _decode(token, secret, audience)

    def _candidates(self, token: str) -> tuple[str, ...]:
        """The secrets that may have signed it: the one it names, all where it names none."""
        secrets = (self.secret, *self.previous)
        named = jwt.get_unverified_header(token).get("kid")
        if named is None:
            return secrets
        if found := tuple(secret for secret in secrets if key_id(secret) == named):
            return found
        raise jwt.InvalidSignatureError("no such key")


def key_id(secret: str) -> str:
    """What a token's header calls this secret. It tells no more about the secret than a signature does."""
    return hashlib.sha256(b"notification key id:" + secret.encode()).hexdigest()[:16]


def _decode(token: str, secret: str, audience: str) -> dict[str, Any]:
    return jwt.decode(  # pyright: ignore[reportUnknownMemberType]  # as above
        token,
        secret,
        algorithms=[_ALGORITHM],
        issuer=_ISSUER,
        audience=audience,
        options={"require": list(_REQUIRED)},
    )
