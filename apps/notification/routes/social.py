"""Logging in by a social provider."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from notification.deps import HandshakeCookieDep, HandshakesDep, ProviderDep, TokensDep, not_to_be_stored
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

router = APIRouter(prefix="/api/v1/auth", tags=["auth"], dependencies=[Depends(not_to_be_stored)])

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
async def authorize(provider: ProviderDep, handshakes: HandshakesDep, cookie: HandshakeCookieDep) -> Authorization:
    """Get the address at which the user agrees, and a cookie without which the callback does not answer."""
    handshake = handshakes.begin(provider.sns_type)
    cookie.keep(handshakes.seal(handshake))
    return Authorization(authorization_url=provider.authorization_url(handshake))


@router.get("/{provider}/callback", summary="Come back from a provider", openapi_extra=_CALLBACK)
async def come_back(
    provider: ProviderDep,
    grant: Annotated[Grant, Query()],
    handshakes: HandshakesDep,
    cookie: HandshakeCookieDep,
    tokens: TokensDep,
) -> TokenPair:
    """The provider sends the user here: log in, and register before where the user is new."""
    handshake = handshakes.open(cookie.value, provider.sns_type, grant.state)
    cookie.forget()
    return await finish(provider, grant, handshake, tokens)


@router.post("/{provider}/callback", summary="Hand in what a provider sent", openapi_extra=_CALLBACK)
async def hand_in(
    provider: ProviderDep, grant: Grant, handshakes: HandshakesDep, cookie: HandshakeCookieDep, tokens: TokensDep
) -> TokenPair:
    """The same, for a page of your own to which the provider sends the user."""
    handshake = handshakes.open(cookie.value, provider.sns_type, grant.state)
    cookie.forget()
    return await finish(provider, grant, handshake, tokens)
