"""The databases of the peers: made, put back and dropped from outside of the worker, over plain synchronous drivers.

From outside, because peers in Rust bring an SQLite of their own, and two of them in one process break each other's
locks.
"""

import shutil
import sqlite3
from collections.abc import Callable, Generator, Iterable
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

import psycopg
import pymysql

from benchmarks.peer import Dialect, Target
from benchmarks.rows import TABLES, accounts, doomed, posts

_PUT_BACK = (
    "DELETE FROM account WHERE id > {accounts}",
    "UPDATE account SET balance = id * 10 WHERE balance <> id * 10",
    "UPDATE account SET name = {name} WHERE name <> {name}",
)


class Store(Protocol):
    """Where the databases of one kind of server are."""

    mark: str

    def make(self, name: str, accounts: int) -> Target:
        """A database with that many accounts, and all posts."""
        ...

    def drop(self, target: Target) -> None:
        """Remove it."""
        ...

    def connected(self, target: Target) -> AbstractContextManager[Any]:
        """A connection of the DB-API that commits by itself."""
        ...

    def version(self) -> str:
        """The server's."""
        ...

    def close(self) -> None:
        """Remove what is left."""
        ...


class SQLiteStore:
    """Files in a folder."""

    mark = "?"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def make(self, name: str, accounts: int) -> Target:
        template = self._folder / f"template_{accounts}.db"
        if not template.exists():
            with closing(sqlite3.connect(template, isolation_level=None)) as connection:
                connection.execute("PRAGMA journal_mode=WAL")
                _fill(connection, "sqlite", self.mark, accounts)
                connection.execute("ANALYZE")
        target = Target("sqlite", str(self._folder / f"{name}.db"))
        self.drop(target)
        shutil.copy(template, target.name)
        return target

    def drop(self, target: Target) -> None:
        for ending in ("", "-wal", "-shm"):
            Path(target.name + ending).unlink(missing_ok=True)

    @contextmanager
    def connected(self, target: Target) -> Generator[sqlite3.Connection]:
        with closing(sqlite3.connect(target.name, timeout=30, isolation_level=None)) as connection:
            yield connection

    def version(self) -> str:
        return sqlite3.sqlite_version

    def close(self) -> None:
        """The folder is its owner's."""


class PostgreSQLStore:
    """A server. A database is a copy of one that was filled once."""

    mark = "%s"

    def __init__(self, admin_url: str) -> None:
        self._server = _server(admin_url, "postgresql", 5432)
        self._templates: dict[int, str] = {}

    def make(self, name: str, accounts: int) -> Target:
        if accounts not in self._templates:
            template = self._targeted(f"{name}_template")
            self._recreate(template.name)
            with self.connected(template) as connection:
                _fill(connection, "postgresql", self.mark, accounts)
                for table, rows in (("account", accounts), ("post", len(list(posts())))):
                    connection.execute("SELECT setval(%s, %s)", (f"{table}_id_seq", rows))
                connection.execute("ANALYZE")
            self._templates[accounts] = template.name
        self._recreate(name, f'TEMPLATE "{self._templates[accounts]}"')
        return self._targeted(name)

    def drop(self, target: Target) -> None:
        with self.connected(self._server) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{target.name}" WITH (FORCE)')

    @contextmanager
    def connected(self, target: Target) -> Generator[Any]:
        login: dict[str, Any] = {
            "host": target.host,
            "port": target.port,
            "user": target.user,
            "password": target.password or None,
        }
        with closing(
            psycopg.connect(dbname=target.name, password=target.password or None, autocommit=True, **login)
        ) as connection:
            yield connection

    def version(self) -> str:
        with self.connected(self._server) as connection:
            return str(connection.execute("SHOW server_version").fetchone()[0])

    def close(self) -> None:
        """Drop what copies were made of."""
        for template in self._templates.values():
            self.drop(self._targeted(template))

    def _recreate(self, name: str, how: str = "") -> None:
        self.drop(self._targeted(name))
        with self.connected(self._server) as connection:
            connection.execute(f'CREATE DATABASE "{name}" {how}')

    def _targeted(self, name: str) -> Target:
        return replace(self._server, name=name)


class MySQLStore:
    """A server."""

    mark = "%s"

    def __init__(self, admin_url: str) -> None:
        self._server = _server(admin_url, "mysql", 3306)

    def make(self, name: str, accounts: int) -> Target:
        target = replace(self._server, name=name)
        self.drop(target)
        with self.connected(self._server) as connection:
            connection.cursor().execute(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4")
        with self.connected(target) as connection:
            _fill(connection, "mysql", self.mark, accounts)
        return target

    def drop(self, target: Target) -> None:
        with self.connected(self._server) as connection:
            connection.cursor().execute(f"DROP DATABASE IF EXISTS `{target.name}`")

    @contextmanager
    def connected(self, target: Target) -> Generator[Any]:
        login: dict[str, Any] = {"host": target.host, "port": target.port, "user": target.user}
        with closing(
            pymysql.connect(database=target.name, password=target.password, autocommit=True, **login)
        ) as connection:
            yield connection

    def version(self) -> str:
        with self.connected(self._server) as connection:
            return str(connection.get_server_info())

    def close(self) -> None:
        """Nothing is kept between two peers."""


class Keeper:
    """What a worker asks for while it waits: the state of its database, and rows to delete."""

    def __init__(self, store: Store, target: Target, accounts: int) -> None:
        self._store, self._target, self._accounts = store, target, accounts
        self.answers: dict[str, Callable[[int], object]] = {
            "state": lambda _: self.state(),
            "doomed": self.doom,
            "put_back": lambda _: self.put_back(),
        }

    def state(self) -> list[int]:
        """The number of accounts, and the sum of their balances."""
        with self._store.connected(self._target) as connection:
            cursor = connection.cursor()
            cursor.execute("SELECT count(*), sum(balance) FROM account")
            return [int(value) for value in cursor.fetchone()]

    def doom(self, count: int) -> list[int]:
        """Make rows that may be deleted; their keys."""
        rows = list(doomed(count))
        with self._store.connected(self._target) as connection:
            _insert(connection, "account", [(*row[:2], f"doomed{row[0]}", *row[3:]) for row in rows], self._store.mark)
        return [int(str(row[0])) for row in rows]

    def put_back(self) -> None:
        """Undo what the tasks wrote."""
        name = "'Name ' || id" if self._target.dialect != "mysql" else "concat('Name ', id)"
        with self._store.connected(self._target) as connection:
            cursor = connection.cursor()
            for statement in _PUT_BACK:
                cursor.execute(statement.format(accounts=self._accounts, name=name))
            if self._target.dialect == "postgresql":
                cursor.execute("VACUUM account")


def _fill(connection: Any, dialect: Dialect, mark: str, count: int) -> None:
    for statement in TABLES[dialect].split(";"):
        connection.cursor().execute(statement)
    _insert(connection, "account", accounts(1, count), mark)
    _insert(connection, "post", posts(), mark)


def _insert(connection: Any, table: str, rows: Iterable[tuple[object, ...]], mark: str) -> None:
    rows = list(rows)
    cursor = connection.cursor()
    cursor.execute("BEGIN")
    if mark == "?":
        rows = [tuple(str(value) if hasattr(value, "isoformat") else value for value in row) for row in rows]
    cursor.executemany(f"INSERT INTO {table} VALUES ({', '.join([mark] * len(rows[0]))})", rows)  # noqa: S608 - our tables
    cursor.execute("COMMIT")


def _server(url: str, dialect: Dialect, port: int) -> Target:
    said = urlsplit(url)
    return Target(
        dialect,
        said.path.strip("/"),
        said.hostname or "127.0.0.1",
        said.port or port,
        unquote(said.username or ""),
        unquote(said.password or ""),
    )
