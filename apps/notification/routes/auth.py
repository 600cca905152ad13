"""Registering, logging in, staying logged in and logging out."""

from fastapi import APIRouter, status

from notification.deps import CountedCredentials, OfferedSnsType, ServicesDep
from notification.docs.openapi import may_raise
from notification.docs.refusals import BY_DATABASE
from notification.errors import (
    AccountInactiveError,
    EmailTakenError,
    LoginFailedError,
    RefreshTokenExpiredError,
    RefreshTokenInvalidError,
    RefreshTokenReusedError,
    SnsTypeNotOfferedError,
    SocialLoginNeededError,
)
from notification.schemas.accounts import RefreshRequest, TokenPair
from notification.use_cases.accounts import log_in, register
from notification.use_cases.sessions import log_out, refresh

router = APIRouter(prefix="/api/v1/auth", tags=["auth"])


@router.post(
    "/register/{sns_type}",
    status_code=status.HTTP_201_CREATED,
    summary="Register",
    openapi_extra=may_raise(*BY_DATABASE, SnsTypeNotOfferedError, SocialLoginNeededError, EmailTakenError),
)
async def register_account(
    body: CountedCredentials,
    sns_type: OfferedSnsType,  # noqa: ARG001  # asked whatever the body is
    services: ServicesDep,
) -> TokenPair:
    """Make an account and log in to it."""
    return await register(body.email, body.pw.get_secret_value(), services.passwords, services.tokens)


@router.post(
    "/login/{sns_type}",
    summary="Log in",
    openapi_extra=may_raise(*BY_DATABASE, SnsTypeNotOfferedError, SocialLoginNeededError, LoginFailedError),
)
async def log_in_to_account(
    body: CountedCredentials,
    sns_type: OfferedSnsType,  # noqa: ARG001  # asked whatever the body is
    services: ServicesDep,
) -> TokenPair:
    """Get an access token for an account, and a refresh token for the time after it."""
    return await log_in(body.email, body.pw.get_secret_value(), services.passwords, services.tokens)


@router.post(
    "/refresh",
    summary="Stay logged in",
    openapi_extra=may_raise(
        *BY_DATABASE,
        RefreshTokenInvalidError,
        RefreshTokenExpiredError,
        RefreshTokenReusedError,
        AccountInactiveError,
    ),
)
async def refresh_tokens(body: RefreshRequest, services: ServicesDep) -> TokenPair:
    """Get new tokens for a refresh token, which is used up by it; using one a second time ends the session."""
    return await refresh(body.refresh_token.get_secret_value(), services.tokens)


@router.post(
    "/logout",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Log out",
    openapi_extra=may_raise(*BY_DATABASE),
)
async def log_out_of_session(body: RefreshRequest) -> None:
    """End the session of a refresh token. The access token goes on until it expires."""
    await log_out(body.refresh_token.get_secret_value())
