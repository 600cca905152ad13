"""What browsers are told about answers: not to guess types, not to frame pages, where scripts may come from."""

from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# For answers that are no pages: nothing in them is to be run, loaded or framed.
_DATA: Final = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'"
_PAGE: Final = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; object-src 'none'; frame-ancestors 'none'; base-uri 'self'; form-action 'self'"
)
# Swagger UI and ReDoc come from where FastAPI has them from.
_DOCS: Final = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' https://cdn.jsdelivr.net; "
    "style-src 'self' 'unsafe-inline' https://cdn.jsdelivr.net https://fonts.googleapis.com; "
    "font-src https://fonts.gstatic.com; img-src 'self' data: https://fastapi.tiangolo.com https://cdn.redoc.ly; "
    "worker-src blob:; object-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
_DOCS_PATHS: Final = ("/docs", "/redoc")
_YEAR: Final = 365 * 24 * 3600


class SecurityHeaders:
    """Adds the headers to every answer that does not bring its own."""

    def __init__(self, app: ASGIApp, *, https_only: bool) -> None:
        self.app, self.https_only = app, https_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._complete(MutableHeaders(scope=message), scope["path"])
            await send(message)

        await self.app(scope, receive, send_with_headers if scope["type"] == "http" else send)

    def _complete(self, headers: MutableHeaders, path: str) -> None:
        headers.setdefault("X-Content-Type-Options", "nosniff")
        headers.setdefault("X-Frame-Options", "DENY")
        headers.setdefault("Referrer-Policy", "same-origin")
        headers.setdefault("Content-Security-Policy", _policy(path, headers.get("content-type", "")))
        if "/api/" in path:
            headers.setdefault("Cache-Control", "no-store")
        if self.https_only:
            headers.setdefault("Strict-Transport-Security", f"max-age={_YEAR}")


def _policy(path: str, content_type: str) -> str:
    if not content_type.startswith("text/html"):
        return _DATA
    return _DOCS if path.endswith(_DOCS_PATHS) else _PAGE
