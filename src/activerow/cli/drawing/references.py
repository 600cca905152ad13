"""What tables refer to, as a diagram shows it."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import ForeignKeyConstraint, Table, UniqueConstraint


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key.

    Attributes:
        child: The table that refers.
        local: Its columns.
        parent: The table that is referred to.
        remote: Its columns.
        optional: There may be nobody at the other end.
        single: No two rows refer to the same one.
    """

    child: str
    local: tuple[str, ...]
    parent: str
    remote: tuple[str, ...]
    optional: bool
    single: bool


def references(tables: Iterable[Table]) -> list[Reference]:
    """The foreign keys of `tables`, in the order of their tables and columns."""
    return [_reference(table, key) for table in tables for key in sorted(table.foreign_key_constraints, key=_order)]


def _order(key: ForeignKeyConstraint) -> list[str]:
    return [column.name for column in key.columns]


def _reference(table: Table, key: ForeignKeyConstraint) -> Reference:
    return Reference(
        child=table.name,
        local=tuple(element.parent.name for element in key.elements),
        parent=key.referred_table.name,
        remote=tuple(element.column.name for element in key.elements),
        optional=any(column.nullable for column in key.columns),
        single=_is_unique(table, {column.name for column in key.columns}),
    )


def _is_unique(table: Table, names: set[str]) -> bool:
    unique = [{column.name for column in table.primary_key.columns}]
    unique += [{c.name for c in rule.columns} for rule in table.constraints if isinstance(rule, UniqueConstraint)]
    unique += [{column.name for column in index.columns} for index in table.indexes if index.unique]
    return any(columns and columns <= names for columns in unique)
