"""The service as its tests use it: running in this process, and what it logged."""

import asyncio
import base64
import hmac
import json
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import httpx
import uvicorn
from asgi_lifespan import LifespanManager
from fastapi import FastAPI
from pydantic_settings import SettingsConfigDict

from notification.app import create_app
from notification.settings import Settings
from serving.server import address_of, listen

ADA = {"email": "ada@example.com", "pw": "correct horse battery"}
GRACE = {"email": "grace@example.com", "pw": "a moth in relay 70"}
KEYS = "/api/v1/users/me/apikeys"
SERVICES = "/api/v1/services"
SECRET = "a secret of the tests, thirty-two bytes and more"


class PlainSettings(Settings):
    """Settings without anybody's `.env`."""

    model_config = SettingsConfigDict(env_file=None)


def settings_for(folder: Path, **changes: Any) -> Settings:
    """Settings of a service that keeps everything in `folder`."""
    values: dict[str, Any] = {
        "environment": "test",
        "database_url": f"sqlite:///{folder / 'service.db'}",
        "jwt_secret": SECRET,
        "allowed_origins": "https://shop.example",
        "trusted_hosts": "*" if changes.get("environment", "test") == "test" else "service",
        "login_rate": "",
        "service_rate": "",
        "log_dir": folder / "logs",
        "log_level": "INFO",
    }
    return PlainSettings(**values | changes)


@asynccontextmanager
async def running(app: FastAPI, address: str = "127.0.0.1") -> AsyncGenerator[httpx.AsyncClient]:
    """A client of `app` while that runs, which calls from this address."""
    async with LifespanManager(app, startup_timeout=60, shutdown_timeout=60):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(address, 40000))
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            yield client


@asynccontextmanager
async def serving(settings: Settings, address: str = "127.0.0.1") -> AsyncGenerator[httpx.AsyncClient]:
    """A client of the service with these settings, which calls from this address."""
    async with running(create_app(settings), address) as client:
        yield client


@asynccontextmanager
async def listening(settings: Settings, root_path: str = "") -> AsyncGenerator[str]:
    """The address of the service with these settings, which serves HTTP in this event loop."""
    app = create_app(settings)
    app.root_path = root_path
    with listen("127.0.0.1", 0) as socket:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, ws="none"))
        serving = asyncio.create_task(server.serve([socket]))
        async with asyncio.timeout(30):
            while not server.started and not serving.done():  # the server has no event for it
                await asyncio.sleep(0.01)
        try:
            yield address_of(socket)
        finally:
            server.should_exit = True
            await serving


async def registered(client: httpx.AsyncClient, credentials: dict[str, str]) -> dict[str, str]:
    """The headers of a user who has just registered."""
    answer = await client.post("/api/v1/auth/register/email", json=credentials)
    assert answer.status_code == 201, answer.text
    return {"authorization": f"Bearer {answer.json()['access_token']}"}


def lines(settings: Settings, name: str) -> list[dict[str, Any]]:
    """What the service wrote to its log `app` or `db`. Complete once it has ended."""
    written = (settings.log_dir / name / f"{name}.log").read_text(encoding="utf-8")
    return [json.loads(line) for line in written.splitlines()]


def everything_logged(settings: Settings) -> str:
    """The text of all log files."""
    return "\n".join(file.read_text(encoding="utf-8") for file in sorted(settings.log_dir.rglob("*.log*")))


class Key:
    """An API key as a caller has it, made by a registered user."""

    def __init__(self, made: dict[str, Any]) -> None:
        self.id: int = made["id"]
        self.access_key: str = made["access_key"]
        self.secret_key: str = made["secret_key"]

    @classmethod
    async def of(cls, client: httpx.AsyncClient, headers: dict[str, str]) -> "Key":
        """A new key of this user."""
        return cls((await client.post(KEYS, json={"memo": "orders"}, headers=headers)).json())

    def query(self, *, seconds: float = 0, **more: str) -> str:
        """A query string signed `seconds` from now; a nonce makes each one different."""
        signed = {"key": self.access_key, "timestamp": str(int(time.time() + seconds)), "nonce": uuid4().hex}
        return urlencode(signed | more)

    def sign(self, query: str) -> dict[str, str]:
        """The header that signs a query string."""
        digest = hmac.digest(self.secret_key.encode(), query.encode(), "sha256")
        return {"secret": base64.b64encode(digest).decode()}

    async def call(self, client: httpx.AsyncClient, query: str | None = None) -> httpx.Response:
        """Ask who we are."""
        query = query or self.query()
        return await client.get(f"{SERVICES}?{query}", headers=self.sign(query))


async def raw(app: FastAPI, path: str, headers: list[tuple[bytes, bytes]], **scope: Any) -> list[dict[str, Any]]:
    """What the application sends for a scope that no client would write."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(dict(message))

    whole: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"service"), *headers],
        "client": ("192.0.2.7", 1),
        "server": ("service", 80),
    }
    await app(whole | scope, receive, send)
    return sent


def refusal(answer: httpx.Response) -> tuple[int, str]:
    """Status and kind of a problem."""
    return answer.status_code, answer.json()["type"]
