"""How long a request's body may be."""

import sys
from collections.abc import Callable
from typing import Final

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from activerow.fastapi import problem_response

_DIGITS: Final = 18  # of a length that fits; Python refuses to read thousands of them


class BodyLimit:
    """Refuses bodies of more than `limit` bytes: at once where the length is told, else as soon as it is reached.

    `refusal` makes the error that is answered, by the application's table of problems.
    """

    def __init__(self, app: ASGIApp, *, limit: int, refusal: Callable[[], Exception]) -> None:
        self.app, self.limit, self.refusal = app, limit, refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; nothing is read that would be too much."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if _told_length(scope) > self.limit:
            await self._refuse(scope, receive, send)
            return
        counted = _Counted(receive, send, self.limit, self.refusal)
        try:
            await self.app(scope, counted.receive, counted.send)
        except Exception:
            # The error may come back as another: anyio's task groups, under some middleware, wrap it.
            if counted.started or not counted.too_large:
                raise
        if counted.too_large and not counted.started:
            await self._refuse(scope, receive, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        await problem_response(HTTPConnection(scope), self.refusal())(scope, receive, send)


class _Counted:
    """Counts what is received; when it is too much, whatever the application answers to that is not sent."""

    def __init__(self, receive: Receive, send: Send, limit: int, refusal: Callable[[], Exception]) -> None:
        self._receive, self._send, self._left, self._refusal = receive, send, limit, refusal
        self.too_large = self.started = False

    async def receive(self) -> Message:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            self.too_large = True
            raise self._refusal()
        return message

    async def send(self, message: Message) -> None:
        if self.too_large and not self.started:
            return
        self.started = True
        await self._send(message)


def _told_length(scope: Scope) -> int:
    told = Headers(scope=scope).get("content-length", "")
    if not (told.isascii() and told.isdigit()):
        return 0
    return int(told) if len(told) <= _DIGITS else sys.maxsize
