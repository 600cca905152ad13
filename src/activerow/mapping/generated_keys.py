"""Primary keys that the database numbers: which column that is, and that it counts on every server."""

from typing import Any

from sqlalchemy import Column, Identity, Integer, Sequence, Table
from sqlalchemy.orm import Mapper

from activerow.backends import counting


def count_everywhere(mapper: Mapper[Any]) -> None:
    """Give the generated key of a model a type that every server counts, such as INTEGER on SQLite for a BIGINT.

    Elsewhere the column is what the model says. Types that are told apart by server already stay as they are.
    """
    table = mapper.local_table
    if not isinstance(table, Table) or len(table.primary_key) != 1:
        return
    column: Column[Any] = next(iter(table.primary_key))
    if is_generated(column) and isinstance(column.type, Integer):
        column.type = counting(column.type)


def is_generated(column: Column[Any]) -> bool:
    """Whether the database numbers the only column of a primary key where no value is given."""
    made = column.default is None or isinstance(column.default, Sequence)
    told = column.server_default is None or isinstance(column.server_default, Identity)
    refers = bool(column.foreign_keys) and column.autoincrement is not True
    return column.autoincrement is not False and made and told and not refers
