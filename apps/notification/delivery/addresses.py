"""Which addresses of others the service connects to: public ones, and nothing inside its own network.

A URL that a user sends is a way to make the service call for that user, from inside: databases without a password,
cloud metadata, admin pages. So a name is resolved once, every address of it is checked, and the connection goes to
the checked address; a name that changes its mind in between gains nothing.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

import httpx

from notification.errors import WebhookRefusedError

Lookup = Callable[[str, int], Awaitable[Sequence[str]]]

_PORTS: Final = frozenset({80, 443, *range(8000, 9000)})
_MOST_CHARACTERS: Final = 2000
# Public by the letter of the standard library, but not somebody's server: they lead on to other networks.
_SPECIAL_V4: Final = (IPv4Network("192.0.0.0/24"), IPv4Network("192.88.99.0/24"))
_SPECIAL_V6: Final = (IPv6Network("2001::/23"), IPv6Network("2002::/16"), IPv6Network("3fff::/20"))
_UNICAST_V6: Final = IPv6Network("2000::/3")


def check_url(url: str, *, allow_private: bool = False) -> httpx.URL:
    """The URL, when it is one that may be called as far as can be seen without asking the DNS.

    Raises:
        WebhookRefusedError: It is not; the error says why.
    """
    if len(url) > _MOST_CHARACTERS or not url.isprintable() or any(letter in url for letter in " \\"):
        raise WebhookRefusedError("The URL of the webhook is too long or has characters that a URL cannot have.")
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError) as error:
        raise WebhookRefusedError("The URL of the webhook is not a URL.") from error
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise WebhookRefusedError("The URL of the webhook must begin with https:// or http:// and a host.")
    if parsed.userinfo:
        raise WebhookRefusedError("The URL of the webhook must not contain a user or password.")
    if not allow_private:
        _check_host(parsed)
    return parsed.copy_with(fragment=None)


def _check_host(url: httpx.URL) -> None:
    port = (443 if url.scheme == "https" else 80) if url.port is None else url.port
    if port not in _PORTS:
        raise WebhookRefusedError("The port of the webhook must be 80, 443 or one from 8000 to 8999.")
    if (address := _literal(url.host)) and not is_public(address):
        raise WebhookRefusedError("The webhook must have a public address.")


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    """The address that a host is written as; None for a name.

    Raises:
        WebhookRefusedError: It is a number in disguise, such as 2130706433, 0x7f.1 or 0177.0.0.1.
    """
    try:
        return ip_address(host)
    except ValueError:
        last = host.rstrip(".").rpartition(".")[2].lower()
        # What ends in a number is an address to resolvers, whatever stands before it; no top-level domain does.
        if ":" in host or last.isdigit() or last.startswith("0x") or not last:
            raise WebhookRefusedError("The address of the webhook is written in an unusual way.") from None
        return None


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address belongs to the public internet and to one machine there."""
    if isinstance(address, IPv4Address):
        return address.is_global and not (
            address.is_multicast or address.is_reserved or any(address in special for special in _SPECIAL_V4)
        )
    # IPv4 in disguise (mapped, translated, tunnelled) lies outside of 2000::/3 or in the special networks.
    return address.is_global and address in _UNICAST_V6 and not any(address in special for special in _SPECIAL_V6)


async def look_up(host: str, port: int) -> Sequence[str]:
    """The addresses of a host, by the system's resolver."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


class GuardedTransport(httpx.AsyncBaseTransport):
    """Sends requests only to addresses that are allowed, each looked up once, checked and then connected to."""

    def __init__(self, inner: httpx.AsyncBaseTransport, lookup: Lookup = look_up, *, allow_private: bool) -> None:
        self._inner, self._lookup, self._allow_private = inner, lookup, allow_private

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request to the checked address; `Host` and the name in TLS stay those of the URL.

        Raises:
            WebhookRefusedError: The URL, or one of its addresses, is not allowed.
            httpx.ConnectError: The name has no address.
        """
        check_url(str(request.url), allow_private=self._allow_private)
        host = request.url.raw_host.decode("ascii")
        try:
            found = await self._lookup(host, request.url.port or 0)
        except (OSError, UnicodeError) as error:
            raise httpx.ConnectError("the name has no address", request=request) from error
        if not found:
            raise httpx.ConnectError("the name has no address", request=request)
        if not self._allow_private and not all(is_public(ip_address(address)) for address in found):
            raise WebhookRefusedError("The webhook must have a public address.")
        request.extensions = {**request.extensions, "sni_hostname": host}
        request.url = request.url.copy_with(host=found[0])
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        """Close what the connections need."""
        await self._inner.aclose()
