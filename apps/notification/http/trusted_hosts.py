"""Which host names the service answers for."""

from collections.abc import Sequence

from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from notification.http.problems import UNTRUSTED_HOST, Problems


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
