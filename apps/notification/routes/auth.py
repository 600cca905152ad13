"""Registering and logging in."""

from fastapi import APIRouter, Depends, status

from notification.deps import OfferedSnsType, PasswordsDep, TokensDep, count_log_in
from notification.errors import EmailTakenError, LoginFailedError, RateLimitedError, SnsTypeNotOfferedError
from notification.openapi import may_raise
from notification.schemas import AccessToken, Credentials
from notification.use_cases.accounts import log_in, register

router = APIRouter(prefix="/api/v1/auth", tags=["auth"])


@router.post(
    "/register/{sns_type}",
    status_code=status.HTTP_201_CREATED,
    summary="Register",
    dependencies=[Depends(count_log_in)],
    openapi_extra=may_raise(SnsTypeNotOfferedError, EmailTakenError, RateLimitedError),
)
async def register_account(
    sns_type: OfferedSnsType, body: Credentials, passwords: PasswordsDep, tokens: TokensDep
) -> AccessToken:
    """Make an account and log in to it."""
    user = await register(body.email, body.pw.get_secret_value(), sns_type, passwords)
    return tokens.issue(user.id)


@router.post(
    "/login/{sns_type}",
    summary="Log in",
    dependencies=[Depends(count_log_in)],
    openapi_extra=may_raise(SnsTypeNotOfferedError, LoginFailedError, RateLimitedError),
)
async def log_in_to_account(
    sns_type: OfferedSnsType, body: Credentials, passwords: PasswordsDep, tokens: TokensDep
) -> AccessToken:
    """Get an access token for an account."""
    user = await log_in(body.email, body.pw.get_secret_value(), sns_type, passwords)
    return tokens.issue(user.id)
