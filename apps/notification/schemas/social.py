"""What travels when people log in by a social provider."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from notification.models import SnsType
from notification.schemas.accounts import Password


class Authorization(BaseModel):
    """Where to send the user's browser next."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"authorization_url": "https://accounts.google.com/o/oauth2/v2/auth?state=mB3"}]
        }
    )

    authorization_url: str


class Grant(BaseModel):
    """What the provider sends back with the user: a code and our state, or an error and our state."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"code": "4/0Ab", "state": "mB3"}]})

    code: str | None = Field(default=None, max_length=2048)
    state: str | None = Field(default=None, max_length=200)
    error: str | None = Field(default=None, max_length=200)


class LinkRequest(BaseModel):
    """The user's password, where there is one."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"pw": "correct horse battery"}]})

    pw: Password | None = None


class Identity(BaseModel):
    """An account at a social provider by which the user can log in."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={"examples": [{"provider": "google", "created_at": "2026-11-22T08:00:00Z"}]},
    )

    provider: SnsType
    created_at: datetime
