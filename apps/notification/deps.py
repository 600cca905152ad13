"""What routes are handed: the caller, and the services that `create_app` made."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import HTTPConnection

from notification.errors import NotAuthenticatedError
from notification.models import SnsType, Users
from notification.passwords import Passwords
from notification.request_context import identify
from notification.status_page import StatusPage
from notification.tokens import Tokens
from notification.use_cases.accounts import check_offered, who_is
from notification.use_cases.readiness import Readiness


@dataclass(frozen=True, slots=True)
class Services:
    """What lives as long as the application."""

    passwords: Passwords
    tokens: Tokens
    readiness: Readiness
    parts: Readiness
    status_page: StatusPage


def _services(connection: HTTPConnection) -> Services:
    services: Services = connection.app.state.services
    return services


def _passwords(services: Annotated[Services, Depends(_services)]) -> Passwords:
    return services.passwords


def _tokens(services: Annotated[Services, Depends(_services)]) -> Tokens:
    return services.tokens


def _readiness(services: Annotated[Services, Depends(_services)]) -> Readiness:
    return services.readiness


def _parts(services: Annotated[Services, Depends(_services)]) -> Readiness:
    return services.parts


def _status_page(services: Annotated[Services, Depends(_services)]) -> StatusPage:
    return services.status_page


PasswordsDep = Annotated[Passwords, Depends(_passwords)]
TokensDep = Annotated[Tokens, Depends(_tokens)]
ReadinessDep = Annotated[Readiness, Depends(_readiness)]
PartsDep = Annotated[Readiness, Depends(_parts)]
StatusPageDep = Annotated[StatusPage, Depends(_status_page)]

_bearer = HTTPBearer(auto_error=False, bearerFormat="JWT", description="The access token of a log-in.")


async def _current_user(
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)], tokens: TokensDep
) -> Users:
    if credentials is None:
        raise NotAuthenticatedError
    user = await who_is(credentials.credentials, tokens)
    identify(user_id=user.id, email=user.email)
    return user


CurrentUser = Annotated[Users, Depends(_current_user)]


def _offered(sns_type: SnsType) -> SnsType:
    check_offered(sns_type)
    return sns_type


# Asked before the body is looked at: a caller of a way that is not offered yet cannot know what to send.
OfferedSnsType = Annotated[SnsType, Depends(_offered)]
