"""Fixtures: a service on a SQLite file of its own, and one on each backend."""

import functools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from pwdlib.hashers.argon2 import Argon2Hasher

from notification.schema import MIGRATIONS, configure
from notification.security import passwords
from notification.settings import Settings
from tests.notification.tools.mailbox import Mailbox, mail_server
from tests.notification.tools.service import ADA, Key, registered, serving, settings_for


@pytest.fixture(autouse=True)
def quick_hashes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The least that argon2 can do, in this process: it is not what is tested, but for tests with `full_hashes`."""
    if request.node.get_closest_marker("full_hashes"):
        return
    least = functools.partial(Argon2Hasher, time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "Argon2Hasher", least)
    monkeypatch.setattr(passwords, "DECOY", _DECOY)


_DECOY = Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1).hash("a password that nobody has")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of a service that keeps everything in the test's folder."""
    return settings_for(tmp_path)


@pytest.fixture
async def client(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a running service."""
    async with serving(settings) as client:
        yield client


@pytest.fixture
async def ada(client: httpx.AsyncClient) -> dict[str, str]:
    """The headers of Ada, who has registered."""
    return await registered(client, ADA)


@pytest.fixture
async def client_on_backend(database_url: str, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service that runs on this test's backend."""
    async with serving(settings_for(tmp_path, database_url=database_url)) as client:
        yield client


@pytest.fixture
async def prepared_on_backend(database_url: str, tmp_path: Path) -> AsyncIterator[Settings]:
    """Settings of a service whose tables are there, on this test's backend."""
    settings = settings_for(tmp_path, database_url=database_url, retry_seconds=60)
    async with configure(settings):
        await MIGRATIONS.upgrade()
        yield settings


@pytest.fixture
async def prepared(settings: Settings) -> AsyncIterator[Settings]:
    """Settings of a service whose tables are there."""
    async with configure(settings):
        await MIGRATIONS.upgrade()
        yield settings


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    """A mail server and what it was given."""
    with mail_server() as mailbox:
        yield mailbox


@pytest.fixture
async def key(client: httpx.AsyncClient, ada: dict[str, str]) -> Key:
    """A key of Ada's."""
    return await Key.of(client, ada)
