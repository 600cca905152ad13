"""`emptied`: a test whose transactions are real, and whose rows are deleted afterwards."""

from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Final

from sqlalchemy import Connection, Table, text

from activerow.database import Database
from activerow.database.failures import translating
from activerow.database.unit import to_the_end


@asynccontextmanager
async def emptied(db: Database) -> AsyncGenerator[None]:
    """Delete the rows of all tables of `db` after the block, the ones from before it too.

    For what `rolled_back` cannot undo: several connections, `independent=True`, isolation, threads, DDL on MySQL.
    """
    try:
        yield
    finally:
        await to_the_end(_empty(db))


async def _empty(db: Database) -> None:
    await db.scopes.seen_off()
    tables = [table for metadata in db.metadata for table in metadata.tables.values()]
    if not tables:
        return
    with translating("delete"):
        async with db.engine.connect() as connection:
            await connection.run_sync(_EMPTY[db.dialect], tables)
            await connection.commit()


def _empty_sqlite(connection: Connection, tables: Iterable[Table]) -> None:
    connection.execute(text("PRAGMA defer_foreign_keys=ON"))  # until the COMMIT
    for table in tables:
        connection.execute(table.delete())


def _empty_postgresql(connection: Connection, tables: Iterable[Table]) -> None:
    quoted = map(connection.dialect.identifier_preparer.format_table, tables)
    connection.execute(text(f"TRUNCATE {', '.join(quoted)} RESTART IDENTITY CASCADE"))


def _empty_mysql(connection: Connection, tables: Iterable[Table]) -> None:
    connection.execute(text("SET foreign_key_checks = 0"))
    try:
        for table in tables:
            connection.execute(table.delete())
    finally:
        connection.execute(text("SET foreign_key_checks = 1"))


_EMPTY: Final[dict[str, Callable[[Connection, Iterable[Table]], None]]] = {
    "sqlite": _empty_sqlite,
    "postgresql": _empty_postgresql,
    "mysql": _empty_mysql,
}
