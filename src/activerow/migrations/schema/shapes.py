"""What a schema looks like, in terms that every backend shares: to tell which revision made it."""

import warnings
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, inspect
from sqlalchemy.exc import SAWarning

from activerow.migrations.schema.bookkeeping import is_bookkeeping


@dataclass(frozen=True, slots=True)
class TableShape:
    """One table: its columns with whether they take NULL, its keys, and what it refers to."""

    columns: frozenset[tuple[str, bool]]
    primary_key: tuple[str, ...]
    unique: frozenset[frozenset[str]]
    references: frozenset[tuple[tuple[str, ...], str, tuple[str, ...]]]


Shape = dict[str, TableShape]


def shape_of(connection: Connection, known: Collection[str] | None = None) -> Shape:
    """The tables of the connection's default schema (the known ones), without those of the migrations themselves."""
    inspector = inspect(connection)
    wanted = {name for name in inspector.get_table_names() if not is_bookkeeping(name)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)  # indexes of expressions are no part of a shape
        return {name: _table(inspector, name) for name in wanted if known is None or name in known}


def _table(inspector: Any, name: str) -> TableShape:
    primary_key = tuple(inspector.get_pk_constraint(name)["constrained_columns"])
    columns = {
        (column["name"], bool(column["nullable"]) and column["name"] not in primary_key)
        for column in inspector.get_columns(name)
    }
    indexes = [index["column_names"] for index in inspector.get_indexes(name) if index.get("unique")]
    constraints = [constraint["column_names"] for constraint in inspector.get_unique_constraints(name)]
    unique = {frozenset(names) for names in (*indexes, *constraints) if names and None not in names}
    references = {
        (tuple(key["constrained_columns"]), key["referred_table"], tuple(key["referred_columns"]))
        for key in inspector.get_foreign_keys(name)
    }
    return TableShape(frozenset(columns), primary_key, frozenset(unique), frozenset(references))
