"""What routes are handed: the caller, and the services that `create_app` made."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import HTTPConnection
from starlette.responses import Response

from notification.errors import NotAuthenticatedError
from notification.models import SnsType, Users
from notification.passwords import Passwords
from notification.tokens import Tokens
from notification.use_cases.accounts import who_is
from notification.use_cases.offers import check_offered


@dataclass(frozen=True, slots=True)
class Services:
    """What lives as long as the application."""

    passwords: Passwords
    tokens: Tokens


def _services(connection: HTTPConnection) -> Services:
    services: Services = connection.app.state.services
    return services


def _passwords(services: Annotated[Services, Depends(_services)]) -> Passwords:
    return services.passwords


def _tokens(services: Annotated[Services, Depends(_services)]) -> Tokens:
    return services.tokens


PasswordsDep = Annotated[Passwords, Depends(_passwords)]
TokensDep = Annotated[Tokens, Depends(_tokens)]


def not_to_be_stored(response: Response) -> None:
    """Tell browsers and caches to keep no copy: the answer contains tokens (RFC 6749, 5.1)."""
    response.headers["Cache-Control"] = "no-store"


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
