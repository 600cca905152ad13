"""Notifications for other services: asking for them, and seeing what became of them."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, status

from activerow.errors import InvalidCursorError, InvalidDataError, RecordNotFoundError
from notification.deps import CallingKey, IdempotencyKey, ServicesDep
from notification.docs.openapi import may_raise
from notification.errors import (
    ChannelNotOfferedError,
    IdempotencyConflictError,
    WebhookRefusedError,
)
from notification.models import Channel
from notification.schemas.notifications import (
    Accepted,
    EmailMessage,
    KakaoMessage,
    NotificationFilter,
    NotificationPage,
    NotificationState,
    WebhookMessage,
)
from notification.use_cases.notifications import list_notifications, read_notification, request_notification

_MAY_REFUSE = (ChannelNotOfferedError, IdempotencyConflictError)

router = APIRouter(prefix="/api/v1/services", tags=["services"])


@router.post(
    "/email", status_code=status.HTTP_202_ACCEPTED, summary="Send an e-mail", openapi_extra=may_raise(*_MAY_REFUSE)
)
async def send_email(
    caller: CallingKey, body: EmailMessage, services: ServicesDep, idempotency_key: IdempotencyKey = None
) -> Accepted:
    """Note an e-mail for delivery."""
    payload = body.model_dump()
    return Accepted.of(await request_notification(caller, Channel.email, payload, idempotency_key, services.dispatch))


@router.post(
    "/kakao", status_code=status.HTTP_202_ACCEPTED, summary="Send to Kakao", openapi_extra=may_raise(*_MAY_REFUSE)
)
async def send_kakao(
    caller: CallingKey, body: KakaoMessage, services: ServicesDep, idempotency_key: IdempotencyKey = None
) -> Accepted:
    """Note a Kakao message for delivery."""
    payload = body.model_dump(exclude_unset=True)
    return Accepted.of(await request_notification(caller, Channel.kakao, payload, idempotency_key, services.dispatch))


@router.post(
    "/webhook",
    status_code=status.HTTP_202_ACCEPTED,
    summary="Call a webhook",
    openapi_extra=may_raise(*_MAY_REFUSE, WebhookRefusedError),
)
async def call_webhook(
    caller: CallingKey, body: WebhookMessage, services: ServicesDep, idempotency_key: IdempotencyKey = None
) -> Accepted:
    """Note a text for a chat service's webhook."""
    payload = body.model_dump()
    return Accepted.of(await request_notification(caller, Channel.webhook, payload, idempotency_key, services.dispatch))


@router.get(
    "/notifications", summary="List notifications", openapi_extra=may_raise(InvalidCursorError, InvalidDataError)
)
async def read_notifications(caller: CallingKey, wanted: Annotated[NotificationFilter, Query()]) -> NotificationPage:
    """The caller's notifications, the latest first."""
    page = await list_notifications(caller, wanted.lookups, wanted.cursor, wanted.size)
    return NotificationPage.model_validate(page)


@router.get(
    "/notifications/{notification_id}",
    summary="Read a notification",
    openapi_extra=may_raise(RecordNotFoundError),
)
async def read_one_notification(
    caller: CallingKey, notification_id: Annotated[int, Path(ge=1, le=2**31 - 1, examples=[1])]
) -> NotificationState:
    """How far a notification of the caller's has come."""
    return NotificationState.model_validate(await read_notification(caller, notification_id))
