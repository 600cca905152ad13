"""Fixtures: a shop on a SQLite file of its own, and one on each backend."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.shop.service import serving


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a running shop."""
    async with serving(database_url=f"sqlite:///{tmp_path / 'shop.db'}") as client:
        yield client


@pytest.fixture
async def client_on_backend(database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a shop that runs on this test's backend."""
    async with serving(database_url=database_url) as client:
        yield client
