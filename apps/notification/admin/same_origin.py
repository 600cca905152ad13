"""Requests that change something come from the admin pages themselves."""

from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class SameOrigin:
    """Refuses what another site, or another host of this one, had a browser send.

    The pages' token alone does not: who can set cookies for the domain can bring a token along.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and scope["method"] not in _READING and _is_foreign(Headers(scope=scope)):
            await PlainTextResponse("This was not sent by a page of this site.", 403)(scope, receive, send)
        else:
            await self.app(scope, receive, send)


def _is_foreign(headers: Headers) -> bool:
    """By what browsers say of a request and scripts cannot change; what is no browser holds nobody's cookie."""
    if headers.get("sec-fetch-site", "same-origin") != "same-origin":
        return True
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != headers.get("host")
