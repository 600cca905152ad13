"""Which unique key says whether a row is there."""

from collections.abc import Iterable, Sequence
from typing import Any, cast

from sqlalchemy import Column, ColumnElement, tuple_
from sqlalchemy.orm import QueryableAttribute

from activerow.backends import Backend
from activerow.errors import InvalidDataError, UnknownFieldError, UsageError
from activerow.mapping import UniqueKey, fields_of, keys_of, mapper_of, primary_key_names
from activerow.model.bulk.layout import Layout, Row

Names = str | QueryableAttribute[Any] | Iterable[str | QueryableAttribute[Any]]


def names_of(given: Names) -> tuple[str, ...]:
    """Attribute names of one or several names or mapped attributes."""
    one = isinstance(given, str | QueryableAttribute)
    several = cast("Iterable[str | QueryableAttribute[Any]]", [given] if one else given)
    return tuple(dict.fromkeys(name if isinstance(name, str) else name.key for name in several))


def deciding_key(model: type, by: Names | None, backend: Backend) -> UniqueKey:
    """The key that `by=` of a call means, on one kind of server.

    Raises:
        UnknownFieldError: A name is no column.
        UsageError: `by` is no unique key, or could be several.
    """
    keys = keys_of(model, backend.name)
    names = _default(model, keys) if by is None else names_of(by)
    found = [key for key in keys if set(key.names) == set(names)]
    columns = fields_of(model).columns
    for name in names:
        if name not in columns:
            raise UnknownFieldError(model.__name__, name, choices=columns)
    if not found:
        given = ", ".join(names) or "nothing"
        raise UsageError(f"{given} is no unique key of {model.__name__}; it has {_forms(keys)}")
    return min(found, key=lambda key: (key.deferrable, key.where is not None, not key.visible))


def refuse_other_keys(model: type, key: UniqueKey, backend: Backend) -> None:
    """Refuse an upsert that the server would decide by any unique key, where there are others.

    Raises:
        UsageError: There are.
    """
    primary, table = set(primary_key_names(model)), mapper_of(model).local_table
    keys = keys_of(model, backend.name)
    others = [_form(other) for other in keys if set(other.names) not in (set(key.names), primary)]
    indexes: Any = getattr(table, "indexes", ())
    others += [str(i.name) for i in indexes if i.unique and not all(isinstance(e, Column) for e in i.expressions)]
    if others:
        raise UsageError(
            f"{model.__name__} has another unique key ({', '.join(others)}), and MySQL's ON DUPLICATE KEY UPDATE would"
            " overwrite a row that is there by that one; use update_or_create() row by row"
        )


def key_values(model: type, call: str, key: UniqueKey, layout: Layout, row: Row) -> tuple[Any, ...]:
    """The values of the key in a row.

    Raises:
        UsageError: The row does not give the whole key.
        InvalidDataError: A value is NULL, by which no row is found.
    """
    missing = [name for name in key.names if name not in layout.columns or name not in row]
    if missing:
        raise UsageError(
            f"{model.__name__}.{call}() finds rows by {', '.join(key.names)}:"
            f" every row needs a value for {', '.join(missing)}"
        )
    values = tuple([row[name] for name in key.names])
    if None in values and not key.nulls_agree:
        name = key.names[values.index(None)]
        reason = "NULL, by which no row is found again"
        raise InvalidDataError(model=layout.model.__name__, operation="insert", columns=(name,), reason=reason)
    return values


def matching(columns: Sequence[Column[Any]], keys: Sequence[tuple[Any, ...]]) -> ColumnElement[bool]:
    """The condition that the columns have the values of one of these keys."""
    if len(columns) == 1:
        return columns[0].in_([key[0] for key in keys])
    return tuple_(*columns).in_(keys)


def _default(model: type, keys: tuple[UniqueKey, ...]) -> tuple[str, ...]:
    """The primary key where rows bring it; where the database makes it, the only other unique key."""
    primary = primary_key_names(model)
    table: Any = mapper_of(model).local_table
    made = table.autoincrement_column is not None or any(c.default is not None for c in table.primary_key)
    others = {frozenset(key.names): key.names for key in keys if key.visible and set(key.names) != set(primary)}
    if not made or not others:
        return primary
    if len(others) > 1:
        raise UsageError(f"{model.__name__} has several unique keys; say which one decides: {_forms(keys)}")
    return next(iter(others.values()))


def _forms(keys: Iterable[UniqueKey]) -> str:
    return "; ".join(dict.fromkeys(f"by={_form(key)}" for key in keys))


def _form(key: UniqueKey) -> str:
    names = sorted(key.names)
    return repr(names[0]) if len(names) == 1 else repr(tuple(names))
