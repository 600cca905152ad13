"""Users and their own data."""

from fastapi import APIRouter, Depends, status

from activerow.errors import InvalidDataError, StaleRecordError, UniqueViolationError
from notification.deps import (
    CurrentUser,
    RecentUser,
    ServicesDep,
    UserOfSecret,
    count_password_check,
)
from notification.docs.openapi import may_raise
from notification.errors import LoginTooOldError, PasswordWrongError, RateLimitedError
from notification.schemas.accounts import PasswordChange, TokenPair, UserChange, UserMe
from notification.use_cases.accounts import change_password, delete_account
from notification.use_cases.sessions import end_all_sessions

router = APIRouter(prefix="/api/v1/users", tags=["users"])


@router.get("/me", summary="Read yourself")
async def read_me(user: CurrentUser) -> UserMe:
    """The user whom the access token names."""
    return UserMe.model_validate(user)


@router.patch(
    "/me",
    summary="Change yourself",
    openapi_extra=may_raise(UniqueViolationError, StaleRecordError, InvalidDataError),
)
async def change_me(user: CurrentUser, body: UserChange) -> UserMe:
    """Change what is sent; equal values are no change."""
    await user.update(body)
    return UserMe.model_validate(user)


@router.delete(
    "/me",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Delete yourself",
    openapi_extra=may_raise(StaleRecordError, LoginTooOldError),
)
async def delete_me(user: RecentUser, services: ServicesDep) -> None:
    """Delete the account with everything that belongs to it: log-ins, keys, notifications."""
    await delete_account(user, services.known_keys)


@router.put(
    "/me/password",
    summary="Change the password",
    dependencies=[Depends(count_password_check)],
    openapi_extra=may_raise(PasswordWrongError, RateLimitedError, LoginTooOldError),
)
async def change_my_password(user: UserOfSecret, body: PasswordChange, services: ServicesDep) -> TokenPair:
    """Set a password, which ends all sessions, and get the tokens of a new one. The old one is asked for."""
    old = body.old_pw.get_secret_value() if body.old_pw else None
    new = body.new_pw.get_secret_value()
    return await change_password(user, old, new, services.passwords, services.tokens)


@router.delete("/me/sessions", status_code=status.HTTP_204_NO_CONTENT, summary="Log out everywhere")
async def log_out_everywhere(user: CurrentUser) -> None:
    """End all sessions on every device at once, with their access tokens."""
    await end_all_sessions(user.id)
