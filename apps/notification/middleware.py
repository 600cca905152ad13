"""What stands around the routes: ids and log lines for requests, answers for the unexpected, host names.

All of it is plain ASGI, so that a request is one task from end to end.
"""

import re
import time
from collections.abc import Callable, Sequence
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.routing import Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from notification.logs import log_request
from notification.problems import UNTRUSTED_HOST, Problems, note
from notification.request_context import RequestRecord, enter_request

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


class UnexpectedErrors:
    """Answers an error that no handler knows, inside of CORS, so that a browser may read the answer."""

    def __init__(self, app: ASGIApp, *, problems: Problems) -> None:
        self.app, self.problems = app, problems

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; an answer that has begun cannot be replaced, so its error goes on to the server."""
        started = False

        async def noting_send(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, noting_send)
        except Exception as error:
            if started or scope["type"] != "http":
                raise
            await self.problems.unexpected(error)(scope, receive, send)


class TrustedHosts:
    """Refuses requests for other host names. Starlette decides; the answer is a problem like all others."""

    def __init__(self, app: ASGIApp, *, hosts: Sequence[str], problems: Problems) -> None:
        self.app, self.problems = app, problems
        self.hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        admitted = scope["type"] == "lifespan"

        async def admit(*_: object) -> None:
            nonlocal admitted
            admitted = True

        async def unsent(_: Message) -> None:
            """Drop Starlette's own answer."""

        await TrustedHostMiddleware(admit, self.hosts, www_redirect=False)(scope, receive, unsent)
        refusal = self.problems.response(self.problems.document(UNTRUSTED_HOST))
        await (self.app if admitted else refusal)(scope, receive, send)
