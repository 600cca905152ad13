"""A service as a program: its settings are read, what it needs is looked at, and then it is served."""

import asyncio
import errno
import os
import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import uvicorn
from fastapi import FastAPI
from pydantic import ValidationError
from starlette.types import ASGIApp
from uvicorn.supervisors import ChangeReload

from activerow import Database
from activerow.errors import ActiveRowError
from serving.server import Server, listen
from serving.settings import PROJECT_FOLDER, ServiceSettings, explain

S = TypeVar("S", bound=ServiceSettings)

_SHUTDOWN_SECONDS: Final = 10
_OWNER_ALONE: Final = 0o077  # databases, logs and e-mails that a service writes are for its own user


def refuse(name: str, *reasons: str) -> int:
    """Say on stderr why a program does not begin, a line for each reason; its exit code."""
    for reason in reasons:
        sys.stderr.write(f"{name}: {reason}\n")
    return 1


@dataclass(frozen=True, slots=True)
class Service(Generic[S]):
    """What `python -m` runs.

    Attributes:
        name: What it is called where it introduces itself.
        settings: The class of its settings.
        create_app: Makes the application; a function of a module, which finds it again when the code has changed.
        database: What it cannot start without.
        options: uvicorn's options that are its own.
        prepare: Raises an OSError for whatever else it cannot start without.
    """

    name: str
    settings: type[S]
    create_app: Callable[[S | None], FastAPI]
    database: Database
    options: Callable[[S], Mapping[str, Any]]
    prepare: Callable[[S], object] = lambda _: None

    def main(self) -> int:
        """Serve until told to stop. 1 when that cannot begin, after a line for each reason."""
        os.umask(_OWNER_ALONE)
        prefix = self.settings.model_config.get("env_prefix", "")
        try:
            settings = self.settings()
        except ValidationError as error:
            return refuse(self.name, *explain(error, prefix=prefix))
        try:
            listening = listen(settings.host, settings.port)
        except OSError as error:
            hint = f"; stop what uses it, or set {prefix}PORT to another one" if error.errno == errno.EADDRINUSE else ""
            at = f"{settings.host}, port {settings.port}"
            return refuse(self.name, f"cannot listen on {at}: {error.strerror}{hint}")
        # Ctrl-C ends the server in order, and then arrives here.
        with listening, suppress(KeyboardInterrupt):
            return (self._reload if settings.reload else self._serve)(settings, listening)
        return 0

    def _serve(self, settings: S, listening: socket.socket) -> int:
        try:
            app = self.create_app(settings)
            asyncio.run(self._check(settings))
        except (ActiveRowError, OSError) as error:
            return refuse(self.name, f"cannot start: {error}")
        Server(self._config(app, settings), self.name).run(sockets=[listening])
        return 0

    async def _check(self, settings: S) -> None:
        """Find out now what would stop the server in the middle of its start."""
        self.prepare(settings)
        try:
            await self.database.connect()
        finally:
            await self.database.dispose()

    def _reload(self, settings: S, listening: socket.socket) -> int:
        """Serve in a child process, and start it anew when a source file changes."""
        factory = f"{self.create_app.__module__}:{self.create_app.__qualname__}"
        sources = [str(PROJECT_FOLDER / folder) for folder in ("apps", "src")]
        config = self._config(factory, settings, factory=True, reload=True, reload_dirs=sources)
        ChangeReload(config, target=Server(config, self.name).run, sockets=[listening]).run()
        return 0

    def _config(self, app: ASGIApp | str, settings: S, **more: Any) -> uvicorn.Config:
        return uvicorn.Config(
            app,
            server_header=False,
            lifespan="on",
            timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
            **self.options(settings),
            **more,
        )
