"""`python -m shop`: serve the shop as the settings say."""

import asyncio
import errno
import socket
import sys
from contextlib import suppress

import uvicorn
from fastapi import FastAPI
from pydantic import ValidationError

from activerow.errors import ActiveRowError
from serving.server import Server, listen
from serving.settings import explain
from shop.app import create_app
from shop.models import db
from shop.settings import PREFIX, Settings

_NAME = "Shop API"
_SHUTDOWN_SECONDS = 10


def main() -> int:
    """Serve until told to stop. 1 when that cannot begin, after a line for each reason."""
    try:
        settings = Settings()
    except ValidationError as error:
        return _refuse(*explain(error, prefix=PREFIX))
    try:
        listening = listen(settings.host, settings.port)
    except OSError as error:
        hint = f"; stop what uses it, or set {PREFIX}PORT to another one" if error.errno == errno.EADDRINUSE else ""
        return _refuse(f"cannot listen on {settings.host}, port {settings.port}: {error.strerror}{hint}")
    # Ctrl-C ends the server in order, and then arrives here.
    with listening, suppress(KeyboardInterrupt):
        return _serve(settings, listening)
    return 0


def _refuse(*reasons: str) -> int:
    for reason in reasons:
        print(f"{_NAME}: {reason}", file=sys.stderr)
    return 1


def _serve(settings: Settings, listening: socket.socket) -> int:
    try:
        app = create_app(settings)
        asyncio.run(_check())
    except (ActiveRowError, OSError) as error:
        return _refuse(f"cannot start: {error}")
    Server(_configure(app), _NAME).run(sockets=[listening])
    return 0


async def _check() -> None:
    """Find out now what would stop the server in the middle of its start."""
    try:
        await db.connect()
    finally:
        await db.dispose()


def _configure(app: FastAPI) -> uvicorn.Config:
    return uvicorn.Config(
        app, server_header=False, lifespan="on", log_level="warning", timeout_graceful_shutdown=_SHUTDOWN_SECONDS
    )


if __name__ == "__main__":
    sys.exit(main())
