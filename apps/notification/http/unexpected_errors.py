"""Answers for the unexpected."""

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from activerow.fastapi import problem_response


class UnexpectedErrors:
    """Answers an error that no handler knows, inside of CORS, so that a browser may read the answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

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
            await problem_response(HTTPConnection(scope), error)(scope, receive, send)
