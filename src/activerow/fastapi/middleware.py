"""The innermost middleware: every request has its scope, and no answer leaves before the work in it is settled."""

import logging
import sys
from contextlib import AsyncExitStack
from functools import partial
from types import TracebackType
from typing import cast

import anyio
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from activerow.database import Database
from activerow.database.execution import RequestScope
from activerow.database.unit import current_task
from activerow.errors import ActiveRowError, PendingWorkError, ScopeClosedError, UsageError
from activerow.errors.call_site import CallSite
from activerow.fastapi.dependency import gives_session
from activerow.fastapi.endpoint import label_of, refusal, site_of_endpoint
from activerow.fastapi.handlers import logger
from activerow.fastapi.installation import Installation, entering, has_entered


class _AnswerReplaced(BaseException):
    """Ends an endpoint whose answer was replaced: its body and its background tasks must not run.

    Not an `Exception`: FastAPI and Starlette would take it for an error of the endpoint after its answer had begun.
    """


class RequestMiddleware:
    """Gives each request a scope for one database, and ends what is open in it before the answer leaves."""

    def __init__(self, app: ASGIApp, *, database: Database, installation: Installation) -> None:
        self.app = app
        self.database = database
        self.installation = installation
        installation.adopt_mounted()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection; one that has a scope for this database already passes."""
        if scope["type"] not in ("http", "websocket") or has_entered(scope, self.database):
            await self.app(scope, receive, send)
            return
        exchange = _Exchange(self.database, self.installation, scope, receive, send)
        with entering(scope, self.database, self.installation):
            await exchange.run(self.app)


class _Exchange:
    """One request and its answer."""

    def __init__(
        self, database: Database, installation: Installation, scope: Scope, receive: Receive, send: Send
    ) -> None:
        self.database = database
        self.handlers = installation.handlers
        self.scope, self.receive, self.send = scope, receive, send
        self.request_scope = RequestScope(self._label, on_open=self._on_open, admit=self._admit, site=self._site)
        self._routes = installation.app.routes
        self._route_label: str | None = None
        self.started = False
        self.replaced: _AnswerReplaced | None = None
        self.reported: ActiveRowError | None = None
        self.handled_outside = sys.exception()

    async def run(self, app: ASGIApp) -> None:
        """Run the application; whatever is open when it ends is rolled back, and an error goes on."""
        self.database.enter_request(self.request_scope)
        try:
            await app(self.scope, self.receive, self._on_send)
        except BaseException as error:
            rest = self._without_replaced(error)
            await self._close(rest)
            if rest is error:
                raise
            if rest is not None:
                raise rest from rest.__cause__
        else:
            await self._close(None)
        finally:
            self.database.leave_request(self.request_scope)

    def _label(self) -> str:
        """Method and route; asked again until the router has found it."""
        if self._route_label is None:
            self._route_label = label_of(self.scope, self._routes)
        return self._route_label or f"{self.scope.get('method', 'WEBSOCKET')} without a route"

    def _site(self) -> CallSite | None:
        return site_of_endpoint(self.scope)

    def _admit(self) -> None:
        """Called before the request's unit opens; refuses where none may."""
        if self.started:
            raise ScopeClosedError(current_task().get_name(), self.request_scope.label)
        reason = refusal(self.scope, partial(gives_session, database=self.database))
        if reason is not None:
            raise UsageError(f"Depends(db.session) in {self.request_scope.label}: {reason}")

    def _on_open(self) -> None:
        """End the unit where FastAPI leaves the endpoint: a commit that fails there is answered like any error."""
        stack = self.scope.get("fastapi_function_astack")
        if isinstance(stack, AsyncExitStack):
            stack.push_async_exit(self._on_endpoint_exit)

    async def _on_endpoint_exit(
        self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None
    ) -> None:
        await self._end(error)

    async def _on_send(self, message: Message) -> None:
        """Settle the work before an answer begins; where work was lost, answer that instead and end the endpoint."""
        if self.replaced is not None:
            return
        if message["type"] != "http.response.start" or self.started:
            await self.send(message)
            return
        self.started = True
        error = await self._settle(message["status"])
        if error is None:
            await self.send(message)
            return
        self.replaced = _AnswerReplaced()
        response = await self.handlers.answer(Request(self.scope, self.receive), error)
        await response(self.scope, self.receive, self.send)
        raise self.replaced

    async def _settle(self, status: int) -> ActiveRowError | None:
        """End what is open; the error to answer instead of `status`, if any."""
        # Starlette sends the answer to an exception while it handles that exception.
        handled = sys.exception()
        try:
            await self._end(None if handled is self.handled_outside else handled)
        except ActiveRowError as error:
            return error
        self.reported = self.request_scope.verdict
        if self.reported is None or status < 400:
            return self.reported
        level = logging.WARNING if isinstance(self.reported, PendingWorkError) else logging.INFO
        logger.log(level, "%s answered %d, and its work is undone: %s", self.request_scope.label, status, self.reported)
        return None

    async def _end(self, error: BaseException | None) -> None:
        # A cancelled scope of anyio would cancel again at every await in here.
        with anyio.CancelScope(shield=True):
            await self.request_scope.end(error)

    async def _close(self, error: BaseException | None) -> None:
        """End what was opened after the answer; nobody but the log can be told about it."""
        try:
            with anyio.CancelScope(shield=True):
                await self.request_scope.close(error)
        except ActiveRowError as failed:
            self.handlers.log(self.scope, failed)
        verdict = self.request_scope.verdict
        if verdict is not None and verdict is not self.reported:
            self.handlers.log(self.scope, verdict)

    def _without_replaced(self, error: BaseException) -> BaseException | None:
        """`error` without the exception that only ended the endpoint."""
        if error is self.replaced:
            return None
        if self.replaced is not None and isinstance(error, BaseExceptionGroup):
            group = cast("BaseExceptionGroup[BaseException]", error)
            return group.split(lambda each: each is self.replaced)[1]
        return error
