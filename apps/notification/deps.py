"""What routes are handed: the caller, and the services that `create_app` made."""

import hmac
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import SecretStr
from starlette.requests import HTTPConnection

from notification.errors import MetricsRefusedError, NotAuthenticatedError
from notification.metrics import Metrics
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
    metrics: Metrics
    metrics_token: SecretStr | None


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


def _metrics(services: Annotated[Services, Depends(_services)]) -> Metrics:
    return services.metrics


PasswordsDep = Annotated[Passwords, Depends(_passwords)]
TokensDep = Annotated[Tokens, Depends(_tokens)]
ReadinessDep = Annotated[Readiness, Depends(_readiness)]
PartsDep = Annotated[Readiness, Depends(_parts)]
MetricsDep = Annotated[Metrics, Depends(_metrics)]
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
