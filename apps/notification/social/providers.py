"""The social providers: where they are, and how a code of theirs becomes the profile of a user."""

import asyncio
import logging
import re
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, Any, Final, Protocol, cast
from urllib.parse import urlsplit

import httpx2
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from pydantic import BaseModel, StringConstraints, ValidationError

from notification.errors import (
    ProviderFailedError,
    ProviderUnavailableError,
    SnsTypeNotOfferedError,
    SocialCodeInvalidError,
)
from notification.models import SnsType
from notification.security.handshakes import Handshake
from notification.settings import Settings
from notification.social.profiles import READERS, Profile

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where a provider asks its users, hands out tokens and tells about a user, and what of it we ask for."""

    authorize: str
    token: str
    profile: str
    scope: str

    def moved(self, base: str) -> "Endpoints":
        """The same paths at another server."""
        return Endpoints(_moved(self.authorize, base), _moved(self.token, base), _moved(self.profile, base), self.scope)


def _moved(url: str, base: str) -> str:
    parts = urlsplit(url)
    return base.rstrip("/") + parts.path + (f"?{parts.query}" if parts.query else "")


ENDPOINTS: Final[Mapping[SnsType, Endpoints]] = MappingProxyType(
    {
        SnsType.google: Endpoints(
            "https://accounts.google.com/o/oauth2/v2/auth",
            "https://oauth2.googleapis.com/token",
            "https://openidconnect.googleapis.com/v1/userinfo",
            "openid email profile",
        ),
        SnsType.kakao: Endpoints(
            "https://kauth.kakao.com/oauth/authorize",
            "https://kauth.kakao.com/oauth/token",
            "https://kapi.kakao.com/v2/user/me",
            "account_email profile_nickname",
        ),
        SnsType.facebook: Endpoints(
            "https://www.facebook.com/v21.0/dialog/oauth",
            "https://graph.facebook.com/v21.0/oauth/access_token",
            "https://graph.facebook.com/v21.0/me?fields=id,name,email",
            "email public_profile",
        ),
    }
)


class _Token(BaseModel):
    """Of a provider's token, what we need: text that can stand in a header."""

    access_token: Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,8192}$")]


class _Client(Protocol):
    """What we use of authlib's client, which has no types."""

    def create_authorization_url(self, url: str, state: str, code_verifier: str) -> tuple[str, str]: ...
    async def fetch_token(self, url: str, *, grant_type: str, code: str, code_verifier: str) -> object: ...
    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str], withhold_token: bool
    ) -> httpx2.Response: ...
    async def aclose(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider, and who we are to it."""

    sns_type: SnsType
    endpoints: Endpoints
    redirect_url: str
    seconds: float
    client_id: str
    client_secret: str = field(repr=False)
    tls: ssl.SSLContext = field(repr=False)

    def authorization_url(self, handshake: Handshake) -> str:
        """Where the user agrees."""
        client = self._client()
        url, _ = client.create_authorization_url(self.endpoints.authorize, handshake.state, handshake.verifier)
        return url

    async def profile(self, code: str, verifier: str) -> Profile:
        """The user to whom the provider gave this code.

        Raises:
            SocialCodeInvalidError: The provider did not give it, or not for this handshake, or it was used before.
            ProviderUnavailableError: It does not answer, or not in time.
            ProviderFailedError: It answers something else.
        """
        client = self._client()
        try:
            async with asyncio.timeout(self.seconds):
                token = await self._token(client, code, verifier)
                return await self._told(client, token)
        except (TimeoutError, httpx2.TransportError) as error:
            raise ProviderUnavailableError from error
        except (httpx2.HTTPError, ValidationError) as error:
            raise ProviderFailedError from error
        finally:
            await client.aclose()

    async def _token(self, client: _Client, code: str, verifier: str) -> str:
        try:
            said = await client.fetch_token(
                self.endpoints.token, grant_type="authorization_code", code=code, code_verifier=verifier
            )
        except AuthlibBaseError as error:
            raise self._refusal(error) from error
        except (ValueError, TypeError, RecursionError) as error:  # of an answer that authlib cannot read
            raise ProviderFailedError from error
        return _Token.model_validate(said).access_token

    async def _told(self, client: _Client, token: str) -> Profile:
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        answer = await client.request("GET", self.endpoints.profile, headers=headers, withhold_token=True)
        answer.raise_for_status()
        return READERS[self.sns_type](answer.content)

    def _refusal(self, error: AuthlibBaseError) -> SocialCodeInvalidError | ProviderFailedError:
        word = _word(cast("Any", error).error)
        if word in _CODE_INVALID:
            return SocialCodeInvalidError()
        _log.error("%s refused to give a token: %s", self.sns_type, word)
        return ProviderFailedError()

    def _client(self) -> _Client:
        made: Any = AsyncOAuth2Client(
            client_id=self.client_id,
            client_secret=self.client_secret,
            token_endpoint_auth_method="client_secret_post",  # noqa: S106  # all three know it, Kakao nothing else
            scope=self.endpoints.scope,
            redirect_uri=self.redirect_url,
            code_challenge_method="S256",
            timeout=self.seconds,
            verify=self.tls,
        )
        return cast("_Client", made)


# Facebook's errors are numbered; 100 is a parameter that is wrong, and only the code comes from outside.
_CODE_INVALID = frozenset({"invalid_grant", "100"})


def _word(said: object) -> str:
    """The provider's word for an error, if it is one that can be logged."""
    number = cast("Mapping[str, object]", said).get("code") if isinstance(said, dict) else said
    return str(number) if re.fullmatch(r"\w{1,40}", str(number), re.ASCII) else "something else"


class Providers:
    """Those that the settings name."""

    def __init__(self, providers: Iterable[Provider]) -> None:
        self._providers = {provider.sns_type: provider for provider in providers}

    def __contains__(self, sns_type: object) -> bool:
        return sns_type in self._providers

    @property
    def over_https(self) -> bool:
        """Whether users come back over HTTPS."""
        return any(provider.redirect_url.startswith("https:") for provider in self._providers.values())

    def of(self, sns_type: SnsType) -> Provider:
        """The provider of this type.

        Raises:
            SnsTypeNotOfferedError: The settings do not name it.
        """
        if sns_type not in self._providers:
            raise SnsTypeNotOfferedError
        return self._providers[sns_type]


def configured(settings: Settings) -> Providers:
    """The providers with a client id in the settings."""
    clients = {
        SnsType.google: (settings.google_client_id, settings.google_client_secret, settings.google_url),
        SnsType.kakao: (settings.kakao_client_id, settings.kakao_client_secret, settings.kakao_url),
        SnsType.facebook: (settings.facebook_client_id, settings.facebook_client_secret, settings.facebook_url),
    }
    return Providers(
        Provider(
            kind,
            ENDPOINTS[kind].moved(base) if base else ENDPOINTS[kind],
            settings.social_redirect_url.replace("{provider}", kind),
            settings.social_timeout,
            client_id,
            secret.get_secret_value(),
            httpx2.create_ssl_context(),
        )
        for kind, (client_id, secret, base) in clients.items()
        if client_id
    )
