"""Rows that are made up from the types of their columns."""

import datetime
import decimal
import re
import uuid
from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    Boolean,
    CheckConstraint,
    Column,
    Connection,
    Date,
    DateTime,
    Enum,
    Float,
    Integer,
    Interval,
    LargeBinary,
    MetaData,
    Numeric,
    String,
    Table,
    Time,
    Uuid,
    insert,
    schema,
    select,
)
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.types import JSON

from activerow.migrations.errors import MigrationError
from activerow.migrations.schema import is_bookkeeping


def fill_empty_tables(connection: Connection) -> None:
    """One row in each table that has none, with values made up from the types of its columns.

    Raises:
        MigrationError: The server refuses a row, because of a CHECK for example.
    """
    metadata = MetaData()
    metadata.reflect(connection, only=lambda name, _: not is_bookkeeping(name))
    untyped: Any = schema
    for table, _ in untyped.sort_tables_and_constraints(metadata.tables.values()):  # which bears circles
        if table is not None and connection.execute(select(table).limit(1)).first() is None:
            try:
                connection.execute(insert(table).values(_row(connection, table)))
            except SQLAlchemyError as error:
                raise MigrationError(
                    f"walk could not make up a row for {table.name!r}: {getattr(error, 'orig', error)}."
                    " Give one with `seed=`, a function that puts rows into the tables"
                ) from error


def _row(connection: Connection, table: Table) -> dict[str, Any]:
    row = {column.name: _sample(column, table) for column in table.columns if _is_needed(column)}
    for key in table.foreign_key_constraints:
        if key.referred_table is table:
            row |= {
                element.parent.name: None if element.parent.nullable else row.get(element.column.name)
                for element in key.elements
            }
            continue
        there = connection.execute(select(*[element.column for element in key.elements]).limit(1)).first()
        for number, element in enumerate(key.elements):
            row[element.parent.name] = there[number] if there is not None else None
    return row


def _is_needed(column: Column[Any]) -> bool:
    generated = column.computed is not None or column.identity is not None or column.server_default is not None
    return not generated and column is not column.table.autoincrement_column


_MOMENT: Final = datetime.datetime(2026, 1, 2, 3, 4, 5)  # noqa: DTZ001  (reflected columns may have no time zone)
_SAMPLES: Final[tuple[tuple[type[Any], Any], ...]] = (
    (Boolean, True),
    (Integer, 1),
    (DateTime, _MOMENT),
    (Date, _MOMENT.date()),
    (Time, _MOMENT.time()),
    (Interval, datetime.timedelta(minutes=1)),
    (Uuid, uuid.UUID(int=1)),
    (LargeBinary, b"x"),
    (JSON, {}),
)


def _sample(column: Column[Any], table: Table) -> Any:
    kind = column.type
    if isinstance(kind, Enum):
        return kind.enums[0]
    if isinstance(kind, Float):
        return 1.5
    if isinstance(kind, Numeric):
        return decimal.Decimal(1)
    if isinstance(kind, String):
        return (
            _allowed(column, table) or "1"
        )  # which is JSON, too: MariaDB checks its JSON columns, and calls them texts
    if isinstance(kind, DateTime) and kind.timezone:
        return _MOMENT.replace(tzinfo=datetime.UTC)
    if isinstance(kind, ARRAY):
        return []
    return next((value for known, value in _SAMPLES if isinstance(kind, known)), None)


def _allowed(column: Column[Any], table: Table) -> str | None:
    """The first of the texts that a CHECK allows, as that of an `Enum` does."""
    for rule in table.constraints:
        condition = str(rule.sqltext) if isinstance(rule, CheckConstraint) else ""
        if re.search(rf"\b{re.escape(column.name)}\b.*(\bIN\b|\bANY\b)", condition, re.IGNORECASE):
            return next(iter(re.findall(r"'([^']+)'", condition)), None)
    return None
