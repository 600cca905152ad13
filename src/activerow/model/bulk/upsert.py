"""What an upsert does with a row that is there: which key decides, and which columns it sets then."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Column, Insert, Table, bindparam, func, text
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import QueryableAttribute

from activerow.backends import backend_of
from activerow.errors import UnknownFieldError, UsageError
from activerow.mapping import CREATED_AT, fields_of, mapper_of, primary_key_names, refused_name, unique_keys
from activerow.model.bulk.columns import Row, RowContext, Shape

Names = str | QueryableAttribute[Any] | Iterable[str | QueryableAttribute[Any]]

KEPT = "@activerow_kept"
"""The session variable in which MySQL counts the rows that were there and stay as they are."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """The answer to a row that is there.

    Attributes:
        by: Attribute names of the unique key that decides.
        update: Attribute names to set then; None for all that a row gives.
        by_every_key: The server takes any unique key for the one that decides: MySQL.
    """

    model: type
    by: tuple[str, ...]
    update: frozenset[str] | None
    by_every_key: bool

    def key_of(self, row: Row) -> tuple[Any, ...]:
        """The values of the key."""
        return tuple([row[name] for name in self.by])

    def set_by(self, shape: Shape) -> tuple[str, ...]:
        """The names that rows of `shape` set on a row that is there."""
        kept = {*self.by, *primary_key_names(self.model), CREATED_AT}
        given = [source.name for source in shape.sources if source.given]
        if self.update is None:
            return tuple(name for name in given if name not in kept)
        return tuple(name for name in given if name in self.update)

    def leaves(self, shape: Shape) -> bool:
        """Rows that are there stay as they are."""
        return not self.set_by(shape)

    def check(self, shape: Shape) -> None:
        """Accept rows of `shape`.

        Raises:
            UsageError: They do not give the whole key, or the server cannot tell by which key a row is there.
        """
        missing = [name for name in self.by if name not in shape.names]
        if missing:
            raise UsageError(
                f"{self.model.__name__}.upsert_many() finds rows by {', '.join(self.by)}:"
                f" every row needs a value for {', '.join(missing)}"
            )
        key = frozenset(primary_key_names(self.model))
        if self.by_every_key and frozenset(self.by) != key and key & shape.names:
            raise UsageError(
                f"{self.model.__name__}.upsert_many(by={', '.join(self.by)}) with values for the primary key:"
                " MySQL updates the row that has either of them; leave the primary key out"
            )

    def statement(self, shape: Shape, values: Mapping[str, Any], now: Mapping[str, Any], dialect: Dialect) -> Insert:
        """INSERT of `values`, which are of `shape`, or UPDATE of the row that is there; `now` is what `fresh` gives."""
        names = self.set_by(shape)
        statement: Any = backend_of(dialect).insert(shape.table).values(values)
        if self.by_every_key:
            return self._by_every_key(statement, shape, names, now)
        columns = _columns(shape)
        target = [columns[name] for name in self.by]
        if not names:
            return cast("Insert", statement.on_conflict_do_nothing(index_elements=target))
        changes = {columns[name]: statement.excluded[columns[name].key] for name in names}
        return cast(
            "Insert",
            statement.on_conflict_do_update(index_elements=target, set_={**changes, **_moved(shape, names, now)}),
        )

    def _by_every_key(self, statement: Any, shape: Shape, names: Sequence[str], now: Mapping[str, Any]) -> Insert:
        columns = _columns(shape)
        if names:
            changes = {columns[name].key: statement.inserted[columns[name].key] for name in names}
            moved = {column.key: value for column, value in _moved(shape, names, now).items()}
            return cast("Insert", statement.on_duplicate_key_update({**changes, **moved}))
        # There is no DO NOTHING, IGNORE swallows other errors too, and FOUND_ROWS counts the row that stays as one.
        key: Any = columns[self.by[0]]
        count: Any = text(f"({KEPT} := {KEPT} + 1)")
        return cast("Insert", statement.on_duplicate_key_update({key.key: func.if_(count, key, key)}))


def _columns(shape: Shape) -> dict[str, Column[Any]]:
    return {source.name: source.column for source in shape.sources}


def _moved(shape: Shape, names: Iterable[str], now: Mapping[str, Any]) -> dict[Column[Any], Any]:
    """The columns that move with every UPDATE, unless they are given a value: `updated_at`."""
    columns = _columns(shape)
    given = {columns[name] for name in names}
    moved: dict[Column[Any], Any] = {}
    for index, column in enumerate(shape.table.c):
        change: Any = column.onupdate
        if change is not None and column not in given:
            of_python = f"u{index}"
            value: Any = change.arg if change.is_clause_element else bindparam(of_python, now[of_python], column.type)
            moved[column] = value
    return moved


def fresh(shape: Shape) -> dict[str, Any]:
    """The values, now, of what moves with every UPDATE, by the name of their parameter."""
    values: dict[str, Any] = {}
    for index, column in enumerate(shape.table.c):
        change: Any = column.onupdate
        if change is not None and not change.is_clause_element:
            values[f"u{index}"] = change.arg(RowContext()) if change.is_callable else change.arg
    return values


# --- what the caller asks for ---------------------------------------------------------------------------------------


def conflict(model: type, by: Names | None, update: Names | None, dialect: Dialect) -> Conflict:
    """What `by=` and `update=` of a call mean.

    Raises:
        UnknownFieldError, ReadOnlyFieldError: A name cannot be updated.
        UsageError: `by` is no unique key, or MySQL has another one that would decide as well.
    """
    mapper = mapper_of(model)
    if mapper.version_id_col is not None:
        raise UsageError(
            f"{model.__name__} counts its versions in {mapper.version_id_col.name!r}, which upsert_many() cannot do;"
            " use update_or_create()"
        )
    keys = unique_keys(model)
    names = _default_key(model, keys) if by is None else _names(by)
    if frozenset(names) not in keys:
        _check_known(model, names)
        known = "; ".join(f"by={_form(key)}" for key in keys)
        raise UsageError(f"{', '.join(names) or 'nothing'} is no unique key of {model.__name__}; it has {known}")
    by_every_key = backend_of(dialect).upserts_by_every_key
    if by_every_key:
        _refuse_other_keys(model, frozenset(names), keys)
    return Conflict(model, names, None if update is None else _updated(model, _names(update)), by_every_key)


def _default_key(model: type, keys: tuple[frozenset[str], ...]) -> tuple[str, ...]:
    """The primary key where rows bring it; where the database makes it, the only other unique key."""
    primary = primary_key_names(model)
    table = cast("Table", mapper_of(model).local_table)
    made = table.autoincrement_column is not None or any(c.default is not None for c in table.primary_key)
    others = [key for key in keys if key != frozenset(primary)]
    if not made or not others:
        return primary
    if len(others) > 1:
        choices = "; ".join(f"by={_form(key)}" for key in keys)
        raise UsageError(f"{model.__name__} has several unique keys; say which one decides: {choices}")
    return tuple(name for name in fields_of(model).columns if name in others[0])


def _names(given: Names) -> tuple[str, ...]:
    """Attribute names of one or several names or mapped attributes."""
    one = isinstance(given, str | QueryableAttribute)
    several = cast("Iterable[str | QueryableAttribute[Any]]", [given] if one else given)
    return tuple(dict.fromkeys(name if isinstance(name, str) else name.key for name in several))


def _form(key: Iterable[str]) -> str:
    names = sorted(key)
    return repr(names[0]) if len(names) == 1 else repr(tuple(names))


def _check_known(model: type, names: Iterable[str]) -> None:
    columns = fields_of(model).columns
    for name in names:
        if name not in columns:
            raise UnknownFieldError(model.__name__, name, choices=columns)


def _updated(model: type, names: tuple[str, ...]) -> frozenset[str]:
    settable = fields_of(model).settable_columns
    for name in names:
        if name not in settable:
            raise refused_name(model, name, settable, columns_only="an UPDATE sets")
    return frozenset(names)


def _refuse_other_keys(model: type, key: frozenset[str], keys: tuple[frozenset[str], ...]) -> None:
    """MySQL's ON DUPLICATE KEY UPDATE takes no key: a row that is there by any other one is overwritten too."""
    primary = frozenset(primary_key_names(model))
    others = [_form(other) for other in keys if other not in {key, primary}]
    table = cast("Table", mapper_of(model).local_table)
    others += [str(i.name) for i in table.indexes if i.unique and not all(isinstance(e, Column) for e in i.expressions)]
    if others:
        raise UsageError(
            f"{model.__name__} has another unique key ({', '.join(others)}), and MySQL's ON DUPLICATE KEY UPDATE would"
            " overwrite a row that is there by that one; use update_or_create() row by row"
        )
