"""What travels: bodies of requests and of answers."""

from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    EmailStr,
    Field,
    SecretStr,
    StringConstraints,
)

from notification.models import SnsType


def _whole_text(value: SecretStr) -> SecretStr:
    try:
        value.get_secret_value().encode()
    except UnicodeEncodeError:
        # JSON may hold halves of characters. The original error shows the text.
        raise ValueError("not a text") from None
    return value


def _address_alone(value: object) -> object:
    # Pydantic would take `Ada <ada@example.com>` for the address in it.
    if isinstance(value, str) and ("<" in value or ">" in value):
        raise ValueError("not an e-mail address alone")
    return value


# One mailbox, one account: nobody means two people by Ada@example.com and ada@example.com.
Email = Annotated[EmailStr, BeforeValidator(_address_alone), Field(max_length=255), AfterValidator(str.lower)]
# A limit, because hashing a megabyte costs as much as an attack wants.
Password = Annotated[SecretStr, Field(min_length=1, max_length=1024), AfterValidator(_whole_text)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255)]
PhoneNumber = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=3, max_length=20, pattern=r"^\+?[0-9(][0-9 ()./-]*$")
]
ProfileImage = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000)]


class Credentials(BaseModel):
    """What registering and logging in with an e-mail needs."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"email": "ada@example.com", "pw": "correct horse"}]})

    email: Email
    pw: Password


class AccessToken(BaseModel):
    """A token for the `Authorization` header of further requests."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105  # the name of a scheme, not a secret
    expires_in: int = Field(description="Seconds until the token expires.")


class TokenPair(AccessToken):
    """What a log-in gives: a token for requests, and one that gets the next two when that expires."""

    refresh_token: str = Field(description="For `POST /api/v1/auth/refresh`, once. Keep it as secret as a password.")
    refresh_expires_in: int = Field(description="Seconds until the refresh token expires.")


class RefreshRequest(BaseModel):
    """A refresh token, to be used up or to be logged out."""

    refresh_token: Annotated[SecretStr, Field(min_length=1, max_length=200), AfterValidator(_whole_text)]


class PasswordChange(BaseModel):
    """The password from now on, and the one until now where there is one."""

    model_config = ConfigDict(extra="forbid")

    old_pw: Password | None = None
    new_pw: Password


class UserMe(BaseModel):
    """A user, as that user sees it."""

    model_config = ConfigDict(from_attributes=True)

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
    marketing_agree: bool = True


class Health(BaseModel):
    """The service answers."""

    status: Literal["ok"] = "ok"


class Ready(BaseModel):
    """The service can do its work."""

    status: Literal["ok"] = "ok"
    checks: dict[str, bool] = Field(description="What was asked.", examples=[{"database": True}])
