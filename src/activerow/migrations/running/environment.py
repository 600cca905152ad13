"""What a migration folder's `env.py` calls: `run()`, whether our commands or plain `alembic` started it."""

import asyncio
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, Final, cast

from alembic import context
from alembic.config import Config
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, MetaData

from activerow.database import Database
from activerow.database.engine import sqlite_setup
from activerow.migrations.errors import MigrationError
from activerow.migrations.project import find_project
from activerow.migrations.running import progress
from activerow.migrations.running.connecting import connection_of
from activerow.migrations.running.rebuilding import SqliteOperations
from activerow.migrations.schema import Ownership, comparison

CONNECTION: Final = "activerow_connection"
DATABASE: Final = "activerow_database"
OPTIONS: Final = "activerow_options"
VERSION_TABLE: Final = "activerow_version_table"


def run(name: str | None = None, **options: Any) -> None:
    """Do what Alembic was asked for, on the database of the project.

    Args:
        name: Which database, where `[tool.activerow]` names several.
        options: Alembic's, for `context.configure`: `include_object=...` leaves something out of comparisons.

    Raises:
        ProjectError: The project's settings are missing or wrong.
        MigrationError: A revision could not be applied.
    """
    config = context.config
    database = cast("Database | None", config.attributes.get(DATABASE))
    if database is None:
        project = find_project(Path(config.get_alembic_option("script_location", ".")), name)
        config.attributes[VERSION_TABLE] = project.version_table
        database = project.load()
    config.attributes[OPTIONS] = options | cast("dict[str, Any]", config.attributes.get(OPTIONS, {}))
    if context.is_offline_mode():
        _write_sql(config, database)
    elif CONNECTION in config.attributes:
        migrate(config.attributes[CONNECTION], config, database)
    else:
        asyncio.run(_connect_and_migrate(config, database))


async def _connect_and_migrate(config: Config, database: Database) -> None:
    try:
        async with connection_of(database) as connection:
            await connection.run_sync(migrate, config, database)
    finally:
        await database.dispose()


def migrate(connection: Connection, config: Config, database: Database) -> None:
    """Run the work that Alembic has prepared, in the transactions that the server's kind allows.

    SQLite: all in one, which is also the lock against other processes. PostgreSQL: one for each revision. MySQL and
    MariaDB commit each change of the schema by themselves; how far a revision came is written down.
    """
    dialect = connection.dialect.name
    sqlite = dialect == "sqlite"
    if sqlite:
        sqlite_setup.without_foreign_keys(connection)
    with connection.begin() if sqlite else nullcontext():
        if sqlite:
            sqlite_setup.begin_immediate(connection)
        context.configure(
            connection=connection,
            transaction_per_migration=not sqlite,
            **_options(config, database, connection),
        )
        if dialect in {"mysql", "mariadb"}:
            progress.Progress.follow(context.get_context(), connection)
        with _operations(context.get_context()), context.begin_transaction():
            context.get_context().run_migrations()
        if sqlite:
            _check_foreign_keys(connection)


@contextmanager
def _operations(migrations: MigrationContext) -> Generator[None]:
    """Let `op` stand for our operations during the block."""
    kind = SqliteOperations if migrations.dialect.name == "sqlite" else Operations
    operations: Any = kind(migrations)
    operations._install_proxy()
    try:
        yield
    finally:
        operations._remove_proxy()


def _options(config: Config, database: Database, connection: Connection | None = None) -> dict[str, Any]:
    ownership = Ownership(database.metadata, context.script, connection)
    ours = comparison(ownership)
    given = dict(cast("Mapping[str, Any]", config.attributes.get(OPTIONS, {})))
    if "include_object" in given:
        given["include_object"] = _both(ours["include_object"], given["include_object"])
    named = {"version_table": config.attributes[VERSION_TABLE]}
    return {"target_metadata": _target(database.metadata), **ours, "user_module_prefix": None, **named, **given}


def _both(first: Callable[..., bool], second: Callable[..., bool]) -> Callable[..., bool]:
    def include(*args: Any) -> bool:
        return first(*args) and second(*args)

    return include


def _target(metadata: tuple[MetaData, ...]) -> Any:
    return metadata[0] if len(metadata) == 1 else list(metadata)


def _write_sql(config: Config, database: Database) -> None:
    url = database.url
    dialect = database.dialect
    context.configure(
        url=url,
        dialect_name=None if url is not None else dialect,
        literal_binds=True,
        dialect_opts={"paramstyle": "named"},
        transactional_ddl=dialect != "mysql",
        **_options(config, database),
    )
    with context.begin_transaction():
        context.run_migrations()


def _check_foreign_keys(connection: Connection) -> None:
    """SQLite checks no references while tables are rebuilt: what was broken meanwhile is refused at the end."""
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    if broken:
        tables = ", ".join(sorted({f"{row[0]} -> {row[2]}" for row in broken}))
        raise MigrationError(
            f"{len(broken)} row(s) refer to rows that are not there ({tables}); nothing was changed."
            " Repair them in the revision, before its end"
        )


def migration_context(connection: Connection) -> MigrationContext:
    """Alembic's own view of a connection, to ask for the current revision."""
    return MigrationContext.configure(connection)
