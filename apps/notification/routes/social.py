"""Logging in by a social provider."""

from typing import Annotated

from fastapi import APIRouter, Query

from notification.deps import HandshakeCookieDep, ProviderDep, ServicesDep
from notification.docs.openapi import may_raise
from notification.docs.refusals import BY_DATABASE
from notification.errors import (
    AccountInactiveError,
    AlreadyLinkedError,
    IdentityTakenError,
    ProviderFailedError,
    ProviderUnavailableError,
    SnsTypeNotOfferedError,
    SocialCodeInvalidError,
    SocialEmailMissingError,
    SocialEmailTakenError,
    SocialEmailUnverifiedError,
    SocialLoginDeniedError,
    SocialStateInvalidError,
)
from notification.schemas.accounts import TokenPair
from notification.schemas.social import Authorization, Grant
from notification.use_cases.identities import finish

router = APIRouter(prefix="/api/v1/auth", tags=["auth"])

_CALLBACK = may_raise(
    *BY_DATABASE,
    SnsTypeNotOfferedError,
    SocialStateInvalidError,
    SocialLoginDeniedError,
    SocialCodeInvalidError,
    SocialEmailMissingError,
    SocialEmailUnverifiedError,
    SocialEmailTakenError,
    AlreadyLinkedError,
    IdentityTakenError,
    AccountInactiveError,
    ProviderFailedError,
    ProviderUnavailableError,
)


@router.get("/{provider}/authorize", summary="Begin at a provider", openapi_extra=may_raise(SnsTypeNotOfferedError))
async def authorize(provider: ProviderDep, services: ServicesDep, cookie: HandshakeCookieDep) -> Authorization:
    """Get the address at which the user agrees, and a cookie without which the callback does not answer."""
    handshake = services.handshakes.begin(provider.sns_type)
    cookie.keep(services.handshakes.seal(handshake))
    return Authorization(authorization_url=provider.authorization_url(handshake))


@router.get("/{provider}/callback", summary="Come back from a provider", openapi_extra=_CALLBACK)
async def come_back(
    provider: ProviderDep,
    grant: Annotated[Grant, Query()],
    services: ServicesDep,
    cookie: HandshakeCookieDep,
) -> TokenPair:
    """The provider sends the user here: log in, and register before where the user is new."""
    handshake = services.handshakes.open(cookie.value, provider.sns_type, grant.state)
    cookie.forget()
    return await finish(provider, grant, handshake, services.tokens)


@router.post("/{provider}/callback", summary="Hand in what a provider sent", openapi_extra=_CALLBACK)
async def hand_in(provider: ProviderDep, grant: Grant, services: ServicesDep, cookie: HandshakeCookieDep) -> TokenPair:
    """The same, for a page of your own to which the provider sends the user."""
    handshake = services.handshakes.open(cookie.value, provider.sns_type, grant.state)
    cookie.forget()
    return await finish(provider, grant, handshake, services.tokens)
