"""Registering, logging in, and telling who a caller is."""

from activerow.errors import UniqueViolationError
from notification.errors import AccountInactiveError, EmailTakenError, LoginFailedError, SnsTypeNotOfferedError
from notification.models import SnsType, Users, UserStatus
from notification.passwords import Passwords
from notification.tokens import Tokens

OFFERED = frozenset({SnsType.email})


def check_offered(sns_type: SnsType) -> None:
    """Pass when users may log in this way.

    Raises:
        SnsTypeNotOfferedError: Not yet.
    """
    if sns_type not in OFFERED:
        raise SnsTypeNotOfferedError


async def register(email: str, password: str, sns_type: SnsType, passwords: Passwords) -> Users:
    """A new account.

    Raises:
        EmailTakenError: There is one with this e-mail, perhaps only since a moment ago.
    """
    if await Users.filter_by(email=email).exists():
        raise EmailTakenError
    hashed = await passwords.hash(password)
    try:
        return await Users.create(email=email, pw=hashed, sns_type=sns_type)
    except UniqueViolationError as error:
        raise EmailTakenError from error


async def log_in(email: str, password: str, sns_type: SnsType, passwords: Passwords) -> Users:
    """The active account with this e-mail and password; an outdated hash of it is renewed.

    Raises:
        LoginFailedError: There is none. Every reason takes the same time.
    """
    user = await Users.filter_by(email=email, sns_type=sns_type).first()
    verdict = await passwords.verify(password, user.pw if user else None)
    if user is None or not verdict.right or user.status is not UserStatus.active:
        raise LoginFailedError
    if verdict.new_hash:
        await user.update(pw=verdict.new_hash)
    return user


async def who_is(token: str, tokens: Tokens) -> Users:
    """The user whom an access token names.

    Raises:
        TokenInvalidError: The token is not one of ours.
        TokenExpiredError: It is too old.
        AccountInactiveError: Its user is blocked, deleted or gone.
    """
    user = await Users.get_or_none(tokens.user_id(token))
    if user is None or user.status is not UserStatus.active:
        raise AccountInactiveError
    return user
