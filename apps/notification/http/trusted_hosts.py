"""Which host names the service answers for."""

from collections.abc import Sequence
from typing import Final

from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from activerow.fastapi import problem_response
from notification.errors import UntrustedHostError

_ADMITTED: Final = "notification.host_is_trusted"


class TrustedHosts:
    """Refuses requests for other host names. Starlette decides; the answer is a problem like all others."""

    def __init__(self, app: ASGIApp, *, hosts: Sequence[str]) -> None:
        self.app, self._ask = app, TrustedHostMiddleware(_admit, hosts, www_redirect=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        await self._ask(scope, receive, _drop)
        refused = not scope.pop(_ADMITTED, False)
        answer = problem_response(HTTPConnection(scope), UntrustedHostError()) if refused else self.app
        await answer(scope, receive, send)


async def _admit(scope: Scope, _: Receive, __: Send) -> None:
    scope[_ADMITTED] = True


async def _drop(_: Message) -> None:
    """Send nothing of Starlette's own answer."""
