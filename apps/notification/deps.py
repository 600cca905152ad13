"""What routes are handed: the caller, and the services that `create_app` made."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from notification.errors import NotAuthenticatedError
from notification.handshakes import LIFETIME, Handshakes
from notification.models import SnsType, Users
from notification.passwords import Passwords
from notification.providers import Provider, Providers
from notification.tokens import Tokens
from notification.use_cases.accounts import who_is
from notification.use_cases.offers import check_by_password


@dataclass(frozen=True, slots=True)
class Services:
    """What lives as long as the application."""

    passwords: Passwords
    tokens: Tokens
    handshakes: Handshakes
    providers: Providers


def _services(connection: HTTPConnection) -> Services:
    services: Services = connection.app.state.services
    return services


def _passwords(services: Annotated[Services, Depends(_services)]) -> Passwords:
    return services.passwords


def _tokens(services: Annotated[Services, Depends(_services)]) -> Tokens:
    return services.tokens


def _handshakes(services: Annotated[Services, Depends(_services)]) -> Handshakes:
    return services.handshakes


def _providers(services: Annotated[Services, Depends(_services)]) -> Providers:
    return services.providers


def _provider(provider: SnsType, providers: Annotated[Providers, Depends(_providers)]) -> Provider:
    return providers.of(provider)


PasswordsDep = Annotated[Passwords, Depends(_passwords)]
TokensDep = Annotated[Tokens, Depends(_tokens)]
HandshakesDep = Annotated[Handshakes, Depends(_handshakes)]
ProviderDep = Annotated[Provider, Depends(_provider)]


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


class HandshakeCookie:
    """The cookie in which a browser keeps the handshake of its social log-in."""

    _NAME = "social_handshake"
    _PATH = "/api/v1/auth"

    def __init__(self, request: Request, response: Response, provider: ProviderDep) -> None:
        self._response = response
        self._secure = provider.redirect_url.startswith("https:")
        self.value = request.cookies.get(self._NAME)

    def keep(self, sealed: str) -> None:
        """Let the browser keep this handshake; no script can read it, no other site's form sends it along."""
        self._response.set_cookie(
            self._NAME,
            sealed,
            max_age=int(LIFETIME.total_seconds()),
            path=self._PATH,
            secure=self._secure,
            httponly=True,
            samesite="lax",
        )

    def forget(self) -> None:
        """Let the browser forget it."""
        self._response.delete_cookie(self._NAME, path=self._PATH, secure=self._secure, httponly=True, samesite="lax")


HandshakeCookieDep = Annotated[HandshakeCookie, Depends(HandshakeCookie)]


def _offered(sns_type: SnsType, providers: Annotated[Providers, Depends(_providers)]) -> SnsType:
    check_by_password(sns_type, providers)
    return sns_type


# Asked before the body is looked at: a caller of a way that is not offered yet cannot know what to send.
OfferedSnsType = Annotated[SnsType, Depends(_offered)]
