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
from notification.security.tokens import Tokens
from notification.security.vault import Vault
from notification.social.providers import Provider, Providers
from notification.use_cases.accounts import who_is
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


def _services(connection: HTTPConnection) -> Services:
    services: Services = connection.app.state.services
    return services


def _passwords(services: Annotated[Services, Depends(_services)]) -> Passwords:
    return services.passwords


def _tokens(services: Annotated[Services, Depends(_services)]) -> Tokens:
    return services.tokens


def _vault(services: Annotated[Services, Depends(_services)]) -> Vault:
    return services.vault


def _known_keys(services: Annotated[Services, Depends(_services)]) -> KnownKeys:
    return services.known_keys


def _handshakes(services: Annotated[Services, Depends(_services)]) -> Handshakes:
    return services.handshakes


def _providers(services: Annotated[Services, Depends(_services)]) -> Providers:
    return services.providers


ProviderName = Annotated[SnsType, Path(examples=["google"])]


def _provider(provider: ProviderName, providers: Annotated[Providers, Depends(_providers)]) -> Provider:
    return providers.of(provider)


def _readiness(services: Annotated[Services, Depends(_services)]) -> Readiness:
    return services.readiness


def _parts(services: Annotated[Services, Depends(_services)]) -> Readiness:
    return services.parts


def _status_page(services: Annotated[Services, Depends(_services)]) -> StatusPage:
    return services.status_page


def _metrics(services: Annotated[Services, Depends(_services)]) -> Metrics:
    return services.metrics


def _dispatch(services: Annotated[Services, Depends(_services)]) -> Dispatch:
    return services.dispatch


PasswordsDep = Annotated[Passwords, Depends(_passwords)]
TokensDep = Annotated[Tokens, Depends(_tokens)]
VaultDep = Annotated[Vault, Depends(_vault)]
KnownKeysDep = Annotated[KnownKeys, Depends(_known_keys)]
HandshakesDep = Annotated[Handshakes, Depends(_handshakes)]
ProviderDep = Annotated[Provider, Depends(_provider)]
ReadinessDep = Annotated[Readiness, Depends(_readiness)]
PartsDep = Annotated[Readiness, Depends(_parts)]
MetricsDep = Annotated[Metrics, Depends(_metrics)]
StatusPageDep = Annotated[StatusPage, Depends(_status_page)]
DispatchDep = Annotated[Dispatch, Depends(_dispatch)]


def not_to_be_stored(response: Response) -> None:
    """Tell browsers and caches to keep no copy: the answer contains tokens (RFC 6749, 5.1)."""
    response.headers["Cache-Control"] = "no-store"


_bearer = HTTPBearer(auto_error=False, bearerFormat="JWT", description="The access token of a log-in.")


async def _current_user(
    connection: HTTPConnection,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    tokens: TokensDep,
) -> Users:
    if user := admitted_user(connection.scope):
        return user
    if credentials is None:
        raise NotAuthenticatedError
    return await who_is(credentials.credentials, tokens)


CurrentUser = Annotated[Users, Depends(_current_user)]

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


def _calling_key(
    connection: HTTPConnection,
    _name: Annotated[str | None, Security(_key_name)],
    _time: Annotated[str | None, Security(_signed_at)],
    _signed: Annotated[str | None, Security(_signature)],
) -> KnownKey:
    if key := admitted_key(connection.scope):
        return key
    raise SignatureMissingError


CallingKey = Annotated[KnownKey, Depends(_calling_key)]


async def count_log_in(body: Credentials, services: Annotated[Services, Depends(_services)]) -> None:
    """Count an attempt to log in to the account; for a route's `dependencies`."""
    await services.rates.count_log_in_to(body.email)


async def count_password_check(user: CurrentUser, services: Annotated[Services, Depends(_services)]) -> None:
    """Count a check of the caller's password like an attempt to log in; for a route's `dependencies`.

    Whoever has a stolen access token must not find the password out by trying.
    """
    await services.rates.count_log_in_to(user.email)


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


def _offered(
    sns_type: Annotated[SnsType, Path(examples=["email"])], providers: Annotated[Providers, Depends(_providers)]
) -> SnsType:
    check_by_password(sns_type, providers)
    return sns_type


# Asked before the body is looked at: a caller of a way that is not offered yet cannot know what to send.
OfferedSnsType = Annotated[SnsType, Depends(_offered)]


def may_read_metrics(
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    services: Annotated[Services, Depends(_services)],
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
