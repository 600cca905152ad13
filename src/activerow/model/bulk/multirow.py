"""INSERT of many rows: one statement with many VALUES, or on SQLite one statement run for many rows.

SQLAlchemy compiles the statement for one row, with its casts, defaults and conflict clause; the rest is arithmetic. The
values are converted already, column by column, so that nothing is done per row but to send it.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final, cast
from weakref import WeakKeyDictionary

from sqlalchemy import Insert, bindparam
from sqlalchemy.engine import Dialect, Engine
from sqlalchemy.ext.asyncio import AsyncConnection

from activerow.backends import backend_of
from activerow.model.bulk.columns import Shape

Record = tuple[Any, ...]

ROWS_PER_STATEMENT: Final = 1_000
_CHARACTERS: Final = 1_000_000
_PLACEHOLDER: Final = re.compile(r"\$(\d+)|%\((\w+)\)s|%s|\?")
_VALUES: Final = " VALUES "

_packets: "WeakKeyDictionary[Engine, int]" = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class Ending:
    """A parameter behind the rows."""

    name: str
    constant: object
    convert: Callable[[Any], Any] | None

    def value(self, values: Mapping[str, object]) -> object:
        """The value to send."""
        value = values.get(self.name, self.constant)
        return self.convert(value) if self.convert is not None else value


@dataclass(frozen=True, slots=True)
class Template:
    """The text of an INSERT, cut where its rows stand.

    Attributes:
        head, row, tail: Before the rows, one row, and after them.
        slots: Where the parameters of a row come from: a position in the record, or a constant of the model.
        ending: The parameters of the tail: a name whose value is given with the rows, or a constant of the model.
    """

    head: str
    row: str
    tail: str
    slots: tuple[int | tuple[object], ...]
    ending: tuple["Ending", ...]

    @property
    def plain(self) -> bool:
        """The parameters of a row are its record."""
        return self.slots == tuple(range(len(self.slots)))

    def text(self, rows: int) -> str:
        """The statement for so many rows."""
        if "$" not in self.row and "$" not in self.tail:
            return f"{self.head}{', '.join([self.row] * rows)}{self.tail}"
        width = len(self.slots)
        numbered = (_renumbered(self.row, width * index) for index in range(rows))
        return f"{self.head}{', '.join(numbered)}{_renumbered(self.tail, width * (rows - 1))}"

    def end(self, values: Mapping[str, object]) -> Record:
        """The parameters of the tail."""
        return tuple([ending.value(values) for ending in self.ending])

    def filled(self, records: Sequence[Record]) -> Sequence[Record]:
        """The records with the constants between their values."""
        if self.plain:
            return records
        slots = self.slots
        return [tuple([record[s] if isinstance(s, int) else s[0] for s in slots]) for record in records]


def _renumbered(text: str, by: int) -> str:
    return re.sub(r"\$(\d+)", lambda match: f"${int(match[1]) + by}", text) if by else text


def names_of(shape: Shape) -> dict[str, Any]:
    """The values of an INSERT of `shape`, each a parameter whose name tells its position in the record."""
    return {s.column.key: bindparam(f"c{index}", type_=s.column.type) for index, s in enumerate(shape.sources)}


def template(statement: Insert, dialect: Dialect, schemas: dict[str | None, str | None] | None) -> Template:
    """Cut the text of an INSERT of one row, whose values are `names_of` its shape."""
    compiled = cast("Any", statement.compile(dialect=dialect, schema_translate_map=schemas))
    text: str = compiled.string
    if schemas:
        text = compiled.preparer._render_schema_translates(text, dict(schemas))
    head, _, rest = text.partition(_VALUES)
    end = _end_of_row(rest)
    names: list[str] = list(compiled.positiontup or ())
    row, in_row = _positional(rest[:end], dialect, names)
    tail, in_tail = _positional(rest[end:], dialect, names[len(in_row) :])
    constants: dict[str, Any] = compiled.construct_params(_check=False)
    converters: dict[str, Any] = compiled._bind_processors

    def constant(name: str) -> object:
        convert = converters.get(name)
        return convert(constants[name]) if convert is not None else constants[name]

    slots = tuple(int(n[1:]) if re.fullmatch(r"c\d+", n) else (constant(n),) for n in in_row)
    ending = tuple(Ending(n, constants[n], converters.get(n)) for n in in_tail)
    return Template(head + _VALUES, row, tail, slots, ending)


def _positional(text: str, dialect: Dialect, names: list[str]) -> tuple[str, list[str]]:
    """The text with parameters by position, and their names."""
    found = list(_PLACEHOLDER.finditer(text))
    if dialect.positional:
        return text, names[: len(found)]
    return _PLACEHOLDER.sub("%s", text), [match[2] for match in found]


def _end_of_row(text: str) -> int:
    """Where the bracket that opens the text is closed."""
    depth = 0
    quoted = False
    for position, character in enumerate(text):
        quoted ^= character == "'"
        if not quoted:
            depth += {"(": 1, ")": -1}.get(character, 0)
            if depth == 0:
                return position + 1
    return len(text)


class Counted(list[Record]):
    """Records that know which of them was taken last: where SQLite has stopped; `start` is the place of the first."""

    start = at = 0

    def __iter__(self) -> Iterator[Record]:
        for self.at, record in enumerate(super().__iter__()):
            yield record


async def insert(
    connection: AsyncConnection, cut: Template, records: Sequence[Record], end: Record, sent: Counted
) -> int:
    """Send the records, with the parameters behind them; returns how many rows the server says it has written."""
    if not cut.slots:
        return await _one_by_one(connection, cut, len(records))
    filled = cut.filled(records)
    if backend_of(connection.dialect).executemany:
        sent[:] = [(*record, *end) for record in filled] if end else filled
        return (await connection.exec_driver_sql(cut.text(1), cast("Any", sent))).rowcount
    written = 0
    for part in await _parts(connection, cut, filled):
        parameters = (*chain.from_iterable(part), *end)
        written += (await connection.exec_driver_sql(cut.text(len(part)), parameters)).rowcount
    return written


async def _one_by_one(connection: AsyncConnection, cut: Template, count: int) -> int:
    """Rows in which everything is left to the server."""
    for _ in range(count):
        await connection.exec_driver_sql(cut.head.removesuffix(_VALUES) + cut.row + cut.tail)
    return count


async def _parts(connection: AsyncConnection, cut: Template, records: Sequence[Record]) -> Iterator[Sequence[Record]]:
    backend = backend_of(connection.dialect)
    if backend.largest_packet is not None:
        return _by_weight(records, min(_CHARACTERS, await _packet(connection, backend.largest_packet) // 4))
    parameters = backend.parameters(connection.dialect.driver) - len(cut.ending)
    most = max(1, min(ROWS_PER_STATEMENT, parameters // len(cut.slots)))
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
