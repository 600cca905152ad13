"""What routes are handed: the caller, and the services that `create_app` made."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Security
from fastapi.security import APIKeyHeader, APIKeyQuery, HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import HTTPConnection

from notification.access import admitted_key, admitted_user
from notification.errors import NotAuthenticatedError, SignatureMissingError
from notification.known_keys import KnownKey, KnownKeys
from notification.models import SnsType, Users
from notification.passwords import Passwords
from notification.rates import Rates
from notification.schemas import Credentials
from notification.tokens import Tokens
from notification.use_cases.accounts import check_offered, who_is
from notification.vault import Vault


@dataclass(frozen=True, slots=True)
class Services:
    """What lives as long as the application."""

    passwords: Passwords
    tokens: Tokens
    vault: Vault
    known_keys: KnownKeys
    rates: Rates


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


PasswordsDep = Annotated[Passwords, Depends(_passwords)]
TokensDep = Annotated[Tokens, Depends(_tokens)]
VaultDep = Annotated[Vault, Depends(_vault)]
KnownKeysDep = Annotated[KnownKeys, Depends(_known_keys)]

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
_key_name = APIKeyQuery(
    name="key", scheme_name="AccessKey", description="The access key; beside it `timestamp`.", auto_error=False
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
    _signed: Annotated[str | None, Security(_signature)],
) -> KnownKey:
    if key := admitted_key(connection.scope):
        return key
    raise SignatureMissingError


CallingKey = Annotated[KnownKey, Depends(_calling_key)]


async def count_log_in(body: Credentials, services: Annotated[Services, Depends(_services)]) -> None:
    """Count an attempt to log in to the account; for a route's `dependencies`."""
    await services.rates.count_log_in_to(body.email)


def _offered(sns_type: SnsType) -> SnsType:
    check_offered(sns_type)
    return sns_type


# Asked before the body is looked at: a caller of a way that is not offered yet cannot know what to send.
OfferedSnsType = Annotated[SnsType, Depends(_offered)]
