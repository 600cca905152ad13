"""The databases of one test process: made, emptied and dropped over plain synchronous connections."""

import sqlite3
from collections.abc import Generator, Hashable
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from sqlalchemy import URL, Connection, Engine, MetaData, create_engine, make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from tests.tools.backends.supervisor import SYNC_DRIVERS


class Store(Protocol):
    """Where databases live: a server, or a folder of SQLite files."""

    def create(self, name: str) -> URL:
        """Make an empty database; the URL is the driver's that the backend stands for."""
        ...

    def wipe(self, url: URL) -> None:
        """Leave nothing in the database."""
        ...

    def empty(self, url: URL, metadata: MetaData) -> None:
        """Delete every row of the tables of `metadata`."""
        ...

    def fingerprint(self, url: URL) -> Hashable:
        """Changes when a table, trigger, constraint or function of the database does."""
        ...

    def drop(self, url: URL) -> None:
        """Remove the database."""
        ...


@dataclass
class SQLiteStore:
    """SQLite files in one folder. A wiped one is a new file: a forgotten lock on the old harms nobody."""

    folder: Path
    driver: str

    def create(self, name: str) -> URL:
        return URL.create(self.driver, database=str(self.folder / f"{name}.db"))

    def wipe(self, url: URL) -> None:
        self.drop(url)

    def empty(self, url: URL, metadata: MetaData) -> None:
        with closing(sqlite3.connect(_file(url), timeout=1)) as connection, connection:
            for table in metadata.tables.values():
                connection.execute(f'DELETE FROM "{table.name}"')

    def fingerprint(self, url: URL) -> Hashable:
        with closing(sqlite3.connect(_file(url), timeout=1)) as connection:
            return tuple(connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name"))

    def drop(self, url: URL) -> None:
        file = _file(url)
        for suffix in ("", "-wal", "-shm", "-journal"):
            file.with_name(file.name + suffix).unlink(missing_ok=True)


@dataclass
class PostgreSQLStore:
    """Databases on one PostgreSQL server."""

    admin_url: URL
    driver: str
    _engines: dict[URL, Engine] = field(default_factory=dict[URL, Engine])

    def create(self, name: str) -> URL:
        with _connected(self.admin_url) as connection:
            connection.execute(text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
            connection.execute(text(f"CREATE DATABASE \"{name}\" TEMPLATE template0 ENCODING 'UTF8'"))
        return self.admin_url.set(drivername=self.driver, database=name)

    def wipe(self, url: URL) -> None:
        with self._ours(url) as connection:
            schemas = connection.scalars(
                text("SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'")
            )
            for schema in schemas.all():
                connection.execute(text(f'DROP SCHEMA "{schema}" CASCADE'))
            connection.execute(text("CREATE SCHEMA public"))

    def empty(self, url: URL, metadata: MetaData) -> None:
        with self._ours(url) as connection:
            connection.execute(text("SET session_replication_role = replica"))  # foreign keys and triggers rest
            for table in metadata.tables.values():
                connection.execute(table.delete())
            connection.execute(text("SET session_replication_role = origin"))

    def fingerprint(self, url: URL) -> Hashable:
        with _reused(self._engines, url) as connection:
            return str(connection.scalar(text(_POSTGRESQL_FINGERPRINT)))

    def drop(self, url: URL) -> None:
        if engine := self._engines.pop(url, None):
            engine.dispose()
        with _connected(self.admin_url) as connection:
            connection.execute(text(f'DROP DATABASE IF EXISTS "{url.database}" WITH (FORCE)'))

    @contextmanager
    def _ours(self, url: URL) -> Generator[Connection]:
        """A connection to a database that nobody else is connected to any more."""
        with _reused(self._engines, url) as connection:
            connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
            yield connection


@dataclass
class MySQLStore:
    """Databases on one MariaDB or MySQL server."""

    admin_url: URL
    driver: str
    _engines: dict[URL, Engine] = field(default_factory=dict[URL, Engine])

    def create(self, name: str) -> URL:
        with _connected(self.admin_url) as connection:
            connection.execute(text(f"DROP DATABASE IF EXISTS `{name}`"))
            connection.execute(text(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4"))
        return self.admin_url.set(drivername=self.driver, database=name)

    def wipe(self, url: URL) -> None:
        with self._ours(url) as connection:
            connection.execute(text(f"DROP DATABASE `{url.database}`"))
            connection.execute(text(f"CREATE DATABASE `{url.database}` CHARACTER SET utf8mb4"))
            connection.execute(text(f"USE `{url.database}`"))

    def empty(self, url: URL, metadata: MetaData) -> None:
        with self._ours(url) as connection:
            connection.execute(text("SET foreign_key_checks = 0"))
            for table in metadata.tables.values():
                connection.execute(table.delete())
            connection.execute(text("SET foreign_key_checks = 1"))

    def fingerprint(self, url: URL) -> Hashable:
        with _reused(self._engines, url) as connection:
            return tuple(tuple(row) for row in connection.execute(text(_MYSQL_FINGERPRINT)))

    def drop(self, url: URL) -> None:
        if engine := self._engines.pop(url, None):
            engine.dispose()
        with _connected(self.admin_url) as connection:
            connection.execute(text(f"DROP DATABASE IF EXISTS `{url.database}`"))

    @contextmanager
    def _ours(self, url: URL) -> Generator[Connection]:
        """A connection to a database that nobody else is connected to any more."""
        with _reused(self._engines, url) as connection:
            others = connection.scalars(
                text("SELECT id FROM information_schema.processlist WHERE db = :name AND id <> connection_id()"),
                {"name": url.database},
            )
            for other in others.all():
                with suppress(DBAPIError):  # gone in the meantime
                    connection.execute(text(f"KILL {other}"))
            yield connection


_POSTGRESQL_FINGERPRINT = """
WITH system AS (SELECT oid FROM pg_namespace WHERE nspname ~ '^pg_' OR nspname = 'information_schema')
SELECT md5(string_agg(item, ',' ORDER BY item)) FROM (
    SELECT format('%s:%s', oid, relnatts) AS item FROM pg_class WHERE relnamespace NOT IN (SELECT oid FROM system)
    UNION ALL SELECT oid::text FROM pg_constraint WHERE connamespace NOT IN (SELECT oid FROM system)
    UNION ALL SELECT oid::text FROM pg_proc WHERE pronamespace NOT IN (SELECT oid FROM system)
    UNION ALL SELECT oid::text FROM pg_type WHERE typnamespace NOT IN (SELECT oid FROM system)
    UNION ALL SELECT oid::text FROM pg_trigger
) AS items
"""
_MYSQL_FINGERPRINT = """
SELECT table_name, column_name, column_type FROM information_schema.columns WHERE table_schema = database()
UNION ALL SELECT trigger_name, '', action_statement FROM information_schema.triggers WHERE trigger_schema = database()
ORDER BY 1, 2
"""


def sync_url(url: URL) -> URL:
    """The same database for a synchronous driver."""
    return url.set(drivername=SYNC_DRIVERS[url.get_backend_name()])


def open_store(driver: str, folder: Path, admin_url: str | None) -> Store:
    """The store for a URL's `dialect+driver`."""
    if admin_url is None:
        return SQLiteStore(folder, driver)
    store = PostgreSQLStore if driver.startswith("postgresql") else MySQLStore
    return store(sync_url(make_url(admin_url)), driver)


def _file(url: URL) -> Path:
    return Path(url.database or "")


@contextmanager
def _connected(url: URL) -> Generator[Connection]:
    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection


@contextmanager
def _reused(engines: dict[URL, Engine], url: URL) -> Generator[Connection]:
    """The one connection kept for the database of `url`."""
    engine = engines.get(url)
    if engine is None:
        engine = engines[url] = create_engine(sync_url(url), pool_size=1, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
