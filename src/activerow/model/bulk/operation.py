"""What all writes of many rows have in common: the steps of a batch, and which row was refused."""

from collections.abc import AsyncGenerator, Generator, Hashable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from sqlalchemy.engine import Dialect
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.orm import Session
from sqlalchemy.sql import Executable

from activerow.backends import Backend, backend_of
from activerow.errors import SaveError
from activerow.model.bulk import copy
from activerow.model.bulk.groups import Group, Grouping
from activerow.model.bulk.layout import Layout
from activerow.model.bulk.statement import Counted, RowsText, Schemas, Told, schemas_of, send
from activerow.model.bulk.values import Taken


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows as the caller gave them, and the position of the first."""

    rows: Sequence[object]
    first: int

    def at(self, position: int) -> object:
        """The row at a position."""
        return self.rows[position - self.first]

    def instances(self, model: type) -> Iterator[tuple[int, object]]:
        """The instances among them, with their positions."""
        return ((place, row) for place, row in enumerate(self.rows, start=self.first) if isinstance(row, model))


class Operation:
    """What a call does with its rows."""

    word: ClassVar[str] = "insert"

    copies: ClassVar[bool] = False
    """Rows may go in by COPY."""

    def __init__(self, model: type, dialect: Dialect) -> None:
        self.model, self.dialect = model, dialect
        self.chunk = Chunk((), 0)

    @property
    def form(self) -> Hashable:
        """What the text of its statements depends on, besides the layout of the rows."""
        return self.word

    @property
    def backend(self) -> Backend:
        """The kind of server."""
        return backend_of(self.dialect)

    def grouping(self) -> Grouping:
        """Puts the rows of a batch together."""
        raise NotImplementedError

    def one(self, layout: Layout, values: Mapping[str, Any]) -> Executable:
        """The statement for one row, of attribute to value or SQL."""
        raise NotImplementedError

    def text(self, layout: Layout, schemas: Schemas) -> RowsText:
        """The text of the statement for many rows."""
        raise NotImplementedError

    def same(self, layout: Layout) -> Mapping[str, object]:
        """Name to value, of the parameters that are the same for all rows."""
        del layout
        return {}

    async def prepare(self, connection: AsyncConnection, groups: list[Group]) -> list[Group]:
        """What is to be asked of the database before the rows are sent."""
        del connection
        return groups

    def told(self, group: Group) -> Told | None:
        """Wants to see the result of each statement."""
        del group
        return None

    async def begin(self, connection: AsyncConnection, group: Group) -> None:
        """What comes before the rows of a group."""

    async def count(self, connection: AsyncConnection, group: Group, written: int) -> int:
        """How many rows of a group were written; the server has said `written`."""
        del connection, written
        return len(group.rows) + group.again

    async def finish(self, session: AsyncSession, groups: list[Group]) -> None:
        """What comes after the rows: what the session's own rows show."""

    @contextmanager
    def held(self, session: Session, groups: list[Group], chunk: Chunk) -> Generator[None, None, None]:
        """What the session holds of the rows while they are written."""
        del session, groups
        self.chunk = chunk
        yield

    @asynccontextmanager
    async def around(self, session: AsyncSession, group: Group) -> AsyncGenerator[None, None]:
        """What the rules of the model do around the statements of a group."""
        del session, group
        yield


class Batch:
    """Rows of a call that are sent together."""

    def __init__(self, operation: Operation, chunk: Chunk, grouping: Grouping) -> None:
        """Put the rows together and check them; nothing is sent yet.

        Raises:
            UsageError: A row cannot be written.
            InvalidDataError: A value does not fit its column.
        """
        self._operation, self._chunk = operation, chunk
        self._groups = groups = grouping(chunk.rows, chunk.first)
        self._sent = Counted()
        self._at: tuple[Group, int | None] | None = None
        self._told: Told | None = None
        for group in groups:
            group.take(operation.dialect.name)

    @property
    def word(self) -> str:
        """What is done, for errors."""
        return self._operation.word

    async def send(self, session: AsyncSession) -> int:
        """Write the rows, after what the program has left in the session; returns how many were written."""
        operation, sync = self._operation, session.sync_session
        if not self._groups:
            return 0
        with operation.held(sync, self._groups, self._chunk):
            if sync.new or sync.dirty or sync.deleted:
                await session.flush()
            connection = await session.connection(bind_arguments={"mapper": operation.model})
            self._groups = await operation.prepare(connection, self._groups)
            written = 0
            for group in self._groups:
                async with operation.around(session, group):
                    written += await self._send(connection, group)
            await operation.finish(session, self._groups)
        return written

    async def _send(self, connection: AsyncConnection, group: Group) -> int:
        operation, layout = self._operation, group.layout
        await operation.begin(connection, group)
        self._told = told = operation.told(group)
        written = 0
        taken = group.take(operation.dialect.name)
        for start, stop in _parts(taken):
            if start in taken.with_sql:
                self._at = group, start
                result = await connection.execute(operation.one(layout, taken.row(start)))
                if told is not None:
                    told(result, 1)
                written += result.rowcount
            else:
                self._at = group, None
                written += await self._send_part(connection, group, taken, start, stop)
        self._at = None
        return await operation.count(connection, group, written)

    async def _send_part(self, connection: AsyncConnection, group: Group, taken: Taken, start: int, stop: int) -> int:
        operation, layout = self._operation, group.layout
        records = group.records(taken, start, stop)
        schemas = schemas_of(connection)
        if operation.copies and len(records) >= copy.LEAST_ROWS and copy.can_copy(layout, operation.dialect):
            schema = schemas.get(layout.table.schema, layout.table.schema)
            return await copy.copy(connection, layout, records, schema)
        kept = (operation.form, tuple(schemas.items()))
        text: RowsText | None = layout.texts.get(kept)
        if text is None:
            text = layout.texts[kept] = operation.text(layout, schemas)
        self._sent.start = start
        return await send(connection, text, records, operation.same(layout), self._sent, self._told)

    # -- which row was refused -----------------------------------------------------------------------------------

    def failing(self) -> dict[str, object]:
        """The columns of the row that was refused, where the driver goes through them one by one."""
        found = self._found()
        return dict(found[0].rows[found[1]]) if found is not None else {}

    def _found(self) -> tuple[Group, int] | None:
        if self._at is None:
            return None
        group, index = self._at
        if index is None and self._operation.backend.executemany:
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
