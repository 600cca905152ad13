"""What travels when people log in by a social provider."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from notification.models import SnsType
from notification.schemas import Password


class Authorization(BaseModel):
    """Where to send the user's browser next."""

    authorization_url: str


class Grant(BaseModel):
    """What the provider sends back with the user: a code and our state, or an error and our state."""

    code: str | None = Field(default=None, max_length=2048)
    state: str | None = Field(default=None, max_length=200)
    error: str | None = Field(default=None, max_length=200)


class LinkRequest(BaseModel):
    """The user's password, where there is one."""

    model_config = ConfigDict(extra="forbid")

    pw: Password | None = None


class Identity(BaseModel):
    """An account at a social provider by which the user can log in."""

    model_config = ConfigDict(from_attributes=True)

    provider: SnsType
    created_at: datetime
