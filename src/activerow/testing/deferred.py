"""Constraints that are checked at COMMIT: a savepoint that is released does not check them."""

from collections.abc import Callable
from functools import partial
from typing import Any

from activerow.database import Database


def deferred_check(db: Database) -> Callable[[Any], None] | None:
    """What checks them on a driver's connection, as COMMIT would; None where the tables have none."""
    constraints = (each for metadata in db.metadata for table in metadata.tables.values() for each in table.constraints)
    check = db.engines.backend.check_deferred
    if check is None or not any(each.deferrable or each.initially for each in constraints):
        return None
    return lambda connection: check(partial(send, connection))


def send(connection: Any, statement: str) -> list[Any]:
    """Run a statement past SQLAlchemy, and give its rows."""
    cursor = connection.cursor()
    try:
        cursor.execute(statement)
        return list(cursor.fetchall()) if cursor.description else []
    finally:
        cursor.close()
