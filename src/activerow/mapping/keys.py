"""The keys that single out a row: the primary key, unique constraints and unique indexes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Column, ColumnElement, Index, PrimaryKeyConstraint, UniqueConstraint
from sqlalchemy.sql.schema import SchemaItem

from activerow.mapping.inspection import attribute_of, mapper_of, primary_key_names, tables_of
from activerow.partial_index import VISIBLE


@dataclass(frozen=True, slots=True, eq=False)
class UniqueKey:
    """Attributes whose values no two rows have.

    Attributes:
        names: The attributes, in the order of the key.
        where: The condition on the rows that it covers; None for all rows.
        visible: It covers the rows that reads show, so that its values single out one of them.
        deferrable: It may be checked at the end of a transaction only.
        nulls_agree: Rows without a value count as equal: NULLS NOT DISTINCT.
    """

    names: tuple[str, ...]
    where: ColumnElement[bool] | None = None
    visible: bool = True
    deferrable: bool = False
    nulls_agree: bool = False


def unique_keys(model: type) -> tuple[frozenset[str], ...]:
    """Sets of attributes whose values single out one of the rows that reads show, whatever the server."""
    keys = (frozenset(key.names) for key in keys_of(model) if key.where is None or key.visible)
    return tuple(dict.fromkeys(keys))


def keys_of(model: type, dialect: str | None = None) -> tuple[UniqueKey, ...]:
    """The keys of a model, its primary key first; indexes over expressions are none.

    Args:
        model: A mapped class.
        dialect: Of the server that is asked: an index may cover a part of the rows there, and all of them elsewhere.
            Without one, what is partial anywhere is partial.
    """
    mapper = mapper_of(model)
    table: Any = mapper.local_table
    keys = [UniqueKey(primary_key_names(model), deferrable=_is_deferrable(getattr(table, "primary_key", None)))]
    for owner in tables_of(mapper):
        for part in (*owner.constraints, *owner.indexes):
            names = [attribute_of(mapper, column) for column in _unique_columns(part)]
            if names and None not in names:
                keys.append(_key(tuple(cast("list[str]", names)), part, dialect))
    return tuple(keys)


def _unique_columns(part: SchemaItem) -> list[Column[Any]]:
    if isinstance(part, UniqueConstraint | PrimaryKeyConstraint):
        return list(part.columns)
    if isinstance(part, Index) and part.unique and all(isinstance(each, Column) for each in part.expressions):
        return cast("list[Column[Any]]", list(part.expressions))
    return []


def _key(names: tuple[str, ...], part: SchemaItem, dialect: str | None) -> UniqueKey:
    where = next((value for name, value in _options(part, "_where") if dialect in {None, name}), None)
    return UniqueKey(
        names,
        where=where,
        visible=where is None or VISIBLE in part.info,
        deferrable=_is_deferrable(part),
        nulls_agree=any(value for name, value in _options(part, "_nulls_not_distinct") if name == dialect),
    )


def _options(part: SchemaItem, ending: str) -> list[tuple[str, Any]]:
    """What dialects are told about a key with their options of that ending: `postgresql_where`, `sqlite_where`."""
    given: Mapping[str, Any] = getattr(part, "dialect_kwargs", {})
    return [
        (name.removesuffix(ending), value)
        for name, value in given.items()
        if name.endswith(ending) and value is not None
    ]


def _is_deferrable(part: object) -> bool:
    return bool(getattr(part, "deferrable", None) or getattr(part, "initially", None))
