"""Webhooks: a JSON text, posted to the address that the caller named."""

import ssl
from collections.abc import Mapping
from functools import cached_property

import httpx

from notification.delivery.addresses import GuardedTransport, Lookup, check_url, look_up
from notification.delivery.failures import TryAgainError, UndeliverableError, check_status
from notification.errors import WebhookRefusedError
from notification.models import Notifications


class Webhooks:
    """Posts `{"text": ...}` as chat services take it.

    No redirect is followed, no proxy is asked, and of the answer only its status and headers are read.
    """

    def __init__(
        self,
        timeout: float,
        *,
        allow_private: bool = False,
        lookup: Lookup = look_up,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._timeout, self.allow_private, self._lookup, self._tls = timeout, allow_private, lookup, tls

    def check(self, url: str) -> None:
        """Pass when the URL may be called, as far as can be seen without asking the DNS.

        Raises:
            WebhookRefusedError: It may not.
        """
        check_url(url, allow_private=self.allow_private)

    async def send(self, notification: Notifications) -> None:
        """Post the text.

        Raises:
            TryAgainError: The other side cannot be reached, or says "not now".
            UndeliverableError: It refuses, or it is none that may be called.
        """
        payload: Mapping[str, str] = notification.payload
        content = {"text": payload["text"]}
        headers = {"Idempotency-Key": f"notification-{notification.id}"}
        try:
            # The body of the answer is not asked for; leaving the block closes the connection.
            async with self._client.stream("POST", payload["url"], json=content, headers=headers) as answer:
                check_status("the webhook", answer.status_code, answer.headers)
        except WebhookRefusedError as error:
            raise UndeliverableError("the address of the webhook is not allowed") from error
        except httpx.TimeoutException as error:
            raise TryAgainError("the webhook did not answer in time") from error
        except (httpx.TransportError, httpx.InvalidURL, ssl.SSLError) as error:
            raise TryAgainError("the connection to the webhook failed") from error

    async def aclose(self) -> None:
        """Close what is open."""
        if "_client" in vars(self):
            await self._client.aclose()

    @cached_property
    def _client(self) -> httpx.AsyncClient:
        # No connection is kept: one that was opened for a name must not serve another name at the same address.
        limits = httpx.Limits(max_keepalive_connections=0)
        inner = httpx.AsyncHTTPTransport(verify=self._tls or True, trust_env=False, limits=limits)
        transport = GuardedTransport(inner, self._lookup, allow_private=self.allow_private)
        return httpx.AsyncClient(
            transport=transport,
            timeout=self._timeout,
            trust_env=False,
            follow_redirects=False,
            headers={"User-Agent": "notification-api"},
        )
