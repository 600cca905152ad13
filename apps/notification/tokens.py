"""Access tokens: signed statements of who the caller is, valid for a while."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt

from notification.errors import TokenExpiredError, TokenInvalidError
from notification.schemas import AccessToken

_ALGORITHM = "HS256"  # pinned: what a token says about its own algorithm is not asked
_ISSUER = "notification-api"
_AUDIENCE = "notification-api:access"
_CLAIMS = ("sub", "iss", "aud", "iat", "exp")


@dataclass(frozen=True, slots=True)
class Tokens:
    """Makes and reads access tokens with the service's secret."""

    secret: str = field(repr=False)
    minutes: int

    def issue(self, user_id: int) -> AccessToken:
        """A token that names this user until it expires."""
        now, lifetime = datetime.now(UTC), timedelta(minutes=self.minutes)
        claims: dict[str, Any] = {
            "sub": str(user_id),
            "iss": _ISSUER,
            "aud": _AUDIENCE,
            "iat": now,
            "exp": now + lifetime,
        }
        # PyJWT names the types of a package that is needed for other algorithms only.
        signed = jwt.encode(claims, self.secret, algorithm=_ALGORITHM)  # pyright: ignore[reportUnknownMemberType]
        return AccessToken(access_token=signed, expires_in=int(lifetime.total_seconds()))

    def user_id(self, token: str) -> int:
        """The user whom the token names.

        Raises:
            TokenExpiredError: It is ours, and too old.
            TokenInvalidError: It is not ours, for another purpose, or was changed.
        """
        try:
            claims = jwt.decode(  # pyright: ignore[reportUnknownMemberType]  # as above
                token,
                self.secret,
                algorithms=[_ALGORITHM],
                issuer=_ISSUER,
                audience=_AUDIENCE,
                options={"require": list(_CLAIMS)},
            )
            return int(claims["sub"])
        except jwt.ExpiredSignatureError as error:
            raise TokenExpiredError from error
        except (jwt.InvalidTokenError, ValueError) as error:
            raise TokenInvalidError from error
