"""Letting go of the connections of an event loop that is closed."""

import asyncio
import gc
import threading
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from activerow import ActiveRecord, Database
from tests.tools.backends.backend import Backend

T = TypeVar("T")

DESCRIPTORS = Path("/proc/self/fd")


class Base(ActiveRecord, DeclarativeBase):
    """One table."""


class Item(Base):
    """A row."""

    __tablename__ = "items"

    id: Mapped[int] = mapped_column(primary_key=True)


def on_a_new_loop(work: Coroutine[Any, Any, T], *, tidy: bool = True) -> T:
    """Run `work` on a loop that is closed afterwards; without `tidy` nothing is shut down before."""
    if tidy:
        return asyncio.run(work)
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(work)
    finally:
        loop.close()


def open_sockets() -> list[str]:
    gc.collect()
    links = [str(link.readlink()) for link in DESCRIPTORS.iterdir() if link.is_symlink()]
    return sorted(link for link in links if link.startswith("socket:"))


async def create() -> None:
    await asyncio.gather(*(Item.create() for _ in range(3)))


@pytest.fixture
def db(backend: Backend) -> Database:
    db = Database(asyncio.run(backend.fresh_url()), base=Base)
    on_a_new_loop(db.create_all())
    return db


@pytest.mark.parametrize("tidy", [True, False])
def test_a_database_starts_afresh_on_a_new_loop(db: Database, tidy: bool) -> None:
    """A loop per request, as test clients have it: everything works, and nobody warns of what was left."""
    for _ in range(3):
        on_a_new_loop(create(), tidy=tidy)
        gc.collect()

    assert on_a_new_loop(Item.query().count(), tidy=tidy) == 9
    on_a_new_loop(db.dispose(), tidy=tidy)
    gc.collect()


@pytest.mark.skipif(not DESCRIPTORS.is_dir(), reason="needs /proc")
def wait_until(holds: Callable[[], bool]) -> bool:
    """Whether it holds soon: a thread that was told to end does so in its own time."""
    for _ in range(100):
        if holds():
            return True
        time.sleep(0.05)
    return False


def test_the_connections_of_the_old_loop_are_closed(db: Database) -> None:
    """No socket and no thread is left behind."""
    on_a_new_loop(db.dispose())
    sockets, threads = open_sockets(), threading.active_count()
    on_a_new_loop(create())
    on_a_new_loop(create())

    on_a_new_loop(db.dispose())

    ended = wait_until(lambda: threading.active_count() <= threads)
    assert (open_sockets(), ended) == (sockets, True)


def test_a_database_is_disposed_of_on_another_loop(db: Database) -> None:
    """The connections are those of a loop that is closed; there is nobody to say good-bye to."""
    on_a_new_loop(create())

    on_a_new_loop(db.dispose())
    gc.collect()

    assert on_a_new_loop(Item.query().count()) == 3
    on_a_new_loop(db.dispose())


def test_a_connection_that_was_in_use_is_dropped_too(db: Database) -> None:
    """A loop that was closed in the middle of a transaction: the server rolls it back."""

    async def begin() -> Any:
        transaction = db.transaction()
        await transaction.__aenter__()
        await Item.create()
        return transaction

    held = on_a_new_loop(begin(), tidy=False)

    assert on_a_new_loop(Item.query().count()) == 0
    on_a_new_loop(create())
    on_a_new_loop(db.dispose())
    del held
    gc.collect()


@pytest.mark.backends("sqlite")
def test_a_database_in_memory_keeps_its_content(backend: Backend) -> None:
    """It is the same database, whatever loop asks for it."""
    db = Database("sqlite:///:memory:", base=Base)
    on_a_new_loop(db.create_all())

    on_a_new_loop(create())

    assert on_a_new_loop(Item.query().count()) == 3
    on_a_new_loop(db.dispose())
