"""`create_many`: INSERT of new rows, and the instances they become where somebody wants them."""

from collections.abc import Hashable, Mapping
from typing import Any, ClassVar

from sqlalchemy import ColumnElement, CursorResult, Insert, bindparam, insert, literal_column
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.sql import Executable

from activerow.model.bulk import generated, instances
from activerow.model.bulk.groups import Group, Grouping
from activerow.model.bulk.layout import Layout
from activerow.model.bulk.operation import Operation
from activerow.model.bulk.rows import RowReader
from activerow.model.bulk.statement import MARK, Marked, RowsText, Schemas, Told, place_of, rows_text

_OVERRIDING = "OVERRIDING SYSTEM VALUE "
_VALUES = "VALUES "


class Creation(Operation):
    """New rows."""

    copies: ClassVar[bool] = True

    def __init__(self, model: type, dialect: Dialect, *, made: list[Any] | None) -> None:
        """Insert rows of `model`; `made` is given their instances, where somebody wants them."""
        super().__init__(model, dialect)
        self._made = made
        self._keys: dict[Group, list[Any]] = {}
        self._step = 1
        self._sequences = generated.Sequences()

    @property
    def form(self) -> Hashable:
        return self.word, self._made is not None

    def grouping(self) -> Grouping:
        return Grouping(RowReader(self.model, self.dialect), self.word)

    def one(self, layout: Layout, values: Mapping[str, Any]) -> Executable:
        return insert(layout.table).values({layout.columns[name].key: value for name, value in values.items()})

    def text(self, layout: Layout, schemas: Schemas) -> RowsText:
        statement = insert(layout.table).values(parameters(layout, many=not self.backend.executemany)).inline()
        if self._made is not None and self.dialect.insert_returning and not self.backend.executemany:
            column = generated.told_key(layout, self.dialect)
            statement = statement if column is None else statement.returning(column)
        return insert_text(statement, layout, self.dialect, schemas)

    async def prepare(self, connection: AsyncConnection, groups: list[Group]) -> list[Group]:
        """Where instances are wanted, ask the database for the keys that it would make."""
        await self._sequences.move_past(connection, groups)
        if self._made is None:
            return groups
        self._step = await generated.step_of(connection)
        given = max(generated.highest_given(groups).values(), default=0)
        ready: list[Group] = []
        for group in groups:
            ready.append(await generated.with_keys(connection, group, given))
            given = max(given, *generated.highest_given(ready[-1:]).values(), 0)
        return ready

    def told(self, group: Group) -> Told | None:
        column = generated.told_key(group.layout, self.dialect) if self._made is not None else None
        if column is None:
            return None
        keys = self._keys[group] = []

        def note(result: CursorResult[Any], count: int) -> None:
            keys.extend(generated.keys_told(result, count, column, self._step))

        return note

    async def finish(self, session: AsyncSession, groups: list[Group]) -> None:
        if self._made is not None:
            self._made += await instances.stored(session, self.model, groups, self._keys, self.chunk.at)
            self._keys.clear()


def parameters(layout: Layout, *, many: bool) -> dict[str, ColumnElement[Any]]:
    """The values of an INSERT, each a parameter whose name tells its place in the record; with marks for many rows."""
    cells: dict[Any, ColumnElement[Any]] = dict(layout.computed)
    for index, source in enumerate(layout.sources):
        cells[source.column] = bindparam(place_of(index), type_=source.column.type)
    if many and not cells:
        cells[next(iter(layout.table.c))] = literal_column("DEFAULT")
    ordered = {column.key: cells[column] for column in layout.table.c if column in cells}
    if many:
        first, last = next(iter(ordered)), next(reversed(ordered))
        ordered[first] = Marked(ordered[first], before=MARK)
        ordered[last] = Marked(ordered[last], after=MARK)
    return ordered


def insert_text(statement: Insert, layout: Layout, dialect: Dialect, schemas: Schemas) -> RowsText:
    """The text of an INSERT of `parameters`; numbers that the database makes always are forced upon it."""
    text = rows_text(statement, dialect, schemas)
    if layout.overrides and dialect.supports_identity_columns:
        return text.with_head(text.parts[0].removesuffix(_VALUES) + _OVERRIDING + _VALUES)
    return text
