"""Ids and log lines for requests.

It is plain ASGI, as all middleware here, so that a request is one task from end to end.
"""

import re
import time
from collections.abc import Callable
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.routing import Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from notification.http.problems import note
from notification.ops.logs import log_request
from notification.ops.request_context import RequestRecord, enter_request

REQUEST_ID_HEADER = "X-Request-ID"
_SAFE_ID = re.compile(r"[\w.:-]{1,64}", re.ASCII)


class RequestLog:
    """Gives every request an id, the caller's where it sent a sane one, and writes one line when it is answered."""

    def __init__(self, app: ASGIApp, *, observe: Callable[[RequestRecord, float], None]) -> None:
        self.app, self.observe = app, observe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        record = RequestRecord(_request_id(scope), scope["method"], scope["path"], client=_client(scope))
        outer_root = scope.get("root_path", "")

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                record.status = message["status"]
                MutableHeaders(scope=message)[REQUEST_ID_HEADER] = record.id
            await send(message)

        enter_request(record)
        started = time.perf_counter()
        try:
            await self.app(scope, receive, send_with_id)
        except Exception as error:
            note(error)
            raise
        finally:
            record.template = _template(scope, outer_root)
            seconds = time.perf_counter() - started
            log_request(record, seconds * 1000)
            self.observe(record, seconds)
            enter_request(None)


def _client(scope: Scope) -> str | None:
    """The address that the request came from."""
    client: tuple[str, int] | None = scope.get("client")
    return client[0] if client else None


def _template(scope: Scope, outer_root: str) -> str | None:
    """The path of the route that was found, with what mounted applications stand under in front."""
    route = scope.get("route")
    path: str | None = getattr(route, "path_format", None)
    if path is None:
        return None
    root: str = scope.get("root_path", "").removeprefix(outer_root)
    return f"{root}/{{path}}" if isinstance(route, Mount) else root + path  # a mount's own path is in the root


def _request_id(scope: Scope) -> str:
    sent = Headers(scope=scope).get(REQUEST_ID_HEADER, "")
    return sent if _SAFE_ID.fullmatch(sent) else uuid4().hex
