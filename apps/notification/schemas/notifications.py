"""Notifications as they travel: what is asked for, and what is told about it."""

import re
from datetime import datetime
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from notification.models import Channel, Delivery, Notifications
from notification.schemas.texts import LINE, TEXT, Email


def _distinct(values: list[str]) -> list[str]:
    return list(dict.fromkeys(values))


def _written_out(value: object) -> object:
    # Pydantic would take a bare number for seconds since 1970.
    if isinstance(value, str) and not re.match(r"[0-9]{4}-", value):
        raise ValueError("must be a date and a time with its offset, such as 2026-11-22T08:00:00Z")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_written_out)]
KoreanPhoneNumber = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^\+?[0-9][0-9-]{6,18}[0-9]$")]


class EmailMessage(BaseModel):
    """An e-mail to some recipients, who see each other."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"to": ["ada@example.com"], "subject": "Hello", "body": "How are you?"}]},
    )

    to: Annotated[list[Email], Field(min_length=1, max_length=50), AfterValidator(_distinct)]
    subject: Annotated[str, Field(min_length=1, max_length=200), LINE]
    body: Annotated[str, Field(min_length=1, max_length=100_000), TEXT]


# In words of JSON Schema, what `KakaoMessage` checks.
_MESSAGE_ALONE: Final[dict[str, Any]] = {
    "required": ["message"],
    "properties": {
        "message": {"type": "string"},
        "template": {"type": "null"},
        "variables": {"type": "object", "maxProperties": 0},
    },
}
_TEMPLATE_ALONE: Final[dict[str, Any]] = {
    "required": ["template"],
    "properties": {"template": {"type": "string"}, "message": {"type": "null"}},
}


class KakaoMessage(BaseModel):
    """A Kakao message: a text, or a template of the sender's with its variables."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "oneOf": [_MESSAGE_ALONE, _TEMPLATE_ALONE],
            "examples": [
                {"to": "010-1234-5678", "message": "Your parcel is there."},
                {"to": "010-1234-5678", "template": "parcel", "variables": {"name": "Ada"}},
            ],
        },
    )

    to: KoreanPhoneNumber
    message: Annotated[str, Field(min_length=1, max_length=2000), TEXT] | None = None
    template: Annotated[str, Field(min_length=1, max_length=100), LINE] | None = None
    variables: dict[
        Annotated[str, Field(min_length=1, max_length=100), LINE],
        Annotated[str, Field(min_length=1, max_length=1000), TEXT],
    ] = Field(default_factory=dict, max_length=50, json_schema_extra={"additionalProperties": False})

    @model_validator(mode="after")
    def _either(self) -> Self:
        if (self.message is None) == (self.template is None):
            raise ValueError("send either 'message' or 'template'")
        if self.variables and self.template is None:
            raise ValueError("'variables' belong to a 'template'")
        return self


class WebhookMessage(BaseModel):
    """A text for a chat service's incoming webhook, posted as `{"text": ...}`."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"url": "https://hooks.example.com/T0/B0", "text": "Done."}]}
    )

    url: Annotated[
        str,
        Field(
            min_length=1,
            max_length=2000,
            description="Public, http or https, port 80, 443 or 8000 to 8999.",
        ),
        LINE,
        Field(json_schema_extra={"format": "uri", "pattern": "^https?://[^/]"}),
    ]
    text: Annotated[str, Field(min_length=1, max_length=40_000), TEXT]


class Accepted(BaseModel):
    """The notification is noted and will be delivered. A repeated request gets the same answer."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"id": 1, "status": "queued"}]})

    id: int
    status: Literal[Delivery.queued] = Delivery.queued

    @classmethod
    def of(cls, notification: Notifications) -> Self:
        """The answer to whoever asked for this notification, however far it has come since."""
        return cls(id=notification.id)


_STATE: Final[dict[str, Any]] = {
    "id": 1,
    "channel": "email",
    "status": "sent",
    "attempts": 1,
    "last_error": "refused for good: eve@example.com",
    "created_at": "2026-11-22T08:00:00Z",
    "sent_at": "2026-11-22T08:00:01Z",
}


class NotificationState(BaseModel):
    """How far a notification has come."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_STATE]})

    id: int
    channel: Channel
    status: Delivery = Field(description="`failed` is tried again, `dead` is not.")
    attempts: int
    last_error: str | None = Field(description="Why the last attempt failed, or which recipients were refused.")
    created_at: datetime
    sent_at: datetime | None


class NotificationFilter(BaseModel):
    """Which notifications, and which page of them."""

    status: Delivery | None = None
    channel: Channel | None = None
    since: Moment | None = Field(
        default=None, description="Created at this time or later.", examples=["2026-11-01T00:00:00Z"]
    )
    until: Moment | None = Field(
        default=None, description="Created before this time.", examples=["2026-12-01T00:00:00+09:00"]
    )
    cursor: str | None = Field(default=None, max_length=1000, description="`next` or `previous` of another page.")
    size: int = Field(default=50, ge=1, le=200)

    @property
    def lookups(self) -> dict[str, object]:
        """What was asked for, as lookups of a query."""
        given = {
            "status": self.status,
            "channel": self.channel,
            "created_at__gte": self.since,
            "created_at__lt": self.until,
        }
        return {name: value for name, value in given.items() if value is not None}


class NotificationPage(BaseModel):
    """Notifications, the latest first, and the cursors of the pages beside; null where there is none."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={"examples": [{"items": [_STATE], "next": "eyJrIjoi...", "previous": "eyJrIjoi..."}]},
    )

    items: list[NotificationState]
    next: str | None
    previous: str | None
