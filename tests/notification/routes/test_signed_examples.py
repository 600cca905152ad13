"""The callers in `examples/`, against a server."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx
import pytest
import uvicorn
from fastapi import FastAPI, Request

from notification.app import create_app
from notification.settings import Settings
from serving.server import address_of, listen
from serving.settings import PROJECT_FOLDER
from tests.notification.tools.service import ADA, SERVICES, Key, registered

COMMANDS = {
    "python": (sys.executable, "-W", "error", str(PROJECT_FOLDER / "examples" / "signed_call.py")),
    "shell": ("sh", str(PROJECT_FOLDER / "examples" / "signed_call.sh")),
}


class _Server(uvicorn.Server):
    """A server that says when it serves."""

    serves: asyncio.Event

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]  # handed on
        await super().startup(sockets)  # type: ignore[arg-type]
        self.serves.set()


@asynccontextmanager
async def _served(app: FastAPI) -> AsyncGenerator[str]:
    """The address of `app` while it is served in this process."""
    with listen("127.0.0.1", 0) as listening:
        server = _Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="on"))
        server.serves = asyncio.Event()
        task = asyncio.create_task(server.serve([listening]))
        await server.serves.wait()
        yield address_of(listening)
        server.should_exit = True
        await task


async def _run(key: Key, kind: str, *arguments: str) -> tuple[int | None, str]:
    environment = {
        "PATH": os.environ["PATH"],
        "ACCESS_KEY": key.access_key,
        "SECRET_KEY": key.secret_key,
    }
    process = await asyncio.create_subprocess_exec(
        *COMMANDS[kind], *arguments, env=environment, stdout=asyncio.subprocess.PIPE
    )
    told, _ = await process.communicate()
    return process.returncode, told.decode()


@pytest.mark.parametrize("kind", COMMANDS)
async def test_an_example_calls_with_and_without_a_body(settings: Settings, kind: str) -> None:
    """What is printed there works; a wrong secret is the problem that the service answers."""
    app = create_app(settings)

    @app.post(f"{SERVICES}/echo")
    async def echo(request: Request) -> str:
        return (await request.body()).decode()

    async with _served(app) as address:
        async with httpx.AsyncClient(base_url=address) as client:
            key = await Key.of(client, await registered(client, ADA))
        code, told = await _run(key, kind, address, "GET", SERVICES)
        echo_code, echoed = await _run(key, kind, address, "POST", f"{SERVICES}/echo", '{"to": "ä"}')
        key.secret_key = "wrong"
        wrong_code, refused = await _run(key, kind, address, "GET", SERVICES)

    assert (code, json.loads(told)["access_key"]) == (0, key.access_key)
    assert (echo_code, json.loads(echoed)) == (0, '{"to": "ä"}')
    assert wrong_code not in {0, None}
    assert json.loads(refused)["type"] == "signature_invalid"
