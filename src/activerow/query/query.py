"""`Query`: which rows, in which order, with what beside them. Inert until a terminal is awaited."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar, cast, overload

from sqlalchemy import ColumnExpressionArgument, SQLColumnExpression
from sqlalchemy.ext.asyncio import AsyncSession

from activerow.backends import check_explanation, explained
from activerow.database import BINDING, database_of
from activerow.database.execution import Call, Work
from activerow.errors import MultipleRecordsError, RecordNotFoundError
from activerow.mapping import entity_of, mapper_of, primary_key_names
from activerow.paging import CursorPage, Page
from activerow.query.instead import refuse_protocols
from activerow.query.lookups import (
    Key,
    is_wide,
    primary_key,
    remember_key,
    simple_lookups,
)
from activerow.query.own_statement import OwnStatement, own_statement
from activerow.query.plan import EVERYTHING, Plan
from activerow.query.reads import KeyRead, RowsRead, fetch_rows, refuse_unsaved
from activerow.query.related import KEYS_PER_STATEMENT, remember_result
from activerow.query.results import (
    A,
    B,
    Groups,
    Numbered,
    Schema,
    Step,
    Stream,
    check_walk,
    groups_of,
)
from activerow.query.values import Values

M = TypeVar("M")
T = TypeVar("T")
S = TypeVar("S", bound=Schema)


class Query(Values[M]):
    """A selection of rows of a model. Links return a new query, terminals are awaited."""

    __slots__ = ()

    # -- rows ----------------------------------------------------------------------------------------------------

    async def all(self) -> list[M]:
        """Every row."""
        return await self._fetch(self.plan)

    async def first(self) -> M | None:
        """The first row, by primary key where no order was asked for; None without rows."""
        rows = await self._fetch(self.plan.first(self.model))
        return rows[0] if rows else None

    async def last(self) -> M | None:
        """The last row, by primary key where no order was asked for; None without rows.

        Raises:
            UsageError: The query has a limit or offset.
        """
        rows = await self._fetch(self.plan.backwards(self.model).at_most(1))
        return rows[0] if rows else None

    async def one(self) -> M:
        """The only row.

        Raises:
            RecordNotFoundError: There is none.
            MultipleRecordsError: There are more.
        """
        row = await self.one_or_none()
        if row is None:
            raise RecordNotFoundError(self.model.__name__, self.plan.criteria)
        return row

    async def one_or_none(self) -> M | None:
        """The only row; None without rows.

        Raises:
            MultipleRecordsError: There are more.
        """
        rows = await self._fetch(self.plan.at_most(2))
        if len(rows) > 1:
            raise MultipleRecordsError(self.model.__name__, self.plan.criteria)
        return rows[0] if rows else None

    async def get(self, key: object, /) -> M:
        """The row of the query with this primary key; a composite key is a tuple.

        Raises:
            RecordNotFoundError: There is none.
            InvalidDataError: The key could not be in its column.
            UsageError: The query has a limit or an offset.
        """
        row = await self.get_or_none(key)
        if row is None:
            raise RecordNotFoundError(self.model.__name__, self._named(primary_key(self.model, key)))
        return row

    async def get_or_none(self, key: object, /) -> M | None:
        """As `get`; None where there is no such row. A plain query answers from the open unit's memory."""
        plain = self.plan.keyed(self.model, key) if self.plan is EVERYTHING else None
        if plain is not None:
            return await self._held_or_read(plain, (key,))
        parts = primary_key(self.model, key)
        if None in parts:
            return None
        if self.plan is EVERYTHING and not is_wide(self.model, parts):
            return await self._by_key(parts)
        rows = await self._among([parts]).all()
        return rows[0] if rows else None

    async def get_many(self, keys: Iterable[object], /) -> list[M]:
        """The rows with these primary keys, in the order of the keys.

        Raises:
            RecordNotFoundError: Some are missing; `missing` names their keys.
        """
        wanted = [primary_key(self.model, key) for key in keys]
        found: dict[Key, M] = {}
        distinct = [key for key in dict.fromkeys(wanted) if None not in key]

        async def work(session: AsyncSession) -> None:
            for start in range(0, len(distinct), KEYS_PER_STATEMENT):
                chunk = self._among(distinct[start : start + KEYS_PER_STATEMENT])
                found.update((self._key_of(row), row) for row in await fetch_rows(session, self.model, chunk.plan))

        if distinct:
            await self._read(work)
        missing = [key for key in dict.fromkeys(wanted) if key not in found]
        if missing:
            raise self._missing(missing)
        rows = [found[key] for key in wanted]
        remember_result(list(found.values()), self.plan.include)
        return rows

    def from_statement(self, statement: Any) -> OwnStatement[M]:
        """The rows of the model that a `select(...)` or `text(...)` of one's own finds.

        `include`, `only`, `defer` and `options` of the query still say how they are loaded.

        Raises:
            UsageError: The query says which rows, which is the statement's to say.
        """
        return own_statement(self.model, self.session, self.plan, statement)

    # -- pages ---------------------------------------------------------------------------------------------------

    async def page(self, number: int = 1, size: int = 50) -> Page[M]:
        """One page of the rows and how many there are, in two statements; empty beyond the last row.

        In the order of the query, and by primary key where that leaves it open.

        Raises:
            InvalidPageError: Number or size is below 1; nothing was sent.
        """
        numbered = Numbered.of(self.model, self.plan, number, size)

        async def work(session: AsyncSession) -> Page[M]:
            plan = numbered.rows
            rows = await fetch_rows(session, self.model, plan) if plan is not None else []
            return numbered.page(rows, cast("int", await session.scalar(numbered.count)))

        page = await self._read(work)
        remember_result(page.items, self.plan.include)
        return page

    async def after(self, cursor: str | None = None, size: int = 50) -> CursorPage[M]:
        """The rows that follow a place, which the page before has named; the first rows without a `cursor`.

        Other rows may come and go between pages: nothing is repeated, nothing left out. In the order of the query, and
        by primary key where that leaves it open.

        Raises:
            InvalidCursorError: The cursor is damaged, or was made for another model or order.
            InvalidPageError: The size is below 1.
            UsageError: The query has a limit or offset, or an order that rows cannot be compared by.
        """
        most = check_walk(self.plan, size)

        async def work(session: AsyncSession) -> CursorPage[M]:
            step = Step.of(self.model, self.plan, session, cursor, most)
            if step.plan.lock is not None:
                await session.run_sync(refuse_unsaved, self.model, step.plan)
            return await step.read(session)

        page = await self._read(work)
        remember_result(page.items, self.plan.include)
        return page

    def stream(self, batch: int = 500) -> Stream[M]:
        """The rows one after the other, read `batch` at a time: `async for user in User.query().stream()`.

        Outside a unit it holds a connection of its own until it ends; where the loop may be left early, write `async
        with ... .stream() as rows:` around it.
        """
        return Stream(self.model, self.plan, fetch_rows, session=self.session, batch=batch)

    # -- groups and plans ----------------------------------------------------------------------------------------

    @overload
    def group_by(self, a: SQLColumnExpression[A], /) -> Groups[A]: ...
    @overload
    def group_by(self, a: SQLColumnExpression[A], b: SQLColumnExpression[B], /) -> Groups[A, B]: ...
    @overload
    def group_by(self, *keys: str | ColumnExpressionArgument[Any]) -> Groups[*tuple[Any, ...]]: ...
    def group_by(self, *keys: str | ColumnExpressionArgument[Any]) -> Any:
        """The rows in groups that agree in `keys`: `group_by("country").values(users=Count())`.

        Raises:
            UnknownFieldError: A key is not a field of the model it stands on.
            UsageError: A key is no column; or the query sorts, cuts, loads or locks its rows.
        """
        computed = {name: column.expression for name, column in self.plan.computed}
        meant = tuple(computed.get(key, key) if isinstance(key, str) else key for key in keys)
        return groups_of(self.model, self.session, self.plan, meant)

    async def explain(self, *, analyze: bool = False) -> str:
        """How the server would run the SELECT of `all`, in its own words; what `include` reads next is not in it.

        Args:
            analyze: Run it, and say what it took.

        Raises:
            UsageError: SQLite was asked to analyze.
        """
        check_explanation(database_of(self.model).engines.backend, analyze=analyze)
        statement = self.statement
        return await self._read(lambda session: explained(session, statement, analyze=analyze))

    # -- inside --------------------------------------------------------------------------------------------------

    async def _read(self, work: Work[T]) -> T:
        call = Call("select", self.model, None, self.session, replica=self.plan.reads_replica())
        return await database_of(self.model).execution.read(call, work)

    async def _fetch(self, plan: Plan) -> list[M]:
        database = getattr(self.model, BINDING, None) or database_of(self.model)
        return await database.execution.fetch(RowsRead(self.model, self.session, plan))

    async def _by_key(self, key: Key) -> M | None:
        entity = entity_of(self.model)
        lookups = simple_lookups(entity, zip(entity.keys, key, strict=True))
        if lookups is not None and len(lookups) == 1:
            remember_key(entity, lookups[0][0])
        plan = self._among([key]).plan if lookups is None else self.plan.but(lookups=lookups)
        return await self._held_or_read(plan, key)

    async def _held_or_read(self, plan: Plan, key: Key) -> M | None:
        database = getattr(self.model, BINDING, None) or database_of(self.model)
        rows = await database.execution.fetch(KeyRead(self.model, self.session, plan, key))
        return rows[0] if rows else None

    def _named(self, key: Key) -> dict[str, object]:
        return dict(zip(primary_key_names(self.model), key, strict=True))

    def _key_of(self, row: M) -> Key:
        return tuple(mapper_of(self.model).primary_key_from_instance(row))

    def _missing(self, keys: Sequence[Key]) -> RecordNotFoundError:
        names = primary_key_names(self.model)
        plain = [key[0] if len(key) == 1 else key for key in keys]
        criteria: dict[str, object] = {names[0]: plain} if len(names) == 1 else {", ".join(names): plain}
        return RecordNotFoundError(self.model.__name__, criteria, plain)


refuse_protocols(Query)
