"""Registering, logging in, changing a password, and telling who a caller is."""

import hmac
from datetime import timedelta

from activerow.errors import UniqueViolationError
from activerow.types import utc_now
from notification.errors import (
    AccountInactiveError,
    EmailTakenError,
    LoginFailedError,
    LoginTooOldError,
    PasswordWrongError,
    TokenRevokedError,
)
from notification.models import SnsType, Users, UserStatus, db
from notification.schemas.accounts import TokenPair
from notification.security.known_keys import KnownKeys
from notification.security.passwords import Passwords, Verdict
from notification.security.tokens import Login, Tokens
from notification.use_cases.sessions import lock_active, log_out_everywhere, open_session


async def register(email: str, password: str, passwords: Passwords, tokens: Tokens) -> TokenPair:
    """A new account, logged in.

    Raises:
        EmailTakenError: There is one with this e-mail, perhaps only since a moment ago.
    """
    if await Users.filter_by(email=email).exists():
        raise EmailTakenError
    hashed = await passwords.hash(password)
    try:
        async with db.transaction():
            user = await Users.create(email=email, pw=hashed, sns_type=SnsType.email)
            return await open_session(user, tokens)
    except UniqueViolationError as error:
        raise EmailTakenError from error


async def log_in(email: str, password: str, passwords: Passwords, tokens: Tokens) -> TokenPair:
    """Tokens for the active account with this e-mail and password; an outdated hash of it is renewed.

    Raises:
        LoginFailedError: There is none. Every reason takes the same time.
    """
    user, verdict = await _recognised(email, password, passwords)
    async with db.transaction():
        current = await Users.get_or_none(user.id, lock=True)
        if current and current.pw == user.pw and current.status is UserStatus.active:
            await current.update(pw=verdict.new_hash or current.pw)
            return await open_session(current, tokens)
    # The account changed while its password was checked: a new password, or the same with a new hash.
    return await log_in(email, password, passwords, tokens)


async def recognised(email: str, password: str, passwords: Passwords) -> Users:
    """The active account with this e-mail and password, not logged in.

    Raises:
        LoginFailedError: There is none. Every reason takes the same time.
    """
    user, _ = await _recognised(email, password, passwords)
    return user


async def _recognised(email: str, password: str, passwords: Passwords) -> tuple[Users, Verdict]:
    user = await Users.filter_by(email=email).first()
    verdict = await passwords.verify(password, user.pw if user else None)
    if user is None or not verdict.right or user.status is not UserStatus.active:
        raise LoginFailedError
    return user, verdict


async def change_password(user: Users, old: str | None, new: str, passwords: Passwords, tokens: Tokens) -> TokenPair:
    """Give the user this password and end all sessions; the tokens are those of a new one.

    Raises:
        PasswordWrongError: The user has a password, and it is not the old one given.
        AccountInactiveError: The user was blocked or deleted meanwhile.
    """
    if user.pw is not None and not (await passwords.verify(old or "", user.pw)).right:
        raise PasswordWrongError
    hashed = await passwords.hash(new)
    async with db.transaction():
        current = await lock_active(user.id)
        if current.pw != user.pw:  # changed while we checked
            raise PasswordWrongError
        await current.update(pw=hashed)
        await log_out_everywhere(current)
        return await open_session(current, tokens)


async def delete_account(user: Users, known_keys: KnownKeys) -> None:
    """Delete the user with everything that belongs to it; the database takes the rest along.

    Raises:
        StaleRecordError: It was deleted meanwhile.
    """
    async with db.transaction():
        await user.delete()
        db.on_commit(lambda: known_keys.forget_keys_of(user.id))


async def who_is(token: str, tokens: Tokens) -> tuple[Users, Login]:
    """The user whom an access token names, and what else it says.

    Raises:
        TokenInvalidError: The token is not one of ours.
        TokenExpiredError: It is too old.
        AccountInactiveError: Its user is blocked, deleted or gone.
        TokenRevokedError: The user's sessions were ended since.
    """
    login = tokens.read(token)
    user = await Users.get_or_none(login.user_id)
    if user is None or user.status is not UserStatus.active:
        raise AccountInactiveError
    if not hmac.compare_digest(user.stamp.encode(), login.stamp.encode()):
        raise TokenRevokedError
    return user, login


def check_recent(login: Login, minutes: int) -> None:
    """Pass when the log-in was so many minutes ago at most.

    Raises:
        LoginTooOldError: It was earlier.
    """
    if utc_now() - login.authenticated_at > timedelta(minutes=minutes):
        raise LoginTooOldError
