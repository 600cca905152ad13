"""Constraints that are checked at COMMIT: a savepoint that is released does not check them."""

import sqlite3
from collections.abc import Callable
from typing import Any, Final

from activerow.database import Database


def deferred_check(db: Database) -> Callable[[Any], None] | None:
    """What checks them on a driver's connection, as COMMIT would; None where the tables have none."""
    constraints = (each for metadata in db.metadata for table in metadata.tables.values() for each in table.constraints)
    if not any(each.deferrable or each.initially for each in constraints):
        return None
    return _CHECKS.get(db.dialect)


def send(connection: Any, statement: str) -> list[Any]:
    """Run a statement past SQLAlchemy, and give its rows."""
    cursor = connection.cursor()
    try:
        cursor.execute(statement)
        return list(cursor.fetchall()) if cursor.description else []
    finally:
        cursor.close()


def _check_postgresql(connection: Any) -> None:
    send(connection, "SAVEPOINT activerow_check")
    send(connection, "SET CONSTRAINTS ALL IMMEDIATE")
    send(connection, "ROLLBACK TO SAVEPOINT activerow_check")  # they are deferred again
    send(connection, "RELEASE SAVEPOINT activerow_check")


def _check_sqlite(connection: Any) -> None:
    if send(connection, "PRAGMA foreign_key_check"):
        error = sqlite3.IntegrityError("FOREIGN KEY constraint failed")
        error.sqlite_errorname = "SQLITE_CONSTRAINT_FOREIGNKEY"
        error.sqlite_errorcode = sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY
        connection._handle_exception(error)


_CHECKS: Final = {"postgresql": _check_postgresql, "sqlite": _check_sqlite}
