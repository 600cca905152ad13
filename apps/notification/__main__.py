"""`python -m notification`: serve the API as the settings say."""

import asyncio
import errno
import socket
import sys
from contextlib import suppress
from typing import Any

import uvicorn
from pydantic import ValidationError
from starlette.types import ASGIApp
from uvicorn.supervisors import ChangeReload

from activerow.errors import ActiveRowError
from notification.app import create_app
from notification.models import db
from notification.ops.logs import prepare_files
from notification.settings import Settings
from serving.server import Server, listen
from serving.settings import PROJECT_FOLDER, explain

_NAME = "Notification API"
_SHUTDOWN_SECONDS = 10


def main() -> int:
    """Serve until told to stop. 1 when that cannot begin, after a line for each reason."""
    try:
        settings = Settings()
    except ValidationError as error:
        return _refuse(*explain(error))
    try:
        listening = listen(settings.host, settings.port)
    except OSError as error:
        hint = "; stop what uses it, or set PORT to another one" if error.errno == errno.EADDRINUSE else ""
        return _refuse(f"cannot listen on {settings.host}, port {settings.port}: {error.strerror}{hint}")
    # Ctrl-C ends the server in order, and then arrives here.
    with listening, suppress(KeyboardInterrupt):
        return _reload(listening) if settings.reload else _serve(settings, listening)
    return 0


def _refuse(*reasons: str) -> int:
    for reason in reasons:
        print(f"{_NAME}: {reason}", file=sys.stderr)
    return 1


def _serve(settings: Settings, listening: socket.socket) -> int:
    try:
        app = create_app(settings)
        asyncio.run(_check(settings))
    except (ActiveRowError, OSError) as error:
        return _refuse(f"cannot start: {error}")
    Server(_configure(app), _NAME).run(sockets=[listening])
    return 0


async def _check(settings: Settings) -> None:
    """Find out now what would stop the server in the middle of its start."""
    prepare_files(settings)
    try:
        await db.connect()
    finally:
        await db.dispose()


def _reload(listening: socket.socket) -> int:
    """Serve in a child process, and start it anew when a source file changes."""
    sources = [str(PROJECT_FOLDER / folder) for folder in ("apps", "src")]
    config = _configure("notification.app:create_app", factory=True, reload=True, reload_dirs=sources)
    ChangeReload(config, target=Server(config, _NAME).run, sockets=[listening]).run()
    return 0


def _configure(app: ASGIApp | str, **options: Any) -> uvicorn.Config:
    """uvicorn's options; its log lines go the way of all others, and requests are logged by the application."""
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # `ClientAddress` reads them, as TRUSTED_PROXIES says
        lifespan="on",
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
        **options,
    )


if __name__ == "__main__":
    sys.exit(main())
