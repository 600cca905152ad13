"""Whatever SQLAlchemy knows of columns, indexes, constraints and tables is compared, or said to be not."""

import re
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from activerow import Database
from activerow.migrations import Migrations, create_folder
from tests.migrations.properties import PROPERTIES, Property, number_of, tables
from tests.migrations.scenarios import base_with
from tests.tools.backends.active import MakeDatabase
from tests.tools.backends.backend import Backend

pytestmark = pytest.mark.backends("sqlite", "asyncpg", "asyncmy")

Releases = tuple[Migrations, Migrations]


@pytest.fixture(params=[False, True], ids=["there", "back"])
async def releases(
    make_database: MakeDatabase, backend: Backend, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Releases]:
    """A release in which each property has one value, applied, and one in which it has the other."""
    create_folder(tmp_path / "migrations")
    first, second = (
        base_with(partial(tables, server=backend.dialect, later=later)) for later in (request.param, not request.param)
    )
    db = await make_database(first, create=False)
    later_db = Database(db.url, base=second)
    before, after = (Migrations(known, tmp_path / "migrations") for known in (db, later_db))
    await before.revision("first")
    await before.upgrade()
    assert await before.check() == []
    yield before, after
    await later_db.dispose()


def of(backend: Backend) -> list[Property]:
    """The properties that the server has."""
    return [known for known in PROPERTIES if backend.dialect in known.servers]


def is_named(known: Property, lines: tuple[str, ...]) -> bool:
    """A line is about the property's table, or about a type of it."""
    ending = re.compile(rf"_{number_of(known)}\b")
    return any(ending.search(line) for line in lines)


async def test_each_property_is_seen_and_changed_or_told(releases: Releases, backend: Backend) -> None:
    """No change of a model is passed over, and a revision takes the database there and back."""
    before, after = releases

    written = await after.revision("second")

    unseen = [
        known.name for known in of(backend) if not is_named(known, written.notes if known.told else written.changes)
    ]
    assert not unseen, "; ".join(unseen)
    await after.upgrade()
    assert await after.check() == []
    await after.downgrade("-1")
    assert written.path is not None
    written.path.unlink()
    assert await before.check() == []
