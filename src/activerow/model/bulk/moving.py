"""Columns that move with every UPDATE of their row, unless they are given a value: `updated_at`."""

from collections.abc import Container, Mapping
from typing import Any

from sqlalchemy import Column, Table, bindparam

from activerow.model.bulk.layout import RowContext


def moved(table: Table, given: Container[Column[Any]], now: Mapping[str, Any]) -> dict[Column[Any], Any]:
    """What an UPDATE sets beside the columns it is `given`; `now` is what `fresh` gives."""
    values: dict[Column[Any], Any] = {}
    for index, column in enumerate(table.c):
        change: Any = column.onupdate
        if change is not None and column not in given:
            of_python = f"u{index}"
            values[column] = (
                change.arg if change.is_clause_element else bindparam(of_python, now[of_python], column.type)
            )
    return values


def fresh(table: Table) -> dict[str, Any]:
    """The values, now, of what Python moves, by the name of their parameter."""
    values: dict[str, Any] = {}
    for index, column in enumerate(table.c):
        change: Any = column.onupdate
        if change is not None and not change.is_clause_element:
            values[f"u{index}"] = change.arg(RowContext()) if change.is_callable else change.arg
    return values
