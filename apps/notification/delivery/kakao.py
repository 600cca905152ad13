"""Kakao messages: handed to the HTTP service of a sender that the installation has a contract with."""

from functools import cached_property
from http import HTTPStatus

import httpx

from notification.delivery.failures import TryAgainError, check_status
from notification.models import Notifications

_OUR_FAULT = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


class Kakao:
    """Posts messages as JSON to one URL, with the installation's key."""

    def __init__(self, url: str, key: str, timeout: float) -> None:
        self._url, self._key, self._timeout = url, key, timeout

    async def send(self, notification: Notifications) -> None:
        """Post the message.

        Raises:
            TryAgainError: The service cannot be reached, says "not now" or does not accept our key.
            UndeliverableError: It refuses the message.
        """
        headers = {"Idempotency-Key": f"notification-{notification.id}"}
        try:
            async with self._client.stream("POST", self._url, json=notification.payload, headers=headers) as answer:
                if answer.status_code in _OUR_FAULT:
                    raise TryAgainError(f"the Kakao service did not accept this installation ({answer.status_code})")
                check_status("the Kakao service", answer.status_code, answer.headers)
        except httpx.TimeoutException as error:
            raise TryAgainError("the Kakao service did not answer in time") from error
        except httpx.TransportError as error:
            raise TryAgainError("the connection to the Kakao service failed") from error

    async def aclose(self) -> None:
        """Close what is open."""
        if "_client" in vars(self):
            await self._client.aclose()

    @cached_property
    def _client(self) -> httpx.AsyncClient:
        authorization = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        return httpx.AsyncClient(timeout=self._timeout, follow_redirects=False, headers=authorization)
