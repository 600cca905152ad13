"""What may be wrong with a database, one check after the other."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sqlalchemy import Connection, inspect, text
from sqlalchemy.pool import QueuePool

from activerow.database import Database
from activerow.errors import ActiveRowError
from activerow.migrations.errors import MigrationError, ProjectError
from activerow.migrations.migrations import Migrations
from activerow.migrations.running import several_heads

State = Literal["ok", "warning", "failed"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: What.
        state: `ok`, `warning`, or `failed`.
        detail: What was seen, and what to do about it.
    """

    name: str
    state: State
    detail: str


async def diagnose(migrations: Migrations) -> AsyncGenerator[Check]:
    """Look at connection, server, pool, character set, time zone, indexes, revisions and drift."""
    database = migrations.database
    yield Check("database", "ok", where(database))
    try:
        await database.connect()
    except ActiveRowError as error:
        yield Check("connection", "failed", f"{error}; `activerow createdb` makes a database that is not there")
        return
    yield Check("connection", "ok", "can be reached")
    async with database.engine.connect() as connection:
        for check in await connection.run_sync(_server, database):
            yield check
    async for check in _revisions(migrations):
        yield check


def where(database: Database) -> str:
    """The URL without its password; a file with its whole path."""
    url = database.url
    if url is None:
        return "no URL"
    if url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:":
        url = url.set(database=str(Path(url.database).absolute()))
    return url.render_as_string()


def _server(connection: Connection, database: Database) -> list[Check]:
    name = connection.dialect.name
    checks = [Check("server", "ok", _version(connection, name)), _pool(connection)]
    if name == "sqlite":
        checks.append(_setting(connection, "PRAGMA journal_mode", "journal", "wal"))
        checks.append(_setting(connection, "PRAGMA foreign_keys", "foreign keys", "1"))
    elif name == "postgresql":
        checks.append(_setting(connection, "SHOW server_encoding", "character set", "UTF8"))
        checks.append(_zone(str(connection.execute(text("SHOW timezone")).scalar())))
    else:
        checks.append(_setting(connection, "SELECT @@character_set_database", "character set", "utf8mb4"))
        checks.append(_zone(str(connection.execute(text("SELECT @@session.time_zone")).scalar())))
        checks.append(_recycle(connection))
    missing = sorted(_keys_without_index(connection, database))
    seen = "every foreign key has one" if not missing else f"missing: {', '.join(missing)}: deletes scan the table"
    checks.append(Check("indexes of foreign keys", "warning" if missing else "ok", seen))
    return checks


def _version(connection: Connection, name: str) -> str:
    statement = "SELECT sqlite_version()" if name == "sqlite" else "SELECT version()"
    found = str(connection.execute(text(statement)).scalar())
    return f"SQLite {found}" if name == "sqlite" else found.partition(" on ")[0]


def _pool(connection: Connection) -> Check:
    pool = connection.engine.pool
    if not isinstance(pool, QueuePool):
        return Check("pool", "ok", type(pool).__name__)
    overflow: int = getattr(pool, "_max_overflow", 0)
    return Check("pool", "ok", f"{pool.size()} connections, {overflow} more at peaks")


def _setting(connection: Connection, statement: str, name: str, wanted: str) -> Check:
    found = str(connection.execute(text(statement)).scalar())
    right = found.lower() == wanted.lower()
    return Check(name, "ok" if right else "warning", found if right else f"{found}; {wanted} is what it should be")


def _zone(found: str) -> Check:
    right = found.upper() in {"UTC", "+00:00", "ETC/UTC", "SYSTEM", "GMT"}
    remedy = "" if right else ": now() and CURRENT_TIMESTAMP are in that zone; UTCDateTime columns are not concerned"
    return Check("time zone", "ok" if right else "warning", f"{found}{remedy}")


def _recycle(connection: Connection) -> Check:
    patience = int(connection.execute(text("SELECT @@wait_timeout")).scalar() or 0)
    recycle = int(getattr(connection.engine.pool, "_recycle", -1))
    right = 0 < recycle < patience
    cure = "" if right else f": set pool_recycle below {patience}, or the server hangs up first"
    return Check("pool_recycle", "ok" if right else "warning", f"{recycle} s, wait_timeout {patience} s{cure}")


def _keys_without_index(connection: Connection, database: Database) -> set[str]:
    inspector = inspect(connection)
    known = {table.name for metadata in database.metadata for table in metadata.tables.values()}
    missing: set[str] = set()
    for table in known & set(inspector.get_table_names()):
        served = [tuple(inspector.get_pk_constraint(table)["constrained_columns"])]
        served += [tuple(map(str, index["column_names"])) for index in inspector.get_indexes(table)]
        served += [tuple(unique["column_names"]) for unique in inspector.get_unique_constraints(table)]
        for key in inspector.get_foreign_keys(table):
            columns = tuple(key["constrained_columns"])
            if not any(index[: len(columns)] == columns for index in served):
                missing.add(f"{table}.{'+'.join(columns)}")
    return missing


async def _revisions(migrations: Migrations) -> AsyncGenerator[Check]:
    try:
        history = migrations.history()
        pending = await migrations.pending()
    except ProjectError as error:
        yield Check("revisions", "warning", str(error))
        return
    except MigrationError as error:
        yield Check("revisions", "failed", str(error))
        return
    heads = [revision.revision for revision in history if revision.is_head]
    if len(heads) > 1:
        yield Check("history", "warning", str(several_heads(heads)))
    stopped = await migrations.unfinished()
    if stopped is not None:
        detail = f"{stopped.error()}. Repair what comes after them in the file first, where that is what failed"
        yield Check("unfinished revision", "failed", detail)
    at = ", ".join(await migrations.current()) or "none yet"
    if pending:
        yield Check("revisions", "warning", f"at {at}; {len(pending)} of {len(history)} to apply: `activerow upgrade`")
        return
    yield Check("revisions", "ok", f"at {at}, {len(history)} in all")
    changes = await migrations.check()
    drift = f"{len(changes)} difference(s), `activerow check` lists them" if changes else "models and database agree"
    yield Check("drift", "warning" if changes else "ok", drift)
