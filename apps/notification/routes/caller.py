"""Calls from other services, signed with an API key."""

from fastapi import APIRouter

from notification.deps import CallingKey
from notification.ops.logs import mask
from notification.schemas.api_keys import CallerMe

router = APIRouter(prefix="/api/v1/services", tags=["signed calls"])


@router.get("", summary="Who signed this?")
async def read_caller(key: CallingKey) -> CallerMe:
    """The key that signed the call, and whose it is."""
    return CallerMe(user_id=key.user_id, email=mask(key.email), access_key=key.access_key, memo=key.memo)
