"""What is dangerous about a change is said before it is written."""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import text

from activerow import Database
from activerow.migrations import Migrations, Written, create_folder
from tests.migrations.scenarios import base_with, dangers
from tests.tools.backends.active import MakeDatabase
from tests.tools.backends.backend import Backend

pytestmark = pytest.mark.backends("sqlite", "asyncpg", "asyncmy")

ANYWHERE = {
    ("drop_table", "texts"),
    ("rename", "texts"),
    ("drop_column", "books.label"),
    ("drop_column", "books.note"),
    ("rename", "books.label"),
    ("narrower", "books.title"),
    ("narrower", "books.price"),
}
SMALLER = {
    "sqlite": {("narrower", "books.count")},
    "postgresql": {("narrower", "books.count"), ("narrower", "state")},
    "mysql": {("narrower", "books.count"), ("narrower", "books.state")},
}
WITH_ROWS = {("not_null", "books.required"), ("not_null", "books.filled")}
LOCKS = {("lock", "books"), ("lock", "books (ix_books_count)"), ("lock", "books (uq_title)"), ("lock", "books.count")}


@pytest.fixture
async def migrations(make_database: MakeDatabase, tmp_path: Path) -> AsyncIterator[Migrations]:
    """Those of a release whose tables are to change, with the tables of the release before."""
    create_folder(tmp_path / "migrations")
    db = await make_database(base_with(partial(dangers, later=False)), create=False)
    before = Migrations(db, tmp_path / "migrations")
    await before.revision("first")
    await before.upgrade()
    later = Database(db.url, base=base_with(partial(dangers, later=True)))
    yield Migrations(later, tmp_path / "migrations")
    await later.dispose()


async def compared(migrations: Migrations) -> Written:
    """What would be written."""
    return await migrations.revision("later", confirm=lambda _changes, _findings: False)


def places(written: Written) -> set[tuple[str, str]]:
    """The findings, by code and place."""
    return {(finding.code, finding.where) for finding in written.findings}


async def test_empty_tables_only_lose_what_goes(migrations: Migrations, backend: Backend) -> None:
    """Nothing fails or blocks on a table without rows; what is dropped or becomes smaller is told all the same."""
    written = await compared(migrations)

    assert places(written) == ANYWHERE | SMALLER[backend.dialect]


async def test_tables_with_rows_may_refuse_or_block(migrations: Migrations, backend: Backend) -> None:
    """NOT NULL without a default fails; on PostgreSQL indexes, keys, checks and new types stop others."""
    async with migrations.database.engine.begin() as connection:
        await connection.execute(text("INSERT INTO books (id, count) VALUES (1, 1)"))

    written = await compared(migrations)

    locks: set[tuple[str, str]] = LOCKS if backend.dialect == "postgresql" else set()
    assert places(written) >= ANYWHERE | WITH_ROWS | locks
    assert written.path is None


async def test_rows_that_break_a_new_rule_are_counted(migrations: Migrations) -> None:
    """Doubled values, rows that break a check and rows that refer to nothing are told, with a query that finds them."""
    async with migrations.database.engine.begin() as connection:
        for number in (1, 2, 3):
            values = f"({number}, -{number}, 'same', 77)"
            await connection.execute(text(f"INSERT INTO books (id, count, title, author_id) VALUES {values}"))

    written = await compared(migrations)

    unfit = [finding for finding in written.findings if finding.code == "unfit"]
    assert {finding.problem.partition(":")[0] for finding in unfit} == {
        "1 value(s) of title stand in several rows",
        "3 row(s) break the check positive",
        "3 row(s) refer to rows of authors that are not there",
    }
    async with migrations.database.engine.connect() as connection:
        for finding in unfit:
            assert (await connection.execute(text(finding.remedy.partition("found by: ")[2]))).first() is not None


async def test_a_finding_says_what_to_write_instead(migrations: Migrations) -> None:
    """The remedy of a rename is the line of the revision that keeps the values."""
    written = await compared(migrations)

    [rename] = [finding for finding in written.findings if finding.where == "books.label" and finding.code == "rename"]
    assert "op.alter_column('books', 'label', new_column_name='name')" in str(rename)
