"""Where a request comes from, seen through the proxies that are trusted."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from notification.networks import Address, Network, address_of, contains

_PORT: Final = re.compile(r"(?:\[([^\]]*)\]|([^:]*))(?::[0-9]{1,5})?", re.ASCII)
_FOR: Final = re.compile(r"(?:^|;)\s*for\s*=\s*(\"[^\"]*\"|[^;\s]*)", re.ASCII | re.IGNORECASE)


class ClientAddress:
    """Makes `scope["client"]` the client's own address, and `scope["scheme"]` the one it used."""

    def __init__(self, app: ASGIApp, *, trusted: Sequence[Network]) -> None:
        self.app, self.trusted = app, trusted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        peer = client_of(scope)
        if scope["type"] in {"http", "websocket"} and peer is not None:
            headers, port = Headers(scope=scope), scope["client"][1]
            client = client_address(peer, headers, self.trusted)
            scope["client"] = (str(client), port)
            if contains(self.trusted, peer) and (scheme := _scheme(headers)):
                scope["scheme"] = scheme if scope["type"] == "http" else {"http": "ws", "https": "wss"}[scheme]
        await self.app(scope, receive, send)


def client_of(scope: Scope) -> Address | None:
    """The address in `scope["client"]`."""
    return address_of(str(scope["client"][0])) if scope.get("client") else None


def client_address(peer: Address, headers: Headers, trusted: Sequence[Network]) -> Address:
    """The address of the client behind trusted proxies; what others say about themselves is not believed.

    A proxy writes one of `X-Forwarded-For` and `Forwarded`, and may pass on the other as a client invented it: where
    both are there and differ, the proxy is taken for the client.
    """
    if not contains(trusted, peer):
        return peer
    seen = {
        _nearest(peer, addresses, trusted)
        for addresses in (_x_forwarded_for(headers), _forwarded(headers))
        if addresses is not None
    }
    return seen.pop() if len(seen) == 1 else peer


def _nearest(peer: Address, chain: Sequence[Address | None], trusted: Sequence[Network]) -> Address:
    """From the right, the first address that is no trusted proxy's; the last one known where something else stands."""
    known = peer
    for address in reversed(chain):
        if address is None:
            break
        known = address
        if not contains(trusted, address):
            break
    return known


def _x_forwarded_for(headers: Headers) -> list[Address | None] | None:
    values = headers.getlist("x-forwarded-for")
    return [_address(part.strip()) for part in ",".join(values).split(",")] if values else None


def _forwarded(headers: Headers) -> list[Address | None] | None:
    values = headers.getlist("forwarded")
    return list(_for_parts(",".join(values))) if values else None


def _for_parts(value: str) -> Iterator[Address | None]:
    for element in value.split(","):
        found = _FOR.findall(element)
        yield _address(found[0].strip('"')) if len(found) == 1 else None


def _address(text: str) -> Address | None:
    """The address, which may have a port: `192.0.2.7:80`, `[2001:db8::7]:80`."""
    if address := address_of(text):
        return address
    found = _PORT.fullmatch(text)
    return address_of(found[1] or found[2] or "") if found else None


def _scheme(headers: Headers) -> str | None:
    values = headers.getlist("x-forwarded-proto")
    scheme = values[0].strip().lower() if len(values) == 1 else None
    return scheme if scheme in {"http", "https"} else None
