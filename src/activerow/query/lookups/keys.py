"""The values that single out one row: a primary key in the form a caller has it, or the fields of a unique key."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from sqlalchemy import ColumnElement, tuple_

from activerow.errors import UsageError
from activerow.mapping import bound_as, check_comparable, check_for, mapper_of, primary_key_names, unique_keys
from activerow.query.lookups.comparison import all_bound
from activerow.query.lookups.paths import field_at

Key = tuple[Any, ...]


def primary_key(model: type, key: object) -> Key:
    """The values of a primary key that is given as a value, a tuple of its parts, or a mapping.

    Raises:
        UsageError: It has not the parts of the model's key.
        InvalidDataError: A part cannot be in that column.
    """
    names = primary_key_names(model)
    values = _parts(model, names, key)
    for name, column, value in zip(names, mapper_of(model).primary_key, values, strict=True):
        if value is not None:
            check_comparable(model, name, column.type, value)
    return values


def _parts(model: type, names: tuple[str, ...], key: object) -> Key:
    kind = type(key).__name__
    if isinstance(key, Mapping):
        named = cast("Mapping[str, object]", key)
        if set(named) == set(names):
            return tuple(named[name] for name in names)
    elif isinstance(key, tuple | list):
        parts = tuple(cast("Sequence[object]", key))
        if len(parts) == len(names):
            return parts
    elif len(names) == 1:
        return (key,)
    form = names[0] if len(names) == 1 else f"a tuple ({', '.join(names)})"
    raise UsageError(f"the primary key of {model.__name__} is {form}; {kind} given")


def is_wide(model: type, key: Key) -> bool:
    """A part is more than its column can hold: no row has this key, and PostgreSQL would refuse to look for it."""
    for column, value in zip(mapper_of(model).primary_key, key, strict=True):
        check = check_for(column.type)
        if check is not None and check(value, None) is not None:
            return True
    return False


def check_unique(model: type, names: Mapping[str, object]) -> None:
    """Accept the fields of one unique key.

    Raises:
        UnknownFieldError: A name is not a field of the model.
        UsageError: Several rows could have these values.
    """
    keys = unique_keys(model)
    if frozenset(names) not in keys:
        for name in names:
            field_at(model, name)
        known = ", ".join(_form(key) for key in keys)
        given = ", ".join(names) or "nothing"
        raise UsageError(
            f"{model.__name__}.get() takes a primary key or the fields of a unique key ({known}), not {given};"
            f" for other conditions write {model.__name__}.filter_by(...).one() or .first()"
        )


def _form(key: frozenset[str]) -> str:
    return " + ".join(sorted(key))


def among(model: type, keys: Sequence[Key]) -> ColumnElement[bool]:
    """The condition that a row has one of these primary keys."""
    columns: list[Any] = [getattr(model, name) for name in primary_key_names(model)]
    types = [bound_as(column.type, None) for column in columns]
    if len(columns) == 1:
        return cast("ColumnElement[bool]", columns[0].in_(all_bound(types, [key[0] for key in keys])))
    return tuple_(*columns).in_(all_bound(types, keys))
