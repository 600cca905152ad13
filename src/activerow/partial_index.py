"""Unique among a part of the rows, on every backend.

PostgreSQL and SQLite have `CREATE UNIQUE INDEX ... WHERE`. MySQL and MariaDB do not: there the index gets a generated,
invisible column beside it, 1 for the rows that count and NULL for all others, which are never equal to one another.
`mysql_where=` of any `Index` asks for that, as `postgresql_where=` and `sqlite_where=` do elsewhere; in migrations
too.
"""

from typing import Any, Final

from sqlalchemy import Column, Index, Table, event, text
from sqlalchemy.sql.elements import conv

from activerow.backends import has_marker, marker

VISIBLE: Final = "activerow_visible"
"""In the `info` of an index: it covers the rows that reads do not pass over."""


def unique_where(
    condition: str, *columns: str | Column[Any], name: str | None = None, info: dict[Any, Any] | None = None
) -> Index:
    """A unique index over the rows for which `condition` holds, to stand in `__table_args__`.

    Args:
        condition: SQL that every backend understands.
        columns: Columns, or their names.
        name: By default `uq_<table>_<columns>`.
        info: The index's `info`.
    """
    where = text(condition)
    index = Index(name, *columns, unique=True, info=info, postgresql_where=where, sqlite_where=where, mysql_where=where)
    if name is None:
        event.listen(index, "after_parent_attach", _give_name)
    return index


def _give_name(index: Index, table: Table[Any]) -> None:
    index.name = conv("_".join(("uq", table.name, *[column.name for column in index.columns])))


def include_object(thing: Any, name: str | None, kind: str, reflected: bool, compare_to: Any) -> bool:
    """Alembic's `include_object`: what MySQL and MariaDB have beside such an index is no difference to the models."""
    if kind == "column" and reflected:
        return not (thing.computed is not None and any(marker(index) == name for index in thing.table.indexes))
    if kind == "index" and not reflected and compare_to is not None and has_marker(thing):
        names = [column.name for column in thing.columns]
        return [column.name for column in compare_to.columns] != [*names, marker(thing)]
    return True
