"""Redirects lead to the service itself, and name no host."""

import re
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Scheme and host; and all slashes after it but one, since two at the front would make a host of what follows.
_HOST: Final = re.compile(r"\A(?:[a-z]+:)?//[^/?#]*/*", re.IGNORECASE)


class OwnRedirects:
    """Takes the host off every redirect.

    It is what the caller wrote into `Host`: nothing to send a browser to, or to keep in a cache for others.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def send_without_host(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if location := headers.get("location"):
                    headers["location"] = _HOST.sub("/", location)
            await send(message)

        await self.app(scope, receive, send_without_host)
