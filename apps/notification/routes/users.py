"""Users and their own data."""

from fastapi import APIRouter

from activerow.errors import InvalidDataError, StaleRecordError, UniqueViolationError
from notification.deps import CurrentUser
from notification.errors import AccountInactiveError, NotAuthenticatedError, TokenExpiredError, TokenInvalidError
from notification.openapi import may_raise
from notification.schemas import UserChange, UserMe

_NEEDS_USER = (NotAuthenticatedError, TokenInvalidError, TokenExpiredError, AccountInactiveError)

router = APIRouter(prefix="/api/v1/users", tags=["users"])


@router.get("/me", summary="Read yourself", openapi_extra=may_raise(*_NEEDS_USER))
async def read_me(user: CurrentUser) -> UserMe:
    """The user whom the access token names."""
    return UserMe.model_validate(user)


@router.patch(
    "/me",
    summary="Change yourself",
    openapi_extra=may_raise(*_NEEDS_USER, UniqueViolationError, StaleRecordError, InvalidDataError),
)
async def change_me(user: CurrentUser, body: UserChange) -> UserMe:
    """Change what is sent; equal values are no change."""
    await user.update(body)
    return UserMe.model_validate(user)
