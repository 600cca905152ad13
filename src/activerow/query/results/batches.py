"""The three ways to read a query in batches: through a cursor, by windows of the primary key, or by keys read before.

A cursor lives in its transaction: it ends with a COMMIT, and SQLite does not say whether it sees what the same
connection writes meanwhile. So it is for a connection that nobody else uses. Windows and keys leave nothing open
between two batches: other calls, savepoints and commits may come in between. Which way is taken when, and what it
costs, is decision 12.
"""

from array import array
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Final, Generic, Protocol, TypeAlias, TypeVar, cast

from sqlalchemy import ColumnElement, Enum, and_, or_
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncResult, AsyncSession
from sqlalchemy.orm.base import instance_state

from activerow.mapping import mapper_of, primary_key_names
from activerow.query.lookups import Column, Key, among, bare, by_primary_key, put_on, reverse
from activerow.query.plan import Chosen, Plan
from activerow.query.related import KEYS_PER_STATEMENT

M = TypeVar("M")

Fetch = Callable[[AsyncSession, type[M], Plan], Awaitable[list[M]]]
"""Reads the rows of a plan as every other terminal does."""

_KEYS_AT_ONCE: Final = 5_000

_Chunk: TypeAlias = "list[Key] | array[int]"


class Batches(Protocol[M]):
    """The rows of a query, one batch after the other."""

    async def read(self, session: AsyncSession) -> list[M]:
        """The next rows; none at the end."""
        ...

    async def close(self) -> None:
        """Give up what is kept open on the connection."""
        ...


def cursor_batches(model: type[M], plan: Plan, size: int, fetch: Fetch[M]) -> Batches[M]:
    """For a connection that nobody else uses: one statement, read through a cursor, where that can be."""
    if any(isinstance(path, Chosen) and path.is_ranked for path in plan.include):
        return separate_batches(model, plan, size, fetch)
    return _Cursor(model, plan, size, fetch)


def separate_batches(model: type[M], plan: Plan, size: int, fetch: Fetch[M]) -> Batches[M]:
    """For a connection that others use between the batches: a statement for each."""
    descending = _by_key(model, plan)
    if descending is None:
        return _Keys(model, plan, min(size, KEYS_PER_STATEMENT), fetch)
    return _Windows(model, plan, size, fetch, descending=descending)


class _Cursor(Generic[M]):
    """One statement and its cursor: on the server for PostgreSQL, a live statement for SQLite."""

    def __init__(self, model: type[M], plan: Plan, size: int, fetch: Fetch[M]) -> None:
        self._model, self._plan, self._size, self._fetch = model, plan, size, fetch
        self._result: AsyncResult[Any] | None = None
        self._instead: Batches[M] | None = None

    async def read(self, session: AsyncSession) -> list[M]:
        if self._result is None and self._instead is None:
            await self._open(session)
        if self._instead is not None:
            return await self._instead.read(session)
        rows = await cast("AsyncResult[Any]", self._result).fetchmany(self._size)
        return put_on(rows, self._plan.computed)

    async def _open(self, session: AsyncSession) -> None:
        statement = self._plan.rows(self._model)
        options = {"yield_per": self._size}
        try:
            self._result = await session.stream(statement, execution_options=options)
        except InvalidRequestError:
            # Loaders that need all rows of a parent at once, such as joinedload of a to-many relation.
            self._instead = separate_batches(self._model, self._plan, self._size, self._fetch)

    async def close(self) -> None:
        if self._result is not None:
            await self._result.close()


class _Windows(Generic[M]):
    """Each statement goes on behind the last key of the one before, up to the key that was the last at the start."""

    def __init__(self, model: type[M], plan: Plan, size: int, fetch: Fetch[M], *, descending: bool) -> None:
        order = by_primary_key(model)
        self._model, self._fetch, self._size, self._descending = model, fetch, size, descending
        self._whole = replace(plan, order=reverse(order) if descending else order)
        self._next: Plan | None = self._whole
        self._left = plan.most
        self._end: Key | None = None

    async def read(self, session: AsyncSession) -> list[M]:
        if self._next is None or self._left == 0:
            return []
        size = self._size if self._left is None else min(self._size, self._left)
        rows = await self._fetch(session, self._model, replace(self._next, most=size))
        if self._left is not None:
            self._left -= len(rows)
        if len(rows) < size or self._left == 0:
            self._next = None
        else:
            await self._move_on(session, _key_of(rows[-1]))
        return rows

    async def _move_on(self, session: AsyncSession, last: Key) -> None:
        # Without an end, a loop that creates a row for each row would never come to it.
        end = self._end = self._end or await self._last_key(session)
        if end is None or end == last:
            self._next = None
            return
        behind = _side(self._model, last, below=self._descending)
        until = _side(self._model, end, below=not self._descending, inclusive=True)
        self._next = self._whole.also(behind, until).but(skip=None)

    async def _last_key(self, session: AsyncSession) -> Key | None:
        whole = replace(self._whole, most=None, skip=None, lock=None)
        row = (await session.execute(whole.backwards(self._model).at_most(1).keys(self._model))).first()
        return None if row is None else tuple(row)

    async def close(self) -> None:
        """Nothing is open."""


class _Keys(Generic[M]):
    """All keys first, in the order asked for, then the rows of some keys at a time, as far as they still match."""

    def __init__(self, model: type[M], plan: Plan, size: int, fetch: Fetch[M]) -> None:
        self._model, self._plan, self._size, self._fetch = model, plan, size, fetch
        self._rest = replace(plan, order=(), most=None, skip=None, distinct=False)
        self._chunks: deque[_Chunk] | None = None

    async def read(self, session: AsyncSession) -> list[M]:
        if self._chunks is None:
            self._chunks = await self._keys(session)
        while self._chunks:
            keys = _unpacked(self._chunks.popleft())
            rows = await self._fetch(session, self._model, self._rest.also(among(self._model, keys)))
            found = {_key_of(row): row for row in rows}
            if found:
                return [found[key] for key in dict.fromkeys(keys) if key in found]
        return []

    async def _keys(self, session: AsyncSession) -> deque[_Chunk]:
        """The keys of all rows in chunks, packed."""
        statement = self._plan.keys(self._model)
        if self._plan.distinct:
            statement = statement.add_columns(*[bare(key.expression) for key in self._plan.order])
        width = len(primary_key_names(self._model))
        chunks: deque[_Chunk] = deque()
        result = await session.stream(statement, execution_options={"yield_per": _KEYS_AT_ONCE})
        async for rows in result.partitions(_KEYS_AT_ONCE):
            for start in range(0, len(rows), self._size):
                chunks.append(_packed([tuple(row[:width]) for row in rows[start : start + self._size]]))
        return chunks

    async def close(self) -> None:
        """Nothing is open."""


def _packed(keys: list[Key]) -> _Chunk:
    """Eight bytes for each key where they are single integers."""
    if any(len(key) != 1 or type(key[0]) is not int for key in keys):
        return keys
    try:
        return array("q", [value for (value,) in keys])
    except OverflowError:
        return keys


def _unpacked(chunk: _Chunk) -> list[Key]:
    return [(value,) for value in chunk] if isinstance(chunk, array) else chunk


def _key_of(row: object) -> Key:
    """The key under which the row is stored, whatever was set on it meanwhile."""
    return cast("tuple[Any, Key]", instance_state(row).key)[1]


def _by_key(model: type, plan: Plan) -> bool | None:
    """Whether windows of the primary key give the order asked for, and if so, whether from its end; None if not."""
    names, mapper = primary_key_names(model), mapper_of(model)
    # MySQL sorts an ENUM by the order of its words, and compares it by its letters.
    if plan.distinct or plan.joins or any(isinstance(column.type, Enum) for column in mapper.primary_key):
        return None
    if not plan.order:
        return False
    keys = by_primary_key(model)
    for descending, wanted in ((False, keys), (True, reverse(keys))):
        if len(plan.order) >= len(names) and all(map(_is_same, plan.order, wanted)):
            return descending
    return None


def _is_same(key: Column, other: Column) -> bool:
    if key.hops:
        return False
    expressions = [_element(column.expression) for column in (key, other)]
    return bool(expressions[0].compare(expressions[1]))


def _element(expression: Any) -> ColumnElement[Any]:
    return cast("ColumnElement[Any]", getattr(expression, "expression", expression))


def _side(model: type, key: Key, *, below: bool, inclusive: bool = False) -> ColumnElement[bool]:
    """The condition that a row's key comes before (`below`) or after `key`, or is the same if `inclusive`."""
    columns: list[Any] = [getattr(model, name) for name in primary_key_names(model)]
    pairs = list(zip(columns, key, strict=True))
    cases: list[ColumnElement[bool]] = []
    for place, (column, value) in enumerate(pairs):
        equal = [left == right for left, right in pairs[:place]]
        cases.append(and_(*equal, column < value if below else column > value))
    if inclusive:
        cases.append(and_(*[left == right for left, right in pairs]))
    # The first column alone is what an index can be entered by.
    column, value = pairs[0]
    return and_(column <= value if below else column >= value, or_(*cases)) if pairs[1:] else or_(*cases)
