"""The page at /docs: Swagger UI from files of our own. For development it signs calls, so that all can be tried."""

from collections.abc import Mapping
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Final

from fastapi import FastAPI
from jinja2 import Environment, PackageLoader
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response

_SWAGGER_UI: Final = Path(str(files("fastapi_swagger"))) / "resources"
_OURS: Final = Path(__file__).with_name("static")
_SIGNING: Final = _OURS / "sign_calls.js"
_FILES: Final = (
    _SWAGGER_UI / "swagger-ui-bundle.js",
    _SWAGGER_UI / "swagger-ui.css",
    _SWAGGER_UI / "favicon-32x32.png",
    _OURS / "docs.js",
)
# Their addresses change with them, so nobody needs to ask for one twice.
_FILE_HEADERS: Final = {"Cache-Control": "public, max-age=31536000, immutable"}
_PAGE_HEADERS: Final = {
    # No script or style stands in the page itself, nothing comes from elsewhere, and calls go to this service alone.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-cache",
}


def serve_docs(app: FastAPI, *, signing: bool) -> None:
    """Serve the page, and its files below it, from an application without a page of its own."""
    served = {file.name: file for file in (*_FILES, *((_SIGNING,) if signing else ()))}
    html = _page(app.title, served)

    async def page(_: Request) -> Response:
        return HTMLResponse(html, headers=_PAGE_HEADERS)

    async def file(request: Request) -> Response:
        if found := served.get(request.path_params["name"]):
            return FileResponse(found, headers=_FILE_HEADERS)
        raise HTTPException(404)

    app.add_route("/docs", page, include_in_schema=False)
    app.add_route("/docs/{name}", file, include_in_schema=False)


def _page(title: str, served: Mapping[str, Path]) -> str:
    """The page; all its addresses are relative, so that it works below whatever path a proxy serves it."""
    addresses = {name: f"docs/{name}?v={sha256(file.read_bytes()).hexdigest()[:16]}" for name, file in served.items()}
    template = Environment(loader=PackageLoader("notification.docs"), autoescape=True).get_template("docs.html")
    return template.render(title=title, files=addresses)
