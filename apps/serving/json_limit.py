"""How much JSON a request's body may hold: whoever reads it makes an object, and perhaps an error, of each value."""

import json
from collections.abc import Callable, Iterable
from typing import Any, Final, cast

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from activerow.fastapi import problem_response

MOST_VALUES: Final = 2_000
DEEPEST: Final = 32


class JsonLimit:
    """Refuses JSON of more than `values` values, or nested deeper than `depth`, before anybody looks at what it says.

    It stands inside of `BodyLimit`, for it holds the body in memory. What is not JSON is left to others. `refusal`
    makes the error that is answered, by the application's table of problems.
    """

    def __init__(
        self, app: ASGIApp, *, refusal: Callable[[], Exception], values: int = MOST_VALUES, depth: int = DEEPEST
    ) -> None:
        self.app, self.refusal, self.values, self.depth = app, refusal, values, depth

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or "json" not in Headers(scope=scope).get("content-type", "json").lower():
            await self.app(scope, receive, send)
            return
        try:
            body = await Request(scope, receive).body()
        except ClientDisconnect:
            return
        if self._is_too_much(body):
            await problem_response(HTTPConnection(scope), self.refusal())(scope, receive, send)
        else:
            await self.app(scope, _again(body, receive), send)

    def _is_too_much(self, body: bytes) -> bool:
        # Each value but the first has a comma or a bracket before it; so most bodies are not read twice.
        brackets = body.count(b"[") + body.count(b"{")
        if brackets <= self.depth and brackets + body.count(b",") < self.values:
            return False
        try:
            return self._exceeds(json.loads(body))
        except (ValueError, RecursionError):
            return False  # nobody can read it, as will be said

    def _exceeds(self, document: object) -> bool:
        level, count = [document], 0
        for _ in range(self.depth + 1):
            count += len(level)
            level = [inner for value in level for inner in _inner(value)]
            if not level or count > self.values:
                return count > self.values
        return True


def _inner(value: object) -> list[Any]:
    if isinstance(value, dict):
        return list(cast("dict[str, Any]", value).values())
    return list(cast("Iterable[Any]", value)) if isinstance(value, list) else []


def _again(body: bytes, receive: Receive) -> Receive:
    """Receives the body that was read, and then what else comes."""
    handed_on = False

    async def receive_body() -> Message:
        nonlocal handed_on
        if handed_on:
            return await receive()
        handed_on = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_body
