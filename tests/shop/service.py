"""The shop as its tests use it: running in this process."""

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx
from asgi_lifespan import LifespanManager
from pydantic_settings import SettingsConfigDict

from shop.app import create_app
from shop.models import db
from shop.settings import Settings
from tests.tools import counting

API = "/api/v1"


class PlainSettings(Settings):
    """Settings without anybody's `.env`."""

    model_config = SettingsConfigDict(env_file=None)


@asynccontextmanager
async def serving(**settings: Any) -> AsyncGenerator[httpx.AsyncClient]:
    """A client of the shop with these settings."""
    app = create_app(PlainSettings(**settings))
    async with LifespanManager(app, startup_timeout=60, shutdown_timeout=60):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=f"http://shop{API}") as client:
            yield client


async def add(client: httpx.AsyncClient, path: str, **body: Any) -> Any:
    """What was made by a POST."""
    answer = await client.post(path, json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def add_product(client: httpx.AsyncClient, **fields: Any) -> Any:
    """A product, with these fields."""
    return await add(client, "/products", **({"name": "Tea", "price": "2.50", "stock": 5} | fields))


@contextmanager
def statements() -> Generator[list[str]]:
    """What was sent to the shop's database inside the block, known at its end; without BEGIN, which SQLite shows."""
    seen: list[str] = []
    with counting.statements(db) as sent:
        yield seen
    seen.extend(statement for statement in sent if not statement.startswith("BEGIN"))
