"""Log-ins that last: a family of refresh tokens each, of which one may be used, once.

What changes a user's sessions, password or identities holds the lock of the user's row, so that such changes happen
one after the other: a log-out and a refresh, a new password and a log-in with the old one.
"""

from datetime import UTC, datetime
from uuid import uuid4

from notification.errors import (
    AccountInactiveError,
    ApiError,
    RefreshTokenExpiredError,
    RefreshTokenInvalidError,
    RefreshTokenReusedError,
)
from notification.models import RefreshTokens, Users, UserStatus, db, new_stamp
from notification.schemas.accounts import TokenPair
from notification.security.tokens import Login, Tokens, digest_of, new_refresh_token


async def lock_active(user_id: int) -> Users:
    """The user, locked until the transaction ends.

    Raises:
        AccountInactiveError: Blocked, deleted or gone.
    """
    user = await Users.get_or_none(user_id, lock=True)
    if user is None or user.status is not UserStatus.active:
        raise AccountInactiveError
    return user


async def open_session(user: Users, tokens: Tokens, before: RefreshTokens | None = None) -> TokenPair:
    """The tokens that follow `before`, by default those of a new family, which begins with a log-in now.

    Called in a transaction that holds the user's lock.
    """
    refresh_token = new_refresh_token()
    now = datetime.now(UTC)
    authenticated_at = before.authenticated_at or before.created_at if before else now
    await RefreshTokens.create(
        user_id=user.id,
        family=before.family if before else str(uuid4()),
        authenticated_at=authenticated_at,
        digest=digest_of(refresh_token),
        expires_at=now + tokens.refresh_lifetime,
    )
    return TokenPair(
        access_token=tokens.issue(Login(user.id, user.stamp, authenticated_at)),
        expires_in=int(tokens.lifetime.total_seconds()),
        refresh_token=refresh_token,
        refresh_expires_in=int(tokens.refresh_lifetime.total_seconds()),
    )


async def refresh(presented: str, tokens: Tokens) -> TokenPair:
    """New tokens for a refresh token, which is used up by it. Of two calls at once, one gets them.

    Raises:
        RefreshTokenInvalidError: Nobody was given it, or its family is logged out.
        RefreshTokenExpiredError: It is too old.
        RefreshTokenReusedError: It was used before, so two parties have it; its family is logged out now.
        AccountInactiveError: Its user is blocked.
    """
    known = await RefreshTokens.filter_by(digest=digest_of(presented)).first()
    if known is None:
        raise RefreshTokenInvalidError
    async with db.transaction():
        outcome = await _next(known, tokens)
    # Raised out here, or the transaction would take the log-out of the family back.
    if isinstance(outcome, ApiError):
        raise outcome
    return outcome


async def _next(known: RefreshTokens, tokens: Tokens) -> TokenPair | ApiError:
    user = await Users.get_or_none(known.user_id, lock=True)
    token = await RefreshTokens.get_or_none(known.id, lock=True)
    if user is None or token is None or token.revoked_at is not None:
        return RefreshTokenInvalidError()
    if token.used_at is not None:
        await _revoke(family=token.family)
        return RefreshTokenReusedError()
    now = datetime.now(UTC)
    if token.expires_at <= now:
        return RefreshTokenExpiredError()
    if user.status is not UserStatus.active:
        return AccountInactiveError()
    await token.update(used_at=now)
    return await open_session(user, tokens, token)


async def log_out(presented: str) -> None:
    """End the session of a refresh token, whichever of its family it is; without one, nothing is to be done."""
    known = await RefreshTokens.filter_by(digest=digest_of(presented)).first()
    if known is None:
        return
    async with db.transaction():
        await Users.get_or_none(known.user_id, lock=True)
        await _revoke(family=known.family)


async def log_out_everywhere(user: Users) -> None:
    """End all sessions of a user, and all access tokens. Called in a transaction that holds the user's lock."""
    await user.update(stamp=new_stamp())
    await _revoke(user_id=user.id)


async def end_all_sessions(user_id: int) -> None:
    """End all sessions of an active user, on every device and on the admin pages, at once.

    Raises:
        AccountInactiveError: The user was blocked or deleted meanwhile.
    """
    async with db.transaction():
        await log_out_everywhere(await lock_active(user_id))


async def _revoke(**whose: object) -> None:
    await RefreshTokens.filter_by(whose, revoked_at=None).update(revoked_at=datetime.now(UTC))
