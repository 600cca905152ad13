"""Trying all revisions with rows."""

from pathlib import Path

import pytest
from sqlalchemy import CheckConstraint, Column, Integer, MetaData, Table, text
from sqlalchemy.ext.asyncio import AsyncConnection

from activerow.migrations import MigrationError, Migrations, create_folder, walk
from tests.migrations.scenarios import base_with
from tests.tools.backends.active import MakeDatabase

pytestmark = pytest.mark.backends("sqlite", "asyncpg", "asyncmy")


def ranges(metadata: MetaData) -> None:
    """A table whose rows cannot be guessed."""
    low, high = Column("low", Integer, nullable=False), Column("high", Integer, nullable=False)
    Table("ranges", metadata, Column("id", Integer, primary_key=True), low, high, CheckConstraint("low < high"))


@pytest.fixture
async def migrations(make_database: MakeDatabase, tmp_path: Path) -> Migrations:
    """One revision, with a CHECK."""
    create_folder(tmp_path / "migrations")
    found = Migrations(await make_database(base_with(ranges), create=False), tmp_path / "migrations")
    await found.revision("ranges")
    return found


async def test_a_row_that_cannot_be_made_up_is_asked_for(migrations: Migrations) -> None:
    """The error names the table and the remedy."""
    with pytest.raises(MigrationError, match=r"could not make up a row for 'ranges'.*seed="):
        await walk(migrations)


async def test_rows_are_given_by_a_function(migrations: Migrations) -> None:
    """It is called for each revision, with its identifier; the tables it leaves empty are filled."""
    asked: list[str] = []

    async def seed(connection: AsyncConnection, revision: str) -> None:
        asked.append(revision)
        await connection.execute(text("DELETE FROM ranges"))
        await connection.execute(text("INSERT INTO ranges (low, high) VALUES (1, 2)"))

    await walk(migrations, seed)

    [only] = migrations.history()
    assert asked == [only.revision] * 2
