"""Optimistic locking: nobody overwrites a change that they have not seen."""

from collections.abc import Mapping
from typing import Any, Final, Self, cast
from weakref import WeakKeyDictionary, WeakSet

from sqlalchemy import Column, ColumnElement, Connection, Delete, Integer, Table, Update, event, literal_column, select
from sqlalchemy.orm import Mapped, Mapper, mapped_column

from activerow.backends import backend_of
from activerow.database.failures import StaleVersionError
from activerow.errors import StaleRecordError

# Behind the columns of the model, which have 0, and before those of Timestamps.
_LATE: Final = 9_000

_NEXT: Final[ColumnElement[int]] = literal_column("version", Integer()) + 1

_watched: "WeakSet[Connection]" = WeakSet()
_mappers: "WeakKeyDictionary[Table[Any], Mapper[Any]]" = WeakKeyDictionary()


class Versioned:
    """Adds `version`, which counts the changes of the row: 1 for a new one.

    An UPDATE or DELETE of a row that somebody else has changed or deleted since it was read raises `StaleRecordError`.
    Set-based updates count as well.
    """

    version: Mapped[int] = mapped_column(
        # A statement that activerow does not see (`session.execute(update(...))`) counts too.
        default=1,
        server_default="1",
        onupdate=_NEXT,
        sort_order=_LATE,
    )

    def expect_version(self, version: int) -> Self:
        """Say which version the change is made for, such as the one a client has seen.

        `await article.expect_version(3).update(title="...")`: what happens between this and the UPDATE is found by
        the UPDATE.

        Raises:
            StaleRecordError: The row is of another version.
        """
        if self.version != version:
            raise StaleRecordError(
                model=type(self).__name__,
                operation="update",
                expected=version,
                found=self.version,
                columns=("version",),
            )
        return self


@event.listens_for(Versioned, "after_mapper_constructed", propagate=True)
def _lock_by_version(mapper: Mapper[Any], _class: type) -> None:
    """Have the mapper check the version. Not by `__mapper_args__`: a model that has its own would lose the lock."""
    if mapper.version_id_col is None:
        attribute: Any = mapper.get_property("version", _configure_mappers=False)
        mapper.version_id_col = attribute.columns[0]


@event.listens_for(Versioned, "before_update", propagate=True)
@event.listens_for(Versioned, "before_delete", propagate=True)
def _watch(mapper: Mapper[Any], connection: Connection, _row: object) -> None:
    """Look closer when a statement finds no row: the flush that fails undoes the transaction, and nobody could then."""
    _mappers.setdefault(_version_column(mapper).table, mapper.base_mapper)
    if connection not in _watched:
        _watched.add(connection)
        event.listen(connection, "after_execute", _compare)


def _compare(
    connection: Connection,
    statement: Any,
    many: list[Mapping[str, Any]],
    parameters: Mapping[str, Any],
    _options: object,
    result: Any,
) -> None:
    """Raise with both versions where a flush wrote fewer rows than it should.

    Raises:
        StaleVersionError: A row has another version, or is gone.
    """
    if not isinstance(statement, Update | Delete):
        return
    mapper = _mappers.get(cast("Table[Any]", statement.table))
    sent = list(many) or [parameters]
    if mapper is None or not _is_checked(mapper, statement, sent[0]) or result.rowcount in {len(sent), -1}:
        return
    for values in sent:
        expected = values[_parameter(statement, _version_column(mapper))]
        found = _find(connection, mapper, statement, values)
        if len(sent) == 1 or found not in {None, expected}:
            raise StaleVersionError(mapper.class_, statement.__visit_name__, expected, found)


def _is_checked(mapper: Mapper[Any], statement: Update | Delete, values: Mapping[str, Any]) -> bool:
    """The statement is one of a flush: it looks for one row of one version."""
    columns = (*mapper.primary_key, _version_column(mapper))
    return all(_parameter(statement, cast("Column[Any]", one)) in values for one in columns)


def _parameter(statement: Update | Delete, of: Any) -> str:
    """The name a flush gives to the parameter that a column is compared with."""
    return cast("str", of._label if isinstance(statement, Update) else of.key)


def _find(connection: Connection, mapper: Mapper[Any], statement: Update | Delete, values: Mapping[str, Any]) -> object:
    version = _version_column(mapper)
    query = select(version).where(*[one == values[_parameter(statement, one)] for one in mapper.primary_key])
    return connection.scalar(backend_of(connection.dialect).newest(query))


def _version_column(mapper: Mapper[Any]) -> Column[Any]:
    return cast("Column[Any]", mapper.version_id_col)
