"""A connection to migrate with: patient, on its own, and thrown away afterwards."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from activerow.database import Database

# A change of a large table takes its time; the program's limits are not for it.
_PATIENCE: Final = {
    "postgresql": ("SET statement_timeout = 0",),
    "mariadb": ("SET SESSION max_statement_time = 0",),
    "mysql": ("SET SESSION max_execution_time = 0",),
    "sqlite": (),
}


@asynccontextmanager
async def connection_of(database: Database) -> AsyncGenerator[AsyncConnection]:
    """A connection outside every unit, without a limit for statements."""
    async with database.engine.connect() as connection:
        server = connection.dialect.name
        if server == "mysql" and getattr(connection.dialect, "is_mariadb", False):
            server = "mariadb"
        for statement in _PATIENCE.get(server, ()):
            await connection.exec_driver_sql(statement)
        await connection.commit()
        try:
            yield connection
        finally:
            await connection.invalidate()  # its settings are not for anybody else
