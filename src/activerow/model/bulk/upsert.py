"""`upsert_many`: INSERT of rows, or UPDATE of those that are there by one unique key."""

from collections.abc import Hashable, Mapping
from typing import Any, Final, cast

from sqlalchemy import Column, ColumnElement, Insert, column, func, select, text
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.sql import Executable

from activerow.errors import UniqueViolationError, UsageError
from activerow.mapping import (
    CREATED_AT,
    entity_of,
    fields_of,
    hiding_of,
    mapper_of,
    primary_key_names,
    refused_name,
)
from activerow.model.bulk import generated
from activerow.model.bulk.creation import insert_text, parameters
from activerow.model.bulk.deciding import Names, deciding_key, key_values, matching, names_of, refuse_other_keys
from activerow.model.bulk.groups import Group, Grouping, Key
from activerow.model.bulk.layout import Layout, Row
from activerow.model.bulk.moving import fresh, moved
from activerow.model.bulk.operation import Operation
from activerow.model.bulk.rows import StoredRowReader
from activerow.model.bulk.shown import show_again
from activerow.model.bulk.statement import RowsText, Schemas

_KEPT: Final = "@activerow_kept"
"""The session variable in which MySQL counts the rows that were there and stay as they are."""

_KEYS_PER_STATEMENT: Final = 500


class Upsertion(Operation):
    """Rows that may be there.

    Attributes:
        key: The unique key that decides.
    """

    def __init__(self, model: type, dialect: Dialect, by: Names | None, update: Names | None) -> None:
        """Take what the caller asks for.

        Raises:
            UnknownFieldError, ReadOnlyFieldError: A name cannot be updated.
            UsageError: `by` is no key that an upsert can lean on, or MySQL has another one that would decide as well.
        """
        super().__init__(model, dialect)
        mapper = mapper_of(model)
        if mapper.version_id_col is not None:
            raise UsageError(
                f"{model.__name__} counts its versions in {mapper.version_id_col.name!r}, which upsert_many() cannot"
                " do; use update_or_create()"
            )
        self.key = deciding_key(model, by, self.backend)
        if self.key.deferrable:
            raise UsageError(
                f"the unique key of {', '.join(self.key.names)} is deferrable, and ON CONFLICT cannot lean on such a"
                f" one; use update_or_create(), or another key of {model.__name__}"
            )
        if self.backend.upserts_by_every_key:
            refuse_other_keys(model, self.key, self.backend)
        self._update = None if update is None else self._updated(names_of(update))
        self._sequences = generated.Sequences()

    def _updated(self, names: tuple[str, ...]) -> frozenset[str]:
        settable = fields_of(self.model).settable_columns
        for name in names:
            if name not in settable:
                raise refused_name(self.model, name, settable, columns_only="an UPDATE sets")
        return frozenset(names)

    @property
    def form(self) -> Hashable:
        return "upsert", self.key.names, self._update

    def grouping(self) -> Grouping:
        return Grouping(StoredRowReader(self.model, self.dialect), self.word, self._key_of, self._merged)

    def _key_of(self, layout: Layout, row: Row) -> Key:
        values = key_values(self.model, "upsert_many", self.key, layout, row)
        primary = frozenset(primary_key_names(self.model))
        if self.backend.upserts_by_every_key and frozenset(self.key.names) != primary and primary & layout.names:
            raise UsageError(
                f"{self.model.__name__}.upsert_many(by={', '.join(self.key.names)}) with values for the primary key:"
                " MySQL updates the row that has either of them; leave the primary key out"
            )
        return values

    def _merged(self, layout: Layout) -> tuple[str, ...] | None:
        # Whether a row is one of those that a partial key covers, nobody knows here.
        return self._set_by(layout) if self.key.where is None else None

    def _set_by(self, layout: Layout) -> tuple[str, ...]:
        """The names that rows of `layout` set on a row that is there; with none, it stays as it is."""
        if self._update is not None:
            return tuple(name for name in layout.given if name in self._update)
        kept = {*self.key.names, *primary_key_names(self.model), CREATED_AT}
        return tuple(name for name in layout.given if name not in kept)

    # -- statements ----------------------------------------------------------------------------------------------

    def one(self, layout: Layout, values: Mapping[str, Any]) -> Executable:
        cells = {layout.columns[name].key: value for name, value in values.items()}
        return self._statement(layout, self.backend.insert(layout.table).values(cells))

    def text(self, layout: Layout, schemas: Schemas) -> RowsText:
        cells = parameters(layout, many=not self.backend.executemany)
        statement = self._statement(layout, self.backend.insert(layout.table).values(cells).inline())
        return insert_text(statement, layout, self.dialect, schemas)

    def same(self, layout: Layout) -> Mapping[str, object]:
        return fresh(layout.table)

    def _statement(self, layout: Layout, statement: Any) -> Insert:
        names = self._set_by(layout)
        if self.backend.upserts_by_every_key:
            return cast("Insert", self._by_every_key(layout, statement, names))
        target: dict[str, Any] = {"index_elements": [layout.columns[name] for name in self.key.names]}
        if self.key.where is not None:
            target["index_where"] = _literally(self.key.where, self.dialect)
        if not names:
            return cast("Insert", statement.on_conflict_do_nothing(**target))
        changes = {layout.columns[name]: statement.excluded[layout.columns[name].key] for name in names}
        changes |= moved(layout.table, changes, fresh(layout.table))
        return cast("Insert", statement.on_conflict_do_update(**target, set_=changes))

    def _by_every_key(self, layout: Layout, statement: Any, names: tuple[str, ...]) -> Any:
        if names:
            changes = {layout.columns[name]: _given(statement, layout.columns[name]) for name in names}
            changes |= moved(layout.table, changes, fresh(layout.table))
            return statement.on_duplicate_key_update({column.key: value for column, value in changes.items()})
        # There is no DO NOTHING, IGNORE swallows other errors too, and FOUND_ROWS counts the row that stays as one.
        key: Any = layout.columns[self.key.names[0]]
        count: Any = text(f"({_KEPT} := {_KEPT} + 1)")
        return statement.on_duplicate_key_update({key.key: func.if_(count, key, key)})

    # -- around the rows -----------------------------------------------------------------------------------------

    async def prepare(self, connection: AsyncConnection, groups: list[Group]) -> list[Group]:
        await self._sequences.move_past(connection, groups)
        return groups

    async def begin(self, connection: AsyncConnection, group: Group) -> None:
        if self.backend.upserts_by_every_key and not self._set_by(group.layout):
            await connection.exec_driver_sql(f"SET {_KEPT} = 0")

    async def count(self, connection: AsyncConnection, group: Group, written: int) -> int:
        if self._set_by(group.layout):
            return len(group.rows) + group.again
        if not self.backend.upserts_by_every_key:
            return written
        return len(group.rows) - int((await connection.exec_driver_sql(f"SELECT {_KEPT}")).scalar_one())

    async def finish(self, session: AsyncSession, groups: list[Group]) -> None:
        connection = await session.connection(bind_arguments={"mapper": self.model})
        for group in groups:
            await self._refuse_hidden(connection, group)
        await show_again(session, self.model, self.key.names, {key for group in groups for key in group.keys})

    async def _refuse_hidden(self, connection: AsyncConnection, group: Group) -> None:
        """Refuse to have found a row that no read shows: it would be changed, and nobody would see it.

        Raises:
            UniqueViolationError: One has the key of a row.
        """
        hiding = hiding_of(self.model)
        if hiding is None or self.key.where is not None or hiding.mark in self._set_by(group.layout):
            return
        columns: list[Any] = [group.layout.columns[name] for name in self.key.names]
        mark: Any = entity_of(self.model).columns[hiding.mark]
        for start in range(0, len(group.keys), _KEYS_PER_STATEMENT):
            part = group.keys[start : start + _KEYS_PER_STATEMENT]
            statement = select(*columns).where(mark.is_not(None), matching(columns, part)).limit(1)
            found = (await connection.execute(statement)).first()
            if found is not None:
                values = dict(zip(self.key.names, found, strict=True))
                raise UniqueViolationError(
                    model=self.model.__name__,
                    operation=self.word,
                    table=group.layout.table.name,
                    columns=self.key.names,
                    values=values,
                    reason="a deleted row has this value; restore() it, or delete it for good",
                )


def _given(statement: Any, one: Column[Any]) -> ColumnElement[Any]:
    """The value that an INSERT of MySQL has for a column; SQLAlchemy writes the "%" of its name four times."""
    given: ColumnElement[Any] = func.values(column(one.name)) if "%" in one.name else statement.inserted[one.key]
    return given


def _literally(condition: Any, dialect: Dialect) -> Any:
    """The condition of an index in the words that made it: one with parameters would be another condition."""
    if not hasattr(condition, "compile"):
        return text(condition)
    options = {"literal_binds": True, "include_table": False}
    sql = str(condition.compile(dialect=dialect, compile_kwargs=options))
    if dialect.paramstyle in {"format", "pyformat"}:
        sql = sql.replace("%%", "%")
    return text(sql.replace(":", r"\:"))
