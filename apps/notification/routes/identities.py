"""Accounts at social providers by which a user can log in."""

from fastapi import APIRouter, Depends, status

from notification.deps import (
    CurrentUser,
    HandshakeCookieDep,
    ProviderDep,
    ProviderName,
    ServicesDep,
    UserOfSecret,
    count_password_check,
)
from notification.docs.openapi import may_raise
from notification.errors import (
    IdentityNotFoundError,
    LastWayInError,
    LoginTooOldError,
    PasswordWrongError,
    RateLimitedError,
    SnsTypeNotOfferedError,
)
from notification.models import Identities
from notification.schemas.social import Authorization, Identity, LinkRequest
from notification.use_cases.identities import begin_link, unlink

router = APIRouter(prefix="/api/v1/users/me/identities", tags=["users"])


@router.get("", summary="Linked accounts")
async def read_identities(user: CurrentUser) -> list[Identity]:
    """The providers by which the user can log in."""
    return await Identities.filter_by(user_id=user.id).order_by("id").into(Identity)


@router.post(
    "/{provider}",
    summary="Link an account",
    dependencies=[Depends(count_password_check)],
    openapi_extra=may_raise(SnsTypeNotOfferedError, PasswordWrongError, RateLimitedError, LoginTooOldError),
)
async def link_identity(
    user: UserOfSecret,
    provider: ProviderDep,
    body: LinkRequest,
    services: ServicesDep,
    cookie: HandshakeCookieDep,
) -> Authorization:
    """Get the address at which the user agrees; the callback then links the account. The password is asked for."""
    password = body.pw.get_secret_value() if body.pw else None
    handshake = await begin_link(user, password, provider.sns_type, services.passwords, services.handshakes)
    cookie.keep(services.handshakes.seal(handshake))
    return Authorization(authorization_url=provider.authorization_url(handshake))


@router.delete(
    "/{provider}",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Unlink an account",
    openapi_extra=may_raise(IdentityNotFoundError, LastWayInError),
)
async def unlink_identity(user: CurrentUser, provider: ProviderName) -> None:
    """Let go of the account at a provider, unless it is the last way to log in."""
    await unlink(user, provider)
