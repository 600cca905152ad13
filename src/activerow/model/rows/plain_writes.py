"""Statements that write one row of a model without a Session: their columns, defaults and what the server computes."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, delete, insert, update
from sqlalchemy.engine import Dialect

from activerow.database.execution import Prepared
from activerow.mapping import Entity, PlainTable, is_expression, tuple_loader
from activerow.query.plan import PreparedStatement

_PLAIN: Final = frozenset({str, int, float, bool, bytes, type(None), Decimal, UUID, date, datetime, time, timedelta})


def are_plain(values: Iterable[object]) -> bool:
    """Whether all are values to bind, and none is SQL."""
    return all(type(value) in _PLAIN or not is_expression(value) for value in values)


def inserted(plain: PlainTable, given: Mapping[str, object]) -> dict[str, object] | None:
    """All values of a new row, in the order of its columns; None where the server must be asked first.

    What the server makes is left out.
    """
    values: dict[str, object] = {}
    for column in plain.columns:
        value = given.get(column.name)
        if value is not None:
            values[column.name] = value
        elif column.default is not None:
            values[column.name] = column.default(values)
        elif column.is_null:
            values[column.name] = None
        elif not column.is_made and column.name != plain.counter:
            return None
    return values


def insert_statement(plain: PlainTable, shop: Prepared, names: Sequence[str]) -> "tuple[PreparedStatement, list[str]]":
    """INSERT of a row with values for `names`, and the names that it gives back.

    Raises:
        NotImplementedError: The server does not give back what it has made.
    """
    shape = (plain.entity, "insert", tuple(names))
    found = shop.statements.get(shape)
    return found if found is not None else shop.keep(shape, _make_insert(plain, shop.dialect, names))


def _make_insert(plain: PlainTable, dialect: Dialect, names: Sequence[str]) -> "tuple[PreparedStatement, list[str]]":
    given = set(names)
    made = [column.name for column in plain.columns if column.name not in given]
    if made == [plain.counter] and getattr(dialect, "postfetch_lastrowid", False):
        made = []  # the driver tells
    statement: Any = insert(plain.table).values(_places(plain, names))
    if made:
        if not dialect.insert_returning:
            raise NotImplementedError("no RETURNING")
        statement = statement.returning(*[plain.by_name[name].column for name in made])
    else:
        statement = statement.inline()
    types = [plain.by_name[name].column.type for name in made]
    load = tuple_loader(types, dialect)
    prepared = PreparedStatement(
        statement,
        [f"v{n}" for n in range(len(names))],
        dialect,
        load,
        model=plain.entity.model,
        writes=True,
        returns=bool(made),
    )
    return prepared, made


def update_statement(plain: PlainTable, shop: Prepared, names: Sequence[str]) -> PreparedStatement:
    """UPDATE of a row by its key, which stands behind the values of `names`."""
    shape = (plain.entity, "update", tuple(names))
    found: PreparedStatement | None = shop.statements.get(shape)
    if found is not None:
        return found
    where, places = _by_key(plain.entity)
    statement = update(plain.table).values(_places(plain, names)).where(*where)
    return shop.keep(shape, _write(statement, plain, shop, [*_numbered(names), *places]))


def delete_statement(plain: PlainTable, shop: Prepared) -> PreparedStatement:
    """DELETE of a row by its key."""
    shape = (plain.entity, "delete")
    found: PreparedStatement | None = shop.statements.get(shape)
    if found is not None:
        return found
    where, places = _by_key(plain.entity)
    return shop.keep(shape, _write(delete(plain.table).where(*where), plain, shop, places))


def _write(statement: Any, plain: PlainTable, shop: Prepared, places: Sequence[str]) -> PreparedStatement:
    return PreparedStatement(
        statement, places, shop.dialect, None, model=plain.entity.model, writes=True, returns=False
    )


def _by_key(entity: Entity) -> tuple[list[Any], list[str]]:
    columns = entity.mapper.primary_key
    places = [f"k{number}" for number in range(len(columns))]
    pairs: Iterable[Any] = zip(columns, places, strict=True)
    return [column == bindparam(place, type_=column.type) for column, place in pairs], places


def _numbered(names: Sequence[str]) -> list[str]:
    return [f"v{number}" for number in range(len(names))]


def _places(plain: PlainTable, names: Sequence[str]) -> dict[Any, Any]:
    columns = [plain.by_name[name].column for name in names]
    return {
        column: bindparam(place, type_=column.type) for column, place in zip(columns, _numbered(names), strict=True)
    }
