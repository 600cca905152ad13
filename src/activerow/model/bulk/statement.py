"""One statement for many rows: its text, and how it is sent.

SQLAlchemy compiles the statement for one row, with its casts, defaults and conflict clause; the marks in it say where
the row stands, and the rest is arithmetic. The values are converted already, column by column, so that nothing is done
per row but to send it. On SQLite the statement of one row is run for all of them in one call of the driver.
"""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count
from typing import Any, Final, cast
from weakref import WeakKeyDictionary

from sqlalchemy import ColumnElement, CursorResult
from sqlalchemy.engine import Dialect, Engine
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import Executable
from sqlalchemy.sql.compiler import SQLCompiler

from activerow.backends import backend_of
from activerow.model.bulk.values import Record

Schemas = dict[str | None, str | None]
Told = Callable[[CursorResult[Any], int], object]

ROWS_PER_STATEMENT: Final = 1_000
MARK: Final = "\x01"
"""Stands before and behind the row; no name or literal of a statement has it."""

_CHARACTERS: Final = 1_000_000

_packets: "WeakKeyDictionary[Engine, int]" = WeakKeyDictionary()


class Marked(ColumnElement[Any]):
    """A value of a row, with marks where the row begins or ends."""

    inherit_cache = False

    def __init__(self, inner: ColumnElement[Any], before: str = "", after: str = "") -> None:
        self.inner, self.before, self.after = inner, before, after
        self.type = inner.type


@compiles(Marked)
def _marked(element: Marked, compiler: SQLCompiler, **options: Any) -> str:
    return f"{element.before}{compiler.process(element.inner, **options)}{element.after}"


def place_of(index: int) -> str:
    """The name of the parameter for a place in the record of a row."""
    return f"c{index}"


@dataclass(frozen=True, slots=True)
class Slot:
    """A parameter of the text: a place in the record of a row, or a value that is the same for all rows."""

    place: int | None
    name: str
    constant: object
    convert: Callable[[Any], Any] | None

    def value(self, same: Mapping[str, object]) -> object:
        """The value for all rows: of the call, else of the model."""
        value = same.get(self.name, self.constant)
        return self.convert(value) if self.convert is not None else value


@dataclass(frozen=True, slots=True)
class RowsText:
    """The text of a statement, cut where its rows stand; one without marks is run for each row.

    Attributes:
        parts: Before the rows, one row, and after them, in the `format` style of parameters.
        slots: The parameters of each part.
        style: How the driver's parameters are written.
    """

    parts: tuple[str, str, str]
    slots: tuple[tuple[Slot, ...], tuple[Slot, ...], tuple[Slot, ...]]
    style: str

    @property
    def width(self) -> int:
        """The parameters of a row."""
        return len(self.slots[1])

    def text(self, rows: int) -> str:
        """The statement for so many rows."""
        head, row, tail = self.parts
        whole = f"{head}{', '.join([row] * rows)}{tail}" if row else head
        if self.style in {"format", "pyformat"}:
            return whole
        # Every "%" of a text in this style is written twice, and there are only "%s" besides: Python's own operator.
        numbers = count(1)
        total = sum(map(len, self.slots)) + self.width * (rows - 1)
        return whole % tuple(f"${next(numbers)}" if self.style == "numeric_dollar" else "?" for _ in range(total))

    def fill(self, records: Sequence[Record], same: Mapping[str, object]) -> Sequence[Record]:
        """The parameters of each row."""
        slots = self.slots[1] if self.parts[1] else self.slots[0]
        if [slot.place for slot in slots] == list(range(len(slots))):
            return records
        cells = [slot.value(same) if slot.place is None else slot.place for slot in slots]
        places = [slot.place is not None for slot in slots]
        return [
            tuple([record[cast("int", cell)] if placed else cell for cell, placed in zip(cells, places, strict=True)])
            for record in records
        ]

    def with_head(self, head: str) -> "RowsText":
        """The same, beginning in another way."""
        return replace(self, parts=(head, *self.parts[1:]))

    def ends(self, same: Mapping[str, object]) -> tuple[Record, Record]:
        """The parameters before and behind the rows."""
        before, _, after = self.slots
        return tuple([slot.value(same) for slot in before]), tuple([slot.value(same) for slot in after])


def rows_text(statement: Executable, dialect: Dialect, schemas: Schemas | None) -> RowsText:
    """Cut the text of a statement for one row, whose values are parameters that `place_of` names."""
    compiled = cast("Any", statement).compile(dialect=_in_format_style(dialect), schema_translate_map=schemas)
    text: str = compiled.string
    if schemas:
        text = compiled.preparer._render_schema_translates(text, dict(schemas))
    head, row, tail = (*text.split(MARK), "", "")[:3]
    if head.endswith("(") and tail.startswith(")"):
        head, row, tail = head[:-1], f"({row})", tail[1:]
    constants: dict[str, Any] = compiled.construct_params(_check=False)
    converters: dict[str, Any] = compiled._bind_processors
    names = iter(compiled.positiontup or ())

    def slots(part: str) -> tuple[Slot, ...]:
        found = [next(names) for _ in range(part.replace("%%", "").count("%s"))]
        return tuple(
            Slot(None, name, constants[name], converters.get(name))
            if not name.startswith("c") or not name[1:].isdecimal()
            else Slot(int(name[1:]), name, None, None)
            for name in found
        )

    return RowsText((head, row, tail), (slots(head), slots(row), slots(tail)), dialect.paramstyle)


def _in_format_style(dialect: Dialect) -> Dialect:
    """The dialect, writing parameters as "%s" and each "%" of a name twice: a text that can be taken apart for sure."""
    own: Any = copy.copy(dialect)
    own.paramstyle, own.positional = "format", True
    preparer: Any = copy.copy(dialect.identifier_preparer)
    preparer.dialect, preparer._double_percents, preparer._strings = own, True, {}
    own.identifier_preparer = preparer
    return cast("Dialect", own)


def schemas_of(connection: AsyncConnection) -> Schemas:
    """The schemas that the connection translates to."""
    sync = connection.sync_connection
    options: Mapping[str, Any] = sync.get_execution_options() if sync is not None else {}
    return cast("Schemas", options.get("schema_translate_map") or {})


# --- sending --------------------------------------------------------------------------------------------------------


class Counted(list[Record]):
    """Records that know which of them was taken last: where SQLite has stopped; `start` is the place of the first."""

    start = at = 0

    def __iter__(self) -> Iterator[Record]:
        for self.at, record in enumerate(super().__iter__()):
            yield record


async def send(
    connection: AsyncConnection,
    text: RowsText,
    records: Sequence[Record],
    same: Mapping[str, object],
    sent: Counted,
    told: Told | None = None,
) -> int:
    """Send the records; returns how many rows the server says it has written.

    Args:
        connection: Of the unit.
        text: The statement.
        records: The rows, as the driver takes them.
        same: Name to value, of what is the same for all rows of the call.
        sent: Tells afterwards how far the driver came, where it goes through the rows one by one.
        told: Is given the result of each statement, and how many rows it was for.
    """
    filled = text.fill(records, same)
    if not text.parts[1]:
        sent[:] = filled
        return (await connection.exec_driver_sql(text.text(1), cast("Any", sent))).rowcount
    before, after = text.ends(same)
    written = 0
    for part in await _parts(connection, text, filled):
        parameters = (*before, *chain.from_iterable(part), *after)
        result = await connection.exec_driver_sql(text.text(len(part)), parameters)
        written += result.rowcount
        if told is not None:
            told(result, len(part))
    return written


async def _parts(connection: AsyncConnection, text: RowsText, records: Sequence[Record]) -> Iterator[Sequence[Record]]:
    backend = backend_of(connection.dialect)
    if backend.largest_packet is not None:
        return _by_weight(records, min(_CHARACTERS, await _packet(connection, backend.largest_packet) // 4))
    parameters = backend.parameters(connection.dialect.driver) - len(text.slots[0]) - len(text.slots[2])
    most = max(1, min(ROWS_PER_STATEMENT, parameters // max(1, text.width)))
    return (records[start : start + most] for start in range(0, len(records), most))


def _by_weight(records: Sequence[Record], most: int) -> Iterator[Sequence[Record]]:
    """Parts whose text the server takes in one packet: a character is at most four bytes, escaped or not."""
    start = weight = 0
    for index, record in enumerate(records):
        own = sum(len(value) if value.__class__ in (str, bytes) else 32 for value in record)
        if index > start and weight + own > most:
            yield records[start:index]
            start, weight = index, 0
        weight += own + 8
    yield records[start:]


async def _packet(connection: AsyncConnection, question: str) -> int:
    """The largest packet the server takes, in bytes."""
    engine = connection.sync_connection.engine if connection.sync_connection is not None else None
    if engine is None:
        return _CHARACTERS
    size = _packets.get(engine)
    if size is None:
        result = await connection.exec_driver_sql(question)
        size = _packets[engine] = int(result.scalar_one())
    return size
