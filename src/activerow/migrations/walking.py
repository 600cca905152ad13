"""Trying all revisions on a database with rows: for a project's own tests.

```py
async def test_migrations_walk(tmp_path):
    db = Database(f"sqlite:///{tmp_path}/walk.db", base=Base)
    await walk(Migrations(db, FOLDER, models=("shop.models",)))
```
"""

from collections.abc import Awaitable, Callable

from sqlalchemy.ext.asyncio import AsyncConnection

from activerow.migrations.errors import MigrationError
from activerow.migrations.migrations import Migrations
from activerow.migrations.running import fill_empty_tables

Seed = Callable[[AsyncConnection, str], Awaitable[None]]
"""Puts rows into the tables of a revision, whose identifier it is given."""


async def walk(migrations: Migrations, seed: Seed | None = None) -> None:
    """Go up to each revision, back, and up again, with rows in the tables; then compare with the models.

    Args:
        migrations: Of an empty database, which is full of rows afterwards.
        seed: Puts rows into the tables after each revision; a table that has none then gets one that is made up from
            its columns' types, so that only what cannot be guessed must be given.

    Raises:
        DatabaseError: A revision cannot be applied or taken back while there are rows.
        MigrationError: The models differ from what the revisions have made, or no row could be made up for a table.
    """
    for revision in reversed(migrations.history()):
        await migrations.upgrade(revision.revision)
        await _fill(migrations, seed, revision.revision)
        await migrations.downgrade("-1")
        await migrations.upgrade(revision.revision)
        await _fill(migrations, seed, revision.revision)
    differences = await migrations.check()
    if differences:
        raise MigrationError(f"the models differ from what the revisions have made: {'; '.join(differences)}")


async def _fill(migrations: Migrations, seed: Seed | None, revision: str) -> None:
    async with migrations.database.engine.begin() as connection:
        if seed is not None:
            await seed(connection, revision)
        await connection.run_sync(fill_empty_tables)
