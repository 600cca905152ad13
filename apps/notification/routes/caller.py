"""Calls from other services, signed with an API key."""

from fastapi import APIRouter

from notification.deps import CallingKey
from notification.errors import (
    BodyChangedError,
    DigestMalformedError,
    ParameterRepeatedError,
    RateLimitedError,
    SignatureExpiredError,
    SignatureInvalidError,
    SignatureMissingError,
    SignatureUsedError,
    TimestampMalformedError,
)
from notification.key_schemas import CallerMe
from notification.logs import mask
from notification.openapi import may_raise

NEEDS_SIGNATURE = (
    SignatureMissingError,
    ParameterRepeatedError,
    TimestampMalformedError,
    DigestMalformedError,
    SignatureInvalidError,
    SignatureExpiredError,
    SignatureUsedError,
    BodyChangedError,
    RateLimitedError,
)

router = APIRouter(prefix="/api/v1/services", tags=["signed calls"])


@router.get("", summary="Who signed this?", openapi_extra=may_raise(*NEEDS_SIGNATURE))
async def read_caller(key: CallingKey) -> CallerMe:
    """The key that signed the call, and whose it is."""
    return CallerMe(user_id=key.user_id, email=mask(key.email), access_key=key.access_key, memo=key.memo)
