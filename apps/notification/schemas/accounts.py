"""What travels: bodies of requests and of answers."""

from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
)

from notification.models import SnsType
from notification.schemas.texts import LINE, Email


def _whole_text(value: SecretStr) -> SecretStr:
    try:
        value.get_secret_value().encode()
    except UnicodeEncodeError:
        # JSON may hold halves of characters. The original error shows the text.
        raise ValueError("not a text") from None
    return value


# A limit, because hashing a megabyte costs as much as an attack wants.
Password = Annotated[SecretStr, Field(min_length=1, max_length=1024), AfterValidator(_whole_text)]
Name = Annotated[str, Field(min_length=1, max_length=255), LINE]
PhoneNumber = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=3, max_length=20, pattern=r"^\+?[0-9(][0-9 ()./-]*$")
]
ProfileImage = Annotated[str, Field(min_length=1, max_length=1000), LINE]


class Credentials(BaseModel):
    """What registering and logging in with an e-mail needs."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"email": "ada@example.com", "pw": "correct horse"}]})

    email: Email
    pw: Password


_REFRESH_TOKEN = "refresh_mK5..."  # noqa: S105  # of the document's examples


class TokenPair(BaseModel):
    """What a log-in gives: a token for requests, and one that gets the next two when that expires."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "access_token": "eyJhbGciOi...",
                    "token_type": "bearer",
                    "expires_in": 1800,
                    "refresh_token": _REFRESH_TOKEN,
                    "refresh_expires_in": 2592000,
                }
            ]
        }
    )

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105  # the name of a scheme, not a secret
    expires_in: int = Field(description="Seconds until the token expires.")
    refresh_token: str = Field(description="For `POST /api/v1/auth/refresh`, once. Keep it as secret as a password.")
    refresh_expires_in: int = Field(description="Seconds until the refresh token expires.")


class RefreshRequest(BaseModel):
    """A refresh token, to be used up or to be logged out."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"refresh_token": _REFRESH_TOKEN}]})

    refresh_token: Annotated[SecretStr, Field(min_length=1, max_length=200), AfterValidator(_whole_text)]


class PasswordChange(BaseModel):
    """The password from now on, and the one until now where there is one."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"old_pw": "correct horse battery", "new_pw": "a moth in relay 70"}]},
    )

    old_pw: Password | None = None
    new_pw: Password


class UserMe(BaseModel):
    """A user, as that user sees it."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "id": 1,
                    "email": "ada@example.com",
                    "name": "Ada Lovelace",
                    "phone_number": "010-1234-5678",
                    "profile_img": "https://img.example.com/ada.png",
                    "sns_type": "email",
                }
            ]
        },
    )

    id: int
    email: str
    name: str | None
    phone_number: str | None
    profile_img: str | None
    sns_type: SnsType


class UserChange(BaseModel):
    """What a user may change; what is not sent stays as it is, null empties a field."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"name": "Ada Lovelace"}]})

    name: Name | None = None
    phone_number: PhoneNumber | None = None
    profile_img: ProfileImage | None = None
    marketing_agree: Annotated[bool, Field(strict=True)] = True  # JSON has a word for it, so 1 and "yes" are none
