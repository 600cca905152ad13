"""What hangs on a table of SQLite, and goes with it when it is dropped."""

from dataclasses import dataclass
from typing import Self

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from activerow.migrations.schema import quoted


@dataclass(frozen=True, slots=True)
class Dependents:
    """Indexes and triggers of a table, and where its AUTOINCREMENT stands."""

    table: str
    statements: tuple[str, ...]
    counter: int | None

    @classmethod
    def read(cls, connection: Connection, table: str, dropped: set[str]) -> Self:
        """Those of a table, but for the indexes of columns that are dropped."""
        found = connection.exec_driver_sql(
            "SELECT type, name, sql FROM sqlite_master WHERE lower(tbl_name) = lower(?)"
            " AND type IN ('index', 'trigger') AND sql IS NOT NULL ORDER BY rowid",
            (table,),
        ).all()
        kept = [sql for kind, name, sql in found if kind == "trigger" or not _columns(connection, name) & dropped]
        return cls(table, tuple(kept), _counter(connection, table))

    def restore(self, connection: Connection) -> None:
        """Make them again, for the table's successor."""
        for statement in self.statements:
            connection.exec_driver_sql(statement)
        if self.counter is not None and _counter(connection, self.table) != self.counter:
            connection.exec_driver_sql("DELETE FROM sqlite_sequence WHERE name = ?", (self.table,))
            connection.exec_driver_sql("INSERT INTO sqlite_sequence VALUES (?, ?)", (self.table, self.counter))


def _columns(connection: Connection, index: str) -> set[str]:
    return {row[2] for row in connection.exec_driver_sql(f"PRAGMA index_info({quoted(index)})")}


def _counter(connection: Connection, table: str) -> int | None:
    """The last number that AUTOINCREMENT has given, which is never given again."""
    if not connection.exec_driver_sql("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'").scalar():
        return None
    return connection.exec_driver_sql("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)).scalar()


def broken(connection: Connection) -> dict[str, str]:
    """The views and triggers that do not work, with what SQLite says of them."""
    found: dict[str, str] = {}
    objects = connection.exec_driver_sql(
        "SELECT type, name, tbl_name FROM sqlite_master WHERE type IN ('view', 'trigger') ORDER BY rowid"
    ).all()
    for kind, name, table in objects:
        statements = [f"SELECT * FROM {quoted(name)}"] if kind == "view" else _writes(connection, table)  # noqa: S608
        for statement in statements:
            try:
                connection.exec_driver_sql(f"EXPLAIN {statement}").close()
            except DBAPIError as error:
                found[f"{kind} {name!r}"] = str(error.orig)
    return found


def _writes(connection: Connection, table: str) -> list[str]:
    """Statements that run the triggers of a table or view."""
    columns = [row[1] for row in connection.exec_driver_sql(f"PRAGMA table_info({quoted(table)})")]
    own = ", ".join(f"{quoted(column)} = {quoted(column)}" for column in columns)
    return [
        f"INSERT INTO {quoted(table)} DEFAULT VALUES",
        f"UPDATE {quoted(table)} SET {own}",  # noqa: S608
        f"DELETE FROM {quoted(table)}",  # noqa: S608
    ]
