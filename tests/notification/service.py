"""The service as its tests use it: running in this process, and what it logged."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from asgi_lifespan import LifespanManager
from fastapi import FastAPI
from pydantic_settings import SettingsConfigDict

from notification.app import create_app
from notification.settings import Settings

ADA = {"email": "ada@example.com", "pw": "correct horse battery"}
GRACE = {"email": "grace@example.com", "pw": "a moth in relay 70"}
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
        "trusted_hosts": "*",
        "log_dir": folder / "logs",
        "log_level": "INFO",
    }
    return PlainSettings(**values | changes)


@asynccontextmanager
async def running(app: FastAPI) -> AsyncGenerator[httpx.AsyncClient]:
    """A client of `app` while that runs."""
    async with LifespanManager(app, startup_timeout=60, shutdown_timeout=60):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            yield client


@asynccontextmanager
async def serving(settings: Settings) -> AsyncGenerator[httpx.AsyncClient]:
    """A client of the service with these settings."""
    async with running(create_app(settings)) as client:
        yield client


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
