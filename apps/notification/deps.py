"""What routes are handed: the caller, and the services that `create_app` made."""

import hmac
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, Path, Security
from fastapi.security import APIKeyHeader, APIKeyQuery, HTTPAuthorizationCredentials, HTTPBearer
from pydantic import SecretStr
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from notification.delivery.dispatch import Dispatch
from notification.docs.status_page import StatusPage
from notification.errors import MetricsRefusedError, NotAuthenticatedError, SignatureMissingError
from notification.http.access import admitted_key, admitted_user
from notification.models import SnsType, Users
from notification.ops.metrics import Metrics
from notification.schemas.accounts import Credentials
from notification.security.handshakes import LIFETIME, Handshakes
from notification.security.known_keys import KnownKey, KnownKeys
from notification.security.passwords import Passwords
from notification.security.rates import Rates
from notification.security.tokens import Login, Tokens
from notification.security.vault import Vault
from notification.social.providers import Provider, Providers
from notification.use_cases.accounts import check_recent, who_is
from notification.use_cases.offers import check_by_password
from notification.use_cases.readiness import Readiness


@dataclass(frozen=True, slots=True)
class Services:
    """What lives as long as the application."""

    passwords: Passwords
    tokens: Tokens
    vault: Vault
    known_keys: KnownKeys
    rates: Rates
    handshakes: Handshakes
    providers: Providers
    readiness: Readiness
    parts: Readiness
    status_page: StatusPage
    metrics: Metrics
    metrics_token: SecretStr | None
    dispatch: Dispatch
    secure_cookies: bool
    recent_login_minutes: int


async def _services(connection: HTTPConnection) -> Services:
    services: Services = connection.app.state.services
    return services


# Dependencies are coroutine functions: FastAPI sends others to a thread each, which takes longer than they do.
ServicesDep = Annotated[Services, Depends(_services)]

ProviderName = Annotated[SnsType, Path(examples=["google"])]


async def _provider(provider: ProviderName, services: ServicesDep) -> Provider:
    return services.providers.of(provider)


ProviderDep = Annotated[Provider, Depends(_provider)]

_bearer = HTTPBearer(auto_error=False, bearerFormat="JWT", description="The access token of a log-in.")


async def _current_login(
    connection: HTTPConnection,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    services: ServicesDep,
) -> tuple[Users, Login]:
    if admitted := admitted_user(connection.scope):
        return admitted
    if credentials is None:
        raise NotAuthenticatedError
    return await who_is(credentials.credentials, services.tokens)


CurrentLogin = Annotated[tuple[Users, Login], Depends(_current_login)]


async def _current_user(login: CurrentLogin) -> Users:
    return login[0]


CurrentUser = Annotated[Users, Depends(_current_user)]


async def _recent_user(login: CurrentLogin, services: ServicesDep) -> Users:
    user, told = login
    check_recent(told, services.recent_login_minutes)
    return user


async def _user_to_set_password(login: CurrentLogin, services: ServicesDep) -> Users:
    user, told = login
    if user.pw is None:
        check_recent(told, services.recent_login_minutes)
    return user


# Who has logged in a few minutes ago: a token that was stolen later is not enough.
RecentUser = Annotated[Users, Depends(_recent_user)]
# The same for a user without a password; whoever has one is asked for it.
UserOfSecret = Annotated[Users, Depends(_user_to_set_password)]

# What signs a call is checked at the door (`access.py`); these tell the documentation about it.
_key_name = APIKeyQuery(name="key", scheme_name="AccessKey", description="The access key.", auto_error=False)
_signed_at = APIKeyQuery(
    name="timestamp",
    scheme_name="SignedAt",
    description="The time of signing, in seconds since 1970. In development, leave it empty: the page fills it in.",
    auto_error=False,
)
_signature = APIKeyHeader(
    name="secret",
    scheme_name="Signature",
    description="base64 of HMAC-SHA256 over the query string. In development, type the secret key: the page signs.",
    auto_error=False,
)


async def _calling_key(
    connection: HTTPConnection,
    _name: Annotated[str | None, Security(_key_name)],
    _time: Annotated[str | None, Security(_signed_at)],
    _signed: Annotated[str | None, Security(_signature)],
) -> KnownKey:
    if key := admitted_key(connection.scope):
        return key
    raise SignatureMissingError


CallingKey = Annotated[KnownKey, Depends(_calling_key)]


async def _counted(body: Credentials, services: ServicesDep) -> Credentials:
    await services.rates.count_log_in_to(body.email)
    return body


# An attempt to log in counts, for the account that it names.
CountedCredentials = Annotated[Credentials, Depends(_counted)]


async def count_password_check(user: CurrentUser, services: ServicesDep) -> None:
    """Count a check of the caller's password like an attempt to log in; for a route's `dependencies`.

    Whoever has a stolen access token must not find the password out by trying.
    """
    await services.rates.count_log_in_to(user.email)


class HandshakeCookie:
    """The cookie in which a browser keeps the handshake of its social log-in."""

    _NAME = "social_handshake"
    _PATH = "/api/v1/auth"

    def __init__(self, request: Request, response: Response, *, secure: bool) -> None:
        self._response, self._secure = response, secure
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


async def _handshake_cookie(request: Request, response: Response, services: ServicesDep) -> HandshakeCookie:
    return HandshakeCookie(request, response, secure=services.secure_cookies or services.providers.over_https)


HandshakeCookieDep = Annotated[HandshakeCookie, Depends(_handshake_cookie)]


async def _offered(sns_type: Annotated[SnsType, Path(examples=["email"])], services: ServicesDep) -> SnsType:
    check_by_password(sns_type, services.providers)
    return sns_type


# Asked before the body is looked at: a caller of a way that is not offered yet cannot know what to send.
OfferedSnsType = Annotated[SnsType, Depends(_offered)]


async def may_read_metrics(
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    services: ServicesDep,
) -> None:
    """Pass when the token is that of METRICS_TOKEN; without that setting nobody passes.

    Raises:
        MetricsRefusedError: It is not.
    """
    token = services.metrics_token.get_secret_value() if services.metrics_token else ""
    sent = credentials.credentials if credentials else ""
    if not token or not hmac.compare_digest(token.encode(), sent.encode()):
        raise MetricsRefusedError


# Of the caller's own choice; the same key again means the same request again.
IdempotencyKey = Annotated[
    str | None,
    Header(min_length=1, max_length=255, pattern=r"^[!-~]+$", description="Makes repeating this request harmless."),
]
