"""What travels about API keys: bodies of requests and of answers."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from notification.models import KeyStatus
from notification.networks import network_of
from notification.schemas.texts import LINE

Memo = Annotated[str, Field(min_length=1, max_length=100), LINE]


def _normalised(text: str) -> str:
    return str(network_of(text))


# What an address or a network looks like has no pattern that is worth reading; the format is Pydantic's word for it.
IpAddr = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=64),
    Field(json_schema_extra={"format": "ipvanynetwork"}),
    AfterValidator(_normalised),
]


class KeyWanted(BaseModel):
    """What making a key takes."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"memo": "order service"}]})

    memo: Memo | None = None


class KeyChange(BaseModel):
    """What may be changed about a key; what is not sent stays as it is."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"status": "stopped"}]})

    memo: Memo | None = None
    status: Literal[KeyStatus.active, KeyStatus.stopped] = KeyStatus.active


_KEY: Final[dict[str, Any]] = {
    "id": 1,
    "memo": "order service",
    "access_key": "Yk3...",
    "created_at": "2026-11-22T08:00:00Z",
}


class Key(BaseModel):
    """A key, as its owner sees it."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_KEY | {"status": "active"}]})

    id: int
    memo: str | None
    access_key: str
    status: KeyStatus
    created_at: datetime


class KeyCreated(BaseModel):
    """A new key: the only answer that shows its secret."""

    model_config = ConfigDict(json_schema_extra={"examples": [_KEY | {"secret_key": "q9T..."}]})

    id: int
    memo: str | None
    access_key: str
    secret_key: str = Field(description="Signs calls. Keep it; it is not shown again.")
    created_at: datetime


class AddressWanted(BaseModel):
    """An address or a network from which a key may be used."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"ip_addr": "192.0.2.0/24"}]})

    ip_addr: IpAddr


class Address(BaseModel):
    """A network from which a key may be used."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={"examples": [{"id": 1, "ip_addr": "192.0.2.7/32", "created_at": "2026-11-22T08:00:00Z"}]},
    )

    id: int
    ip_addr: str
    created_at: datetime


class CallerMe(BaseModel):
    """Who signed a call."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"user_id": 1, "email": "a***@example.com", "access_key": "Yk3...", "memo": "order service"}]
        }
    )

    user_id: int
    email: str = Field(description="Of the key's owner, masked.", examples=["a***@example.com"])
    access_key: str
    memo: str | None
