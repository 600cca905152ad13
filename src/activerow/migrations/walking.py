"""Trying all revisions on a database with rows: for a project's own tests.

```py
async def test_migrations_walk(tmp_path):
    db = Database(f"sqlite:///{tmp_path}/walk.db", base=Base)
    await walk(Migrations(db, FOLDER, models=("shop.models",)))
```
"""

import datetime
import decimal
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, Final

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Date,
    DateTime,
    Enum,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    String,
    Table,
    Time,
    Uuid,
    insert,
    select,
)
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import JSON, TypeEngine

from activerow.migrations.errors import MigrationError
from activerow.migrations.migrations import Migrations

Seed = Callable[[AsyncConnection, str], Awaitable[None]]
"""Puts rows into the tables of a revision, whose identifier it is given."""


async def walk(migrations: Migrations, seed: Seed | None = None) -> None:
    """Go up to each revision, back, and up again, with rows in the tables; then compare with the models.

    Args:
        migrations: Of an empty database, which is full of rows afterwards.
        seed: Puts rows into the tables after each revision; by default one row for each table that has none.

    Raises:
        DatabaseError: A revision cannot be applied or taken back while there are rows.
        MigrationError: The models differ from what the revisions have made.
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
        else:
            await connection.run_sync(fill_empty_tables)


def fill_empty_tables(connection: Connection) -> None:
    """One row in each table that has none, with values made up from the types of its columns."""
    metadata = MetaData()
    metadata.reflect(connection)
    for table in metadata.sorted_tables:
        if table.name != "alembic_version" and connection.execute(select(table).limit(1)).first() is None:
            connection.execute(insert(table).values(_row(connection, table)))


def _row(connection: Connection, table: Table) -> dict[str, Any]:
    return {column.name: _value(connection, column) for column in table.columns if _is_needed(column)}


def _is_needed(column: Column[Any]) -> bool:
    generated = column.computed is not None or column.identity is not None or column.server_default is not None
    counted = column.primary_key and column.autoincrement is not False and isinstance(column.type, Integer)
    if column.foreign_keys:
        return not column.nullable or not _refers_to_itself(column)
    return not (generated or counted)


def _refers_to_itself(column: Column[Any]) -> bool:
    return any(key.column.table is column.table for key in column.foreign_keys)


def _value(connection: Connection, column: Column[Any]) -> Any:
    for key in column.foreign_keys:
        return connection.execute(select(key.column).limit(1)).scalar()
    return _sample(column.type)


_MOMENT: Final = datetime.datetime(2026, 1, 2, 3, 4, 5)  # noqa: DTZ001  (reflected columns may have no time zone)
_SAMPLES: Final[tuple[tuple[type[Any], Any], ...]] = (
    (Boolean, True),
    (Integer, 1),
    (DateTime, _MOMENT),
    (Date, _MOMENT.date()),
    (Time, _MOMENT.time()),
    (Uuid, uuid.UUID(int=1)),
    (LargeBinary, b"x"),
    (JSON, {}),
)


def _sample(kind: TypeEngine[Any]) -> Any:
    if isinstance(kind, Enum):
        return kind.enums[0]
    if isinstance(kind, Float):
        return 1.5
    if isinstance(kind, Numeric):
        return decimal.Decimal(1)
    if isinstance(kind, String):
        return "1"  # which is JSON, too: MariaDB checks its JSON columns, and reflects them as texts
    if isinstance(kind, DateTime) and kind.timezone:
        return _MOMENT.replace(tzinfo=datetime.UTC)
    return next((value for known, value in _SAMPLES if isinstance(kind, known)), None)
