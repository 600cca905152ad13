"""`Query.update` and `Query.delete`: all rows of a query in one statement."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Literal, TypeVar, overload

from sqlalchemy.ext.asyncio import AsyncSession

from activerow.database import database_of
from activerow.database.execution import Call
from activerow.mapping import collect
from activerow.query.plan import Selection
from activerow.query.related import remember_result
from activerow.query.set_writes import SetCall, check_columns, check_delete, check_plan, delete_rows, update_rows

M = TypeVar("M")


class Changing(Selection[M]):
    """A selection of rows that can be changed."""

    __slots__ = ()

    @overload
    async def update(
        self,
        values: object = None,
        /,
        *,
        returning: Literal[True],
        auto_commit: bool | None = None,
        all_rows: bool = False,
        **columns: object,
    ) -> list[M]: ...
    @overload
    async def update(
        self,
        values: object = None,
        /,
        *,
        returning: Literal[False] = False,
        auto_commit: bool | None = None,
        all_rows: bool = False,
        **columns: object,
    ) -> int: ...
    async def update(
        self,
        values: object = None,
        /,
        *,
        returning: bool = False,
        auto_commit: bool | None = None,
        all_rows: bool = False,
        **columns: object,
    ) -> int | list[M]:
        """Set columns of all rows of the query in one statement; returns how many rows there were.

        Rows loaded in the unit show the new values. Values may be SQL: `update(balance=Account.balance - 10)`.

        Args:
            values: Names and values, for names that are keywords here.
            returning: Return the rows instead, in no order, where the server tells them: not MySQL and MariaDB.
            auto_commit: As everywhere.
            all_rows: The query has no condition on purpose.
            columns: Names and values.

        Raises:
            UnknownFieldError, ReadOnlyFieldError: A name may not be set; nothing was sent.
            UsageError: The query has no condition, and `all_rows` is not given; or it has links that load something; or
                the server does not return rows.
            SaveError: The database refused.
        """
        given = collect(values, columns)
        check_plan(self.model, self.plan, "update", all_rows=all_rows)
        check_columns(self.model, given)
        rows: list[M] | None = [] if returning else None

        async def work(session: AsyncSession) -> int:
            return await update_rows(session, self.model, self.plan, given, rows)

        return await self._set("update", work, auto_commit, given, rows)

    @overload
    async def delete(
        self,
        *,
        returning: Literal[True],
        auto_commit: bool | None = None,
        all_rows: bool = False,
        hard: bool = False,
    ) -> list[M]: ...
    @overload
    async def delete(
        self,
        *,
        returning: Literal[False] = False,
        auto_commit: bool | None = None,
        all_rows: bool = False,
        hard: bool = False,
    ) -> int: ...
    async def delete(
        self,
        *,
        returning: bool = False,
        auto_commit: bool | None = None,
        all_rows: bool = False,
        hard: bool = False,
    ) -> int | list[M]:
        """Delete all rows of the query in one statement; returns how many there were.

        The database's own cascades apply, those of relationships do not. Rows of a model with `SoftDelete` are marked
        as deleted, unless `hard` is given.

        Args:
            returning: Return the rows instead, as they were, in no order, where the server tells them: not MySQL, and
                not MariaDB for a mark.
            auto_commit: As everywhere.
            all_rows: The query has no condition on purpose.
            hard: Delete rows that would be marked, for good.

        Raises:
            UsageError: The query has no condition, and `all_rows` is not given; or it has links that load something;
                or its rows are deleted already, and `hard` is not given; or the server does not return rows.
            ForeignKeyViolationError: Other rows refer to one of them.
        """
        check_plan(self.model, self.plan, "delete", all_rows=all_rows)
        check_delete(self.model, self.plan, hard=hard)
        rows: list[M] | None = [] if returning else None

        async def work(session: AsyncSession) -> int:
            return await delete_rows(session, self.model, self.plan, hard=hard, returned=rows)

        return await self._set("delete", work, auto_commit, {}, rows)

    async def _set(
        self,
        operation: Literal["update", "delete"],
        run: Callable[[AsyncSession], Awaitable[int]],
        auto_commit: bool | None,
        given: Mapping[str, object],
        rows: list[M] | None,
    ) -> int | list[M]:
        execution = database_of(self.model).execution
        if rows is None:
            return await execution.carry_out(
                SetCall(operation, self.model, self.plan, given, self.session, auto_commit, run)
            )
        call = Call(operation, self.model, None, self.session, lambda: given)
        await execution.write(call, run, auto_commit=auto_commit)
        remember_result(rows, ())
        return rows
