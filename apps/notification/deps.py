"""What routes are handed: the caller, and the services that `create_app` made."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import HTTPConnection

from notification.delivery.dispatch import Dispatch
from notification.errors import NotAuthenticatedError
from notification.models import ApiKeys, SnsType, Users
from notification.passwords import Passwords
from notification.tokens import Tokens
from notification.use_cases.accounts import check_offered, who_is


@dataclass(frozen=True, slots=True)
class Services:
    """What lives as long as the application."""

    passwords: Passwords
    tokens: Tokens
    dispatch: Dispatch


def _services(connection: HTTPConnection) -> Services:
    services: Services = connection.app.state.services
    return services


def _passwords(services: Annotated[Services, Depends(_services)]) -> Passwords:
    return services.passwords


def _tokens(services: Annotated[Services, Depends(_services)]) -> Tokens:
    return services.tokens


def _dispatch(services: Annotated[Services, Depends(_services)]) -> Dispatch:
    return services.dispatch


PasswordsDep = Annotated[Passwords, Depends(_passwords)]
TokensDep = Annotated[Tokens, Depends(_tokens)]
DispatchDep = Annotated[Dispatch, Depends(_dispatch)]

_bearer = HTTPBearer(auto_error=False, bearerFormat="JWT", description="The access token of a log-in.")


async def _current_user(
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)], tokens: TokensDep
) -> Users:
    if credentials is None:
        raise NotAuthenticatedError
    return await who_is(credentials.credentials, tokens)


CurrentUser = Annotated[Users, Depends(_current_user)]


def _offered(sns_type: SnsType) -> SnsType:
    check_offered(sns_type)
    return sns_type


# Asked before the body is looked at: a caller of a way that is not offered yet cannot know what to send.
OfferedSnsType = Annotated[SnsType, Depends(_offered)]


async def calling_key() -> ApiKeys:
    """The key that signed this call, with its user. Nobody can sign yet: every call is refused."""
    raise NotAuthenticatedError


CallingKey = Annotated[ApiKeys, Depends(calling_key)]

# Of the caller's own choice; the same key again means the same request again.
IdempotencyKey = Annotated[
    str | None,
    Header(min_length=1, max_length=255, pattern=r"^[!-~]+$", description="Makes repeating this request harmless."),
]
