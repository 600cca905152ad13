"""Accounts at social providers: logging in by them, linking them, letting them go.

No e-mail is a proof here: neither ours, which nobody has verified, nor the provider's. An account is opened by the
provider's own id for its user, or after logging in to it. See
docs/decisions/0022-no-email-opens-an-account.md.
"""

from datetime import UTC, datetime
from hashlib import sha256

from activerow.errors import UniqueViolationError
from notification.errors import (
    AlreadyLinkedError,
    IdentityNotFoundError,
    IdentityTakenError,
    LastWayInError,
    PasswordWrongError,
    SocialCodeInvalidError,
    SocialEmailMissingError,
    SocialEmailTakenError,
    SocialEmailUnverifiedError,
    SocialLoginDeniedError,
    SocialStateInvalidError,
)
from notification.models import Identities, SnsType, UsedSignatures, Users, db
from notification.schemas.accounts import TokenPair
from notification.schemas.social import Grant
from notification.security.handshakes import LIFETIME, Handshake, Handshakes, Link
from notification.security.passwords import Passwords
from notification.security.tokens import Tokens
from notification.social.profiles import Profile
from notification.social.providers import Provider
from notification.use_cases.sessions import lock_active, open_session


async def begin_link(
    user: Users, password: str | None, provider: SnsType, passwords: Passwords, handshakes: Handshakes
) -> Handshake:
    """A handshake that ends with the provider's account being this user's.

    Raises:
        PasswordWrongError: The user has a password, and it is not this one: an access token alone opens no second door.
    """
    if user.pw is not None and not (await passwords.verify(password or "", user.pw)).right:
        raise PasswordWrongError
    return handshakes.begin(provider, Link(user.id, _digest(user.pw or "")))


async def finish(provider: Provider, grant: Grant, handshake: Handshake, tokens: Tokens) -> TokenPair:
    """Tokens for the user with whom the provider sent this grant back: a known one, a new one, or the one who links.

    Raises:
        SocialStateInvalidError: The handshake was finished before, or its user's password has changed since.
        SocialLoginDeniedError: The user, or the provider, said no.
        SocialCodeInvalidError: There is no code, or the provider does not know it.
        ProviderUnavailableError, ProviderFailedError: The provider does not answer, or not as it should.
        AccountInactiveError: The user is blocked.
        SocialEmailMissingError, SocialEmailUnverifiedError, SocialEmailTakenError: The user is new, and cannot be made.
        AlreadyLinkedError, IdentityTakenError: The account cannot be linked.
    """
    await _use_up(handshake)
    if grant.error is not None:
        raise SocialLoginDeniedError
    if not grant.code:
        raise SocialCodeInvalidError
    profile = await provider.profile(grant.code, handshake.verifier)
    if handshake.link is not None:
        return await _link(handshake.link, profile, tokens)
    user_id = await _owner(profile) or await _register(profile)
    async with db.transaction():
        return await open_session(await lock_active(user_id), tokens)


async def _use_up(handshake: Handshake) -> None:
    now = datetime.now(UTC)
    await UsedSignatures.filter_by(expires_at__lt=now).delete()
    try:
        await UsedSignatures.create(digest=_digest(f"social:{handshake.state}"), expires_at=now + LIFETIME)
    except UniqueViolationError as error:
        raise SocialStateInvalidError from error


async def _owner(profile: Profile) -> int | None:
    identity = await Identities.filter_by(provider=profile.provider, subject=profile.subject).first()
    return identity.user_id if identity else None


async def _register(profile: Profile) -> int:
    if profile.email is None:
        raise SocialEmailMissingError
    if not profile.email_verified:
        raise SocialEmailUnverifiedError
    try:
        async with db.transaction():
            user = await Users.create(email=profile.email, name=profile.name, sns_type=profile.provider)
            await Identities.create(user_id=user.id, provider=profile.provider, subject=profile.subject)
            return user.id
    except UniqueViolationError as error:
        # The e-mail is somebody's: of a stranger, or of this user, whose other request was quicker.
        if (user_id := await _owner(profile)) is not None:
            return user_id
        raise SocialEmailTakenError from error


async def _link(link: Link, profile: Profile, tokens: Tokens) -> TokenPair:
    try:
        async with db.transaction():
            user = await lock_active(link.user_id)
            if _digest(user.pw or "") != link.password:
                raise SocialStateInvalidError
            linked = await Identities.filter_by(user_id=user.id, provider=profile.provider).first()
            if linked is None:
                await Identities.create(user_id=user.id, provider=profile.provider, subject=profile.subject)
            elif linked.subject != profile.subject:
                raise AlreadyLinkedError
            return await open_session(user, tokens)
    except UniqueViolationError as error:
        raise IdentityTakenError from error


async def unlink(user: Users, provider: SnsType) -> None:
    """Let go of the user's account at a provider.

    Raises:
        IdentityNotFoundError: There is none.
        LastWayInError: The user has no password and no other account to log in by.
    """
    async with db.transaction():
        current = await lock_active(user.id)
        linked = set(await Identities.filter_by(user_id=current.id).pluck("provider"))
        if provider not in linked:
            raise IdentityNotFoundError
        if current.pw is None and linked == {provider}:
            raise LastWayInError
        await Identities.filter_by(user_id=current.id, provider=provider).delete()


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()
