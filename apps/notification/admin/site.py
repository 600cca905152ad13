"""The admin pages as an application under `/admin`: sessions, headers, and errors without details."""

import hashlib
import hmac
from pathlib import Path
from typing import Final

from fastapi import FastAPI
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette_admin.base import BaseAdmin
from starlette_admin.i18n import TimezoneConfig

from activerow import Database
from activerow.errors import ActiveRowError, UnavailableError
from notification.admin.login import AdminLogin
from notification.admin.overview import Overview
from notification.admin.same_origin import SameOrigin
from notification.admin.views import all_views
from notification.deps import Services
from notification.errors import RateLimitedError
from notification.http.problems import note
from notification.settings import Settings

PATH: Final = "/admin"
_FOLDER: Final = Path(__file__).parent
_HOURS: Final = 8
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; font-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class _Surroundings:
    """Gives each request a session to read with, and each page headers that keep it out of caches and frames."""

    def __init__(self, app: ASGIApp, *, database: Database) -> None:
        self.app, self.database = app, database

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. Nothing is written through the session: actions are use cases with their own units."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        static = scope["path"].startswith(f"{PATH}/static/")

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start" and not static:
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        async with AsyncSession(self.database.engine, expire_on_commit=False) as session:
            scope.setdefault("state", {})["session"] = session
            await self.app(scope, receive, send_with_headers)


class _Site(BaseAdmin):
    """The pages, whose errors are pages too."""

    async def on_database_error(self, request: Request, error: Exception) -> Response:
        """Answer what the database refused, without its words."""
        note(error)
        gone = isinstance(error, OperationalError | InterfaceError | PoolTimeoutError | UnavailableError)
        # Otherwise what was asked for is at fault, not the service: asyncpg refuses a number that is too large.
        detail = "The database does not answer now." if gone else "This cannot be looked up."
        return await self._render_error(request, HTTPException(503 if gone else 400, detail))

    async def on_rate_limited(self, request: Request, error: Exception) -> Response:
        """Answer one attempt too many to log in."""
        if not isinstance(error, RateLimitedError):
            raise error
        headers = {"Retry-After": str(error.retry_after)}
        return self.templates.TemplateResponse(request, "login.html", {"error": str(error)}, 429, headers)


def mount_admin(app: FastAPI, database: Database, settings: Settings, services: Services) -> None:
    """Put the admin pages under `/admin` of the application."""
    secret = _derived(settings.jwt_secret.get_secret_value(), "admin pages")
    session = Middleware(
        SessionMiddleware,
        secret_key=secret,
        session_cookie="admin_session",
        max_age=_HOURS * 3600,
        path=PATH,
        same_site="strict",
        https_only=settings.is_on_the_internet,
    )
    admin = _Site(
        title="Notification API",
        base_url=PATH,
        templates_dir=str(_FOLDER / "templates"),
        static_dir=str(_FOLDER / "static"),
        auth_provider=AdminLogin(services.passwords, services.rates, secret.encode()),
        secret_key=secret,
        index_view=Overview(),
        # Moments are shown in UTC, and say so.
        timezone_config=TimezoneConfig(timezone_cookie_name=None, use_user_locale_timezone=False),
        middlewares=[Middleware(_Surroundings, database=database), Middleware(SameOrigin), session],
    )
    for view in all_views(services.known_keys):
        admin.add_view(view)
    admin.mount_to(app)
    for kind in (SQLAlchemyError, ActiveRowError, OverflowError):  # the last from SQLite's driver, of large numbers
        admin.app.add_exception_handler(kind, admin.on_database_error)
    admin.app.add_exception_handler(RateLimitedError, admin.on_rate_limited)


def _derived(secret: str, purpose: str) -> str:
    """A secret of its own for each purpose, so that what one signs means nothing to another."""
    return hmac.new(secret.encode(), purpose.encode(), hashlib.sha256).hexdigest()
