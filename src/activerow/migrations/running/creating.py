"""Creating the database itself, before there is anything to migrate."""

from sqlalchemy import URL
from sqlalchemy.ext.asyncio import create_async_engine

from activerow.database import Database
from activerow.database.failures import translating
from activerow.errors import UnavailableError
from activerow.migrations.errors import ProjectError


async def create_database(database: Database) -> bool:
    """Create the database on its server, in UTF-8; False when it is there already. SQLite makes its file.

    Raises:
        UnavailableError: The server cannot be reached.
        DatabaseError: The user may not create databases.
    """
    try:
        await database.connect()
    except UnavailableError:
        if database.dialect == "sqlite":
            raise
    else:
        return False
    finally:
        await database.dispose()
    await _create(database)
    return True


async def _create(database: Database) -> None:
    url = database.url
    if url is None or not url.database:
        raise ProjectError("the URL names no database")
    engine = create_async_engine(_beside(url), isolation_level="AUTOCOMMIT")
    name = engine.dialect.identifier_preparer.quote_identifier(url.database)
    mysql = database.dialect == "mysql"
    options = "CHARACTER SET utf8mb4" if mysql else "ENCODING 'UTF8' TEMPLATE template0"
    try:
        with translating("create database"):
            async with engine.connect() as connection:
                await connection.exec_driver_sql(f"CREATE DATABASE {name} {options}")
    finally:
        await engine.dispose()


def _beside(url: URL) -> URL:
    """The server without the database that is missing: MySQL needs none, PostgreSQL has one of that name."""
    return url.set(database="postgres" if url.get_backend_name() == "postgresql" else "")
