"""`Query`: which rows, in which order, with what beside them. Inert until a terminal is awaited."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Generic, Self, TypeVar, cast, overload

from sqlalchemy import ColumnElement, ColumnExpressionArgument, Select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import QueryableAttribute, defer, load_only
from sqlalchemy.sql.base import ExecutableOption

from activerow.database import database_of
from activerow.errors import MultipleRecordsError, RecordNotFoundError, UnknownFieldError, UsageError
from activerow.execution import Call, Work
from activerow.inspection import fields_of, mapper_of, primary_key_names
from activerow.keys import Key, among, is_wide, primary_key
from activerow.loading import KEYS_PER_STATEMENT, path_of, remember_result
from activerow.lookups import Q, all_of, condition_of
from activerow.ordering import column_at, sort_key
from activerow.plan import Lock, Plan
from activerow.setbased import check_columns, check_plan, delete_rows, update_rows

M = TypeVar("M")
T = TypeVar("T")

Attribute = str | QueryableAttribute[Any]

_EVERYTHING: Final = Plan()


@dataclass(frozen=True, slots=True, eq=False)
class Query(Generic[M]):
    """A selection of rows of a model. Links return a new query, terminals are awaited.

    Attributes:
        model: The model whose rows are meant.
        session: The session to use; None asks the scope for one.
        plan: What the links have gathered.
    """

    model: type[M]
    session: AsyncSession | None = None
    plan: Plan = _EVERYTHING

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.model.__name__}>"

    @property
    def statement(self) -> Select[M]:
        """The SELECT that `all` runs."""
        return self.plan.rows(self.model)

    # -- links ---------------------------------------------------------------------------------------------------

    def filter_by(self, values: Mapping[str, object] | None = None, /, **lookups: object) -> Self:
        """Only rows for which all lookups hold: `age__gte=18`, `posts__title__icontains="async"`.

        Args:
            values: Lookups as a mapping, for names from outside.
            lookups: Names and values; see `activerow.lookups`.

        Raises:
            UnknownFieldError, UnknownLookupError: A name does not exist.
            UsageError: A value does not fit its lookup.
            InvalidDataError: A value could not be in its column.
        """
        return self._narrowed(Q(values, **lookups), (*(values or {}).items(), *lookups.items()))

    def where(self, *conditions: ColumnExpressionArgument[bool] | Q) -> Self:
        """Only rows for which all conditions hold: `User.age >= 18`, or groups such as `Q(age=1) | ~Q(name="x")`."""
        members = cast("tuple[ColumnElement[bool] | Q, ...]", conditions)
        named = [pair for member in members if isinstance(member, Q) for pair in member.criteria()]
        return self._narrowed(all_of(members), tuple(named))

    def order_by(self, *keys: str | ColumnExpressionArgument[Any] | None) -> Self:
        """Sort by `"name"`, `"-created_at"` (descending), `"author__name"` or expressions, after the keys so far.

        None forgets the keys so far.
        """
        if len(keys) == 1 and keys[0] is None:
            return self._with(order=())
        return self._with(order=(*self.plan.order, *[sort_key(self.model, key) for key in keys]))

    def limit(self, count: int | None) -> Self:
        """No more than `count` rows; relations that are included do not count."""
        return self._with(most=_checked("limit", count))

    def offset(self, count: int | None) -> Self:
        """Pass over the first `count` rows."""
        return self._with(skip=_checked("offset", count))

    def distinct(self) -> Self:
        """Each row once (SELECT DISTINCT)."""
        return self._with(distinct=True)

    def include(self, *paths: Attribute) -> Self:
        """Load relations with the rows: `"posts.comments"`, `User.posts`. To-one by JOIN, to-many by a second SELECT.

        Raises:
            UnknownFieldError: A name is not a relation of the model it stands on.
        """
        names = [path_of(self.model, path) for path in paths]
        return self._with(include=tuple(dict.fromkeys((*self.plan.include, *names))))

    def only(self, *columns: Attribute) -> Self:
        """Load no other columns (and the primary key); reading one of the others raises `NotLoadedError`."""
        option = load_only(*[self._column(column) for column in columns])
        return self._with(columns=(*self.plan.columns, option))

    def defer(self, *columns: Attribute) -> Self:
        """Do not load these columns; reading one of them raises `NotLoadedError`."""
        options = [defer(self._column(column)) for column in columns]
        return self._with(columns=(*self.plan.columns, *options))

    def for_update(self, *, nowait: bool = False, skip_locked: bool = False) -> Self:
        """Lock the rows until the transaction ends, and show their current values, also in rows loaded before.

        Rows with unsaved changes are refused (`UsageError`) when they are read. SQLite has no row locks: there a
        transaction that writes excludes others as a whole.

        Args:
            nowait: Raise `LockTimeoutError` where another transaction holds a lock, rather than wait.
            skip_locked: Leave out rows that another transaction has locked.
        """
        return self._with(lock=Lock(nowait=nowait, skip_locked=skip_locked))

    def options(self, *options: ExecutableOption) -> Self:
        """SQLAlchemy's own options: `joinedload(...)`, `with_loader_criteria(...)`."""
        return self._with(options=(*self.plan.options, *options))

    # -- rows ----------------------------------------------------------------------------------------------------

    async def all(self) -> list[M]:
        """Every row."""
        return await self._fetch(self.plan)

    async def first(self) -> M | None:
        """The first row, by primary key where no order was asked for; None without rows."""
        rows = await self._fetch(self.plan.ordered(self.model).at_most(1))
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
            raise RecordNotFoundError(self.model.__name__, dict(self.plan.criteria))
        return row

    async def one_or_none(self) -> M | None:
        """The only row; None without rows.

        Raises:
            MultipleRecordsError: There are more.
        """
        rows = await self._fetch(self.plan.at_most(2))
        if len(rows) > 1:
            raise MultipleRecordsError(self.model.__name__, dict(self.plan.criteria))
        return rows[0] if rows else None

    async def get(self, key: object, /) -> M:
        """The row of the query with this primary key; a composite key is a tuple.

        Raises:
            RecordNotFoundError: There is none.
            InvalidDataError: The key could not be in its column.
        """
        row = await self.get_or_none(key)
        if row is None:
            raise RecordNotFoundError(self.model.__name__, self._named(primary_key(self.model, key)))
        return row

    async def get_or_none(self, key: object, /) -> M | None:
        """As `get`; None where there is no such row. A plain query answers from the open unit's memory."""
        parts = primary_key(self.model, key)
        if None in parts:
            return None
        if self.plan is _EVERYTHING and not is_wide(self.model, parts):
            return await self._read(lambda session: session.get(self.model, parts))
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
                found.update((self._key_of(row), row) for row in await _rows(session, self.model, chunk.plan))

        if distinct:
            await self._read(work)
        missing = [key for key in dict.fromkeys(wanted) if key not in found]
        if missing:
            raise self._missing(missing)
        rows = [found[key] for key in wanted]
        remember_result(list(found.values()), self.plan.include)
        return rows

    # -- numbers and columns -------------------------------------------------------------------------------------

    async def exists(self) -> bool:
        """Whether there is a row."""
        statement = self.plan.exists(self.model)
        return await self._scalar(statement) is not None

    async def count(self) -> int:
        """How many rows there are; `limit` and `offset` count."""
        return cast("int", await self._scalar(self.plan.count(self.model)))

    async def sum(self, column: str | ColumnExpressionArgument[Any]) -> Any:
        """The sum of a column; None without values."""
        return await self._aggregate("sum", column)

    async def avg(self, column: str | ColumnExpressionArgument[Any]) -> Any:
        """The average of a column, in the number type the server has for it; None without values."""
        return await self._aggregate("avg", column)

    @overload
    async def min(self, column: str) -> Any: ...
    @overload
    async def min(self, column: ColumnExpressionArgument[T]) -> T | None: ...
    async def min(self, column: str | ColumnExpressionArgument[Any]) -> Any:
        """The smallest value of a column; None without values."""
        return await self._aggregate("min", column)

    @overload
    async def max(self, column: str) -> Any: ...
    @overload
    async def max(self, column: ColumnExpressionArgument[T]) -> T | None: ...
    async def max(self, column: str | ColumnExpressionArgument[Any]) -> Any:
        """The largest value of a column; None without values."""
        return await self._aggregate("max", column)

    async def values(self, *columns: Attribute) -> list[dict[str, Any]]:
        """Dicts of single columns, `"author__name"` included; of all columns where none is named."""
        named = columns or fields_of(self.model).columns
        names = [column if isinstance(column, str) else column.key for column in named]
        rows = await self._columns(named)
        return [dict(zip(names, row, strict=True)) for row in rows]

    @overload
    async def pluck(self, column: str) -> list[Any]: ...
    @overload
    async def pluck(self, column: ColumnExpressionArgument[T]) -> list[T]: ...
    async def pluck(self, column: str | ColumnExpressionArgument[Any]) -> list[Any]:
        """The values of one column."""
        return [row[0] for row in await self._columns([column])]

    # -- changes -------------------------------------------------------------------------------------------------

    async def update(
        self,
        values: Mapping[str, object] | None = None,
        /,
        *,
        auto_commit: bool | None = None,
        all_rows: bool = False,
        **columns: object,
    ) -> int:
        """Set columns of all rows of the query in one statement; returns how many rows there were.

        Rows loaded in the unit show the new values. Values may be SQL: `update(balance=Account.balance - 10)`.

        Raises:
            UnknownFieldError, ReadOnlyFieldError: A name may not be set; nothing was sent.
            UsageError: The query has no condition, and `all_rows` is not given; or it has links that load something.
            SaveError: The database refused.
        """
        given = {**(values or {}), **columns}
        check_plan(self.model, self.plan, "update", all_rows=all_rows)
        check_columns(self.model, given)

        async def work(session: AsyncSession) -> int:
            return await update_rows(session, self.model, self.plan, given)

        return await self._write("update", work, auto_commit, given)

    async def delete(self, *, auto_commit: bool | None = None, all_rows: bool = False) -> int:
        """Delete all rows of the query in one statement; returns how many there were.

        The database's own cascades apply, those of relationships do not.

        Raises:
            UsageError: The query has no condition, and `all_rows` is not given; or it has links that load something.
            ForeignKeyViolationError: Other rows refer to one of them.
        """
        check_plan(self.model, self.plan, "delete", all_rows=all_rows)

        async def work(session: AsyncSession) -> int:
            return await delete_rows(session, self.model, self.plan)

        return await self._write("delete", work, auto_commit, {})

    # -- inside --------------------------------------------------------------------------------------------------

    def _with(self, **links: Any) -> Self:
        return replace(self, plan=replace(self.plan, **links))

    def _narrowed(self, group: Q, criteria: Sequence[tuple[str, object]]) -> Self:
        condition = condition_of(self.model, group)
        if condition is None:
            return self
        plan = self.plan
        return self._with(conditions=(*plan.conditions, condition), criteria=(*plan.criteria, *criteria))

    def _among(self, keys: Sequence[Key]) -> Self:
        return self._with(conditions=(*self.plan.conditions, among(self.model, keys)))

    def _column(self, column: Attribute) -> QueryableAttribute[Any]:
        name = column if isinstance(column, str) else column.key
        columns = fields_of(self.model).columns
        if name not in columns:
            raise UnknownFieldError(self.model.__name__, name, choices=columns)
        return cast("QueryableAttribute[Any]", getattr(self.model, name))

    async def _read(self, work: Work[T]) -> T:
        call = Call("select", self.model, None, self.session)
        return await database_of(self.model).execution.read(call, work)

    async def _write(self, operation: str, work: Work[T], auto_commit: bool | None, given: Mapping[str, object]) -> T:
        call = Call(operation, self.model, None, self.session, lambda: given)
        return await database_of(self.model).execution.write(call, work, auto_commit=auto_commit)

    async def _fetch(self, plan: Plan) -> list[M]:
        async def work(session: AsyncSession) -> list[M]:
            return await _rows(session, self.model, plan)

        rows = await self._read(work)
        remember_result(rows, plan.include)
        return rows

    async def _scalar(self, statement: Select[Any]) -> Any:
        return await self._read(lambda session: session.scalar(statement))

    async def _aggregate(self, function: str, column: object) -> Any:
        return await self._scalar(self.plan.aggregate(self.model, function, column_at(self.model, column)))

    async def _columns(self, columns: Iterable[object]) -> list[Any]:
        statement = self.plan.values(self.model, tuple(column_at(self.model, column) for column in columns))

        async def work(session: AsyncSession) -> list[Any]:
            result = await session.execute(statement)
            return list(result)

        return await self._read(work)

    def _named(self, key: Key) -> dict[str, object]:
        return dict(zip(primary_key_names(self.model), key, strict=True))

    def _key_of(self, row: M) -> Key:
        return tuple(mapper_of(self.model).primary_key_from_instance(row))

    def _missing(self, keys: Sequence[Key]) -> RecordNotFoundError:
        names = primary_key_names(self.model)
        plain = [key[0] if len(key) == 1 else key for key in keys]
        criteria: dict[str, object] = {names[0]: plain} if len(names) == 1 else {", ".join(names): plain}
        return RecordNotFoundError(self.model.__name__, criteria, plain)


async def _rows(session: AsyncSession, model: type[M], plan: Plan) -> list[M]:
    if plan.lock is not None:
        await _refuse_unsaved(session, model, plan)
    result = await session.scalars(cast("Select[M]", plan.rows(model)))
    # unique(): joinedload of a to-many relation, which any option or mapping may bring, repeats the parent.
    return list(result.unique())


async def _refuse_unsaved(session: AsyncSession, model: type, plan: Plan) -> None:
    """Refuse to lock rows with unsaved changes: a change computed from older values would overwrite the locked ones."""
    sync = session.sync_session
    changed = {
        sync.identity_key(instance=row)[1]: row
        for row in sync.dirty
        if isinstance(row, model) and sync.is_modified(row)
    }
    if not changed:
        return
    with sync.no_autoflush:
        result = await session.execute(plan.keys(model))
    for key in result:
        if tuple(key) in changed:
            row = changed[tuple(key)]
            raise UsageError(f"{row!r} has unsaved changes, which the locked values would overwrite: save() it first")


def _checked(link: str, count: Any) -> int | None:
    if count is not None and (not isinstance(count, int) or count < 0):
        raise UsageError(f"{link}() takes a whole number from 0 on, or None")
    return count
