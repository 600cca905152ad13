"""The page at /docs for development: it signs calls in the browser, so that signed endpoints can be tried."""

from pathlib import Path
from typing import Final

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response

_SCRIPT: Final = Path(__file__).with_name("sign_calls.js")
_SCRIPT_PATH: Final = "/docs/sign_calls.js"
_PLACE: Final = "const ui = SwaggerUIBundle({"


def serve_signing_docs(app: FastAPI) -> None:
    """Serve the page, and its script, from an application without a page of its own."""

    async def page(request: Request) -> Response:
        root = str(request.scope.get("root_path", "")).rstrip("/")
        return HTMLResponse(signing_page(app.title, root))

    async def script(_: Request) -> Response:
        return FileResponse(_SCRIPT, media_type="text/javascript")

    app.add_route("/docs", page, include_in_schema=False)
    app.add_route(_SCRIPT_PATH, script, include_in_schema=False)


def signing_page(title: str, root: str) -> str:
    """Swagger UI as FastAPI has it, with our script asked before each request.

    Raises:
        RuntimeError: FastAPI writes its page in another way now.
    """
    answer = get_swagger_ui_html(openapi_url=f"{root}/openapi.json", title=f"{title} - Swagger UI")
    html = bytes(answer.body).decode()
    if html.count(_PLACE) != 1:
        raise RuntimeError(f"FastAPI's page has no {_PLACE!r} any more")
    script = f'<script src="{root}{_SCRIPT_PATH}"></script>'
    return html.replace(_PLACE, f"{_PLACE}\n        requestInterceptor: signCall,").replace(
        "<script>", f"{script}\n<script>", 1
    )
