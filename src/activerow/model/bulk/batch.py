"""One batch of a bulk write: its rows put together by shape, checked, and sent the fastest way that means the same."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from sqlalchemy import Insert, insert
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.orm.base import instance_state

from activerow.backends import backend_of
from activerow.database.flush import RewindingSession
from activerow.errors import ActiveRowError, InvalidDataError, SaveError
from activerow.model.bulk import copy, multirow
from activerow.model.bulk.columns import Misfit, Row, Shape, Taken
from activerow.model.bulk.multirow import Counted, Template
from activerow.model.bulk.source import RowReader
from activerow.model.bulk.upsert import KEPT, Conflict, fresh
from activerow.query import read_expired

Schemas = dict[str | None, str | None]


class Group:
    """Rows of one shape that are sent together, with their positions among all rows of the call."""

    __slots__ = ("_taken", "again", "positions", "rows", "shape")

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.rows: list[Row] = []
        self.positions: list[int] = []
        self.again = 0  # rows that came once more, and are in their first place
        self._taken: Taken | None = None

    def prepare(self, backend: str) -> Taken:
        """The values of the rows, checked.

        Raises:
            InvalidDataError: A value does not fit its column; its `position` is the row's.
        """
        try:
            self._taken = self._taken or self.shape.take(self.rows, backend)
        except Misfit as misfit:
            raise self.misfit(misfit) from misfit.__cause__
        return self._taken

    def records(self, taken: Taken, start: int, stop: int) -> list[tuple[Any, ...]]:
        """Rows `start` to `stop` as the driver takes them.

        Raises:
            InvalidDataError: A column's type cannot convert a value.
        """
        try:
            return taken.records(start, stop)
        except Misfit as misfit:
            raise self.misfit(misfit) from misfit.__cause__

    def misfit(self, misfit: Misfit) -> InvalidDataError:
        """The error for a value that does not fit."""
        error = InvalidDataError(
            model=self.shape.model.__name__,
            operation="insert",
            table=self.shape.table.name,
            columns=(misfit.source.name,),
            values={misfit.source.name: misfit.value},
            reason=misfit.reason,
        )
        error.position = self.positions[misfit.index]
        return error


def grouped(rows: Sequence[object], first: int, reader: RowReader, conflict: Conflict | None) -> list[Group]:
    """The rows by shape. Rows that meet the same stored row keep their order: a later one is in a later group.

    Args:
        rows: As the caller gave them.
        first: The position of the first of them among all rows of the call.
        reader: Tells what each row gives.
        conflict: For an upsert.

    Raises:
        UsageError: A row cannot be written; its `position` is told.
    """
    groups: list[Group] = []
    open_groups: dict[Shape, Group] = {}
    seen: dict[tuple[Any, ...], tuple[Group, int]] = {}
    for position, given in enumerate(rows, start=first):
        try:
            shape, row = reader.read(given)
            key = _key(conflict, shape, row) if conflict is not None else None
        except ActiveRowError as error:
            error.position = position
            raise
        if conflict is not None and key is not None and key in seen:
            group, index = seen[key]
            if group.shape is shape:
                group.rows[index] = {**group.rows[index], **{name: row[name] for name in conflict.set_by(shape)}}
                group.again += 1
                continue
            open_groups, seen = {}, {}
        if groups and shape.refers_to_itself and groups[-1].shape is not shape:
            open_groups = {}  # a row may refer to the one before it
        if shape not in open_groups:
            open_groups[shape] = Group(shape)
            groups.append(open_groups[shape])
        group = open_groups[shape]
        if key is not None:
            seen[key] = group, len(group.rows)
        group.rows.append(row)
        group.positions.append(position)
    return groups


def _key(conflict: Conflict, shape: Shape, row: Row) -> tuple[Any, ...]:
    conflict.check(shape)
    key = conflict.key_of(row)
    if None in key:
        name = conflict.by[key.index(None)]
        reason = "NULL, by which no row is found again"
        raise InvalidDataError(model=shape.model.__name__, operation="insert", columns=(name,), reason=reason)
    return key


class Batch:
    """Rows of a call that are sent together."""

    def __init__(self, groups: list[Group], conflict: Conflict | None, dialect: Dialect) -> None:
        """Check the rows; nothing is sent yet.

        Raises:
            InvalidDataError: A value does not fit its column.
        """
        self._groups, self._conflict, self._dialect = groups, conflict, dialect
        self._sent = Counted()
        self._at: tuple[Group, int | None] | None = None
        for group in groups:
            group.prepare(dialect.name)

    async def send(self, session: AsyncSession, model: type) -> int:
        """Write the rows; returns how many were inserted or updated."""
        connection = await session.connection(bind_arguments={"mapper": model})
        written = 0
        for group in self._groups:
            written += await self._send(connection, group)
        if self._conflict is not None:
            await self._show(session, model, self._conflict)
        return written

    async def _send(self, connection: AsyncConnection, group: Group) -> int:
        conflict = self._conflict
        counts = conflict is not None and conflict.leaves(group.shape) and conflict.by_every_key
        if counts:
            await connection.exec_driver_sql(f"SET {KEPT} = 0")
        written = 0
        taken = group.prepare(self._dialect.name)
        for start, stop in _parts(taken):
            if start in taken.with_sql:
                self._at = group, start
                statement = self._statement(group.shape, taken.record(start))
                written += (await connection.execute(statement)).rowcount
            else:
                self._at = group, None
                written += await self._send_part(connection, group, start, group.records(taken, start, stop))
        self._at = None
        if counts:
            return len(group.rows) - int((await connection.exec_driver_sql(f"SELECT {KEPT}")).scalar_one())
        if conflict is None or not conflict.leaves(group.shape):
            return len(group.rows) + group.again
        return written

    async def _send_part(
        self, connection: AsyncConnection, group: Group, start: int, records: list[tuple[Any, ...]]
    ) -> int:
        shape = group.shape
        schemas = _schemas(connection)
        if self._conflict is None and len(records) >= copy.LEAST_ROWS and copy.can_copy(shape, self._dialect):
            schema = schemas.get(shape.table.schema, shape.table.schema)
            return await copy.copy(connection, shape, records, schema)
        cut = self._template(shape, schemas)
        end = cut.end(fresh(shape)) if cut.ending else ()
        self._sent.start = start
        return await multirow.insert(connection, cut, records, end, self._sent)

    def _template(self, shape: Shape, schemas: Schemas) -> Template:
        kept = (self._conflict, tuple(schemas.items()))
        cut: Template | None = shape.texts.get(kept)
        if cut is None:
            statement = self._statement(shape, multirow.names_of(shape))
            cut = shape.texts[kept] = multirow.template(statement, self._dialect, schemas)
        return cut

    def _statement(self, shape: Shape, values: Mapping[str, Any]) -> Insert:
        if self._conflict is None:
            return insert(shape.table).values(values)
        return self._conflict.statement(shape, values, fresh(shape), self._dialect)

    # -- what the program sees afterwards ------------------------------------------------------------------------

    async def _show(self, session: AsyncSession, model: type, conflict: Conflict) -> None:
        """Let the rows that the session holds show what is stored now."""
        sync = session.sync_session
        held = [instance_state(row) for row in sync.identity_map.values() if isinstance(row, model)]
        if not held:
            return
        keys = {conflict.key_of(row) for group in self._groups for row in group.rows}
        for state in held:
            if tuple([state.dict.get(name) for name in conflict.by]) in keys:
                if isinstance(sync, RewindingSession):
                    sync.remember(state)
                loaded = [attribute.key for attribute in state.mapper.column_attrs if attribute.key in state.dict]
                sync.expire(state.obj(), loaded)
        await read_expired(session, model)

    def failing(self) -> dict[str, object]:
        """The columns of the row that was refused, where the driver goes through them one by one."""
        found = self._found()
        return dict(found[0].rows[found[1]]) if found is not None else {}

    def _found(self) -> tuple[Group, int] | None:
        if self._at is None:
            return None
        group, index = self._at
        if index is None and backend_of(self._dialect).executemany:
            index = self._sent.start + self._sent.at
        return (group, index) if index is not None and index < len(group.rows) else None

    def locate(self, error: SaveError) -> None:
        """Add to `error` which row it is about, as far as that can be known."""
        found = self._found() or self._with_values(error)
        if found is None or error.position is not None:
            return
        group, index = found
        error.position = group.positions[index]
        row = group.rows[index]
        error.values.update({name: row[name] for name in error.columns if name in row})

    def _with_values(self, error: SaveError) -> tuple[Group, int] | None:
        """The row with the refused values; of two in the same call it is the second that was refused."""
        if self._at is None or not error.columns or set(error.columns) - error.values.keys():
            return None
        group = self._at[0]
        said = [(name, error.values[name]) for name in error.columns]
        matches = (i for i, row in enumerate(group.rows) if all(_is_said(row.get(n), value) for n, value in said))
        first = next(matches, None)
        return None if first is None else (group, next(matches, first))


def _is_said(value: object, said: object) -> bool:
    """The server repeats values as text."""
    return value == said or (value is not None and str(value) == str(said))


def _parts(taken: Taken) -> Iterator[tuple[int, int]]:
    """The rows in order, those with SQL each alone."""
    start = 0
    for index in sorted(taken.with_sql):
        if start < index:
            yield start, index
        yield index, index + 1
        start = index + 1
    if start < taken.count:
        yield start, taken.count


def _schemas(connection: AsyncConnection) -> Schemas:
    sync = connection.sync_connection
    options: Mapping[str, Any] = sync.get_execution_options() if sync is not None else {}
    return cast("Schemas", options.get("schema_translate_map") or {})
