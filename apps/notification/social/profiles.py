"""What the social providers say about a user, read with suspicion: whatever does not fit is no profile."""

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from notification.models import SnsType
from notification.schemas.texts import Email

_Subject = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,255}$")]
_EMAIL: TypeAdapter[str] = TypeAdapter(Email)
_NAME_LENGTH = 255


class Profile(BaseModel):
    """A user of a social provider. The e-mail is missing where it is not shared, or not one we could use."""

    model_config = ConfigDict(frozen=True)

    provider: SnsType
    subject: _Subject
    email: str | None
    email_verified: bool
    name: str | None


class _Answer(BaseModel):
    """A part of what a provider answers."""

    model_config = ConfigDict(strict=True)


class _Google(_Answer):
    sub: str
    email: Any = None
    email_verified: bool = False
    name: Any = None


class _KakaoProfile(_Answer):
    nickname: Any = None


class _KakaoAccount(_Answer):
    email: Any = None
    is_email_valid: bool = False
    is_email_verified: bool = False
    profile: _KakaoProfile = _KakaoProfile()


class _Kakao(_Answer):
    id: Annotated[int, Field(gt=0)]
    kakao_account: _KakaoAccount = _KakaoAccount()


class _Facebook(_Answer):
    id: str
    email: Any = None
    name: Any = None


def _from_google(content: bytes) -> Profile:
    said = _Google.model_validate_json(content)
    return _profile(SnsType.google, said.sub, said.email, said.name, verified=said.email_verified)


def _from_kakao(content: bytes) -> Profile:
    said = _Kakao.model_validate_json(content)
    account = said.kakao_account
    verified = account.is_email_valid and account.is_email_verified
    return _profile(SnsType.kakao, str(said.id), account.email, account.profile.nickname, verified=verified)


def _from_facebook(content: bytes) -> Profile:
    said = _Facebook.model_validate_json(content)
    # Facebook names an e-mail only when the user has confirmed it, and says nothing more about it.
    return _profile(SnsType.facebook, said.id, said.email, said.name, verified=True)


READERS: dict[SnsType, Callable[[bytes], Profile]] = {
    SnsType.google: _from_google,
    SnsType.kakao: _from_kakao,
    SnsType.facebook: _from_facebook,
}


def _profile(provider: SnsType, subject: str, email: Any, name: Any, *, verified: bool) -> Profile:
    return Profile(provider=provider, subject=subject, email=_email(email), email_verified=verified, name=_name(name))


def _email(said: Any) -> str | None:
    try:
        return _EMAIL.validate_python(said)
    except ValidationError:
        return None


def _name(said: Any) -> str | None:
    if not isinstance(said, str):
        return None
    return "".join(letter for letter in said if letter.isprintable())[:_NAME_LENGTH].strip() or None
