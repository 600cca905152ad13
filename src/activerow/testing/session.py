"""The session of a test."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, AsyncSessionTransaction
from sqlalchemy.orm import SessionTransactionOrigin


class CallSession(AsyncSession):
    """An `AsyncSession` whose every call is committed at once, so that the application's next unit can begin.

    Inside `async with session.begin():` or `begin_nested()` calls belong together as usual. `stream`, `stream_scalars`
    and `connection` keep the connection until `commit()`, `rollback()` or `close()`.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        super().__init__(engine, expire_on_commit=False)

    def begin_nested(self) -> AsyncSessionTransaction:
        """A savepoint, or a whole transaction where none is open."""
        return super().begin_nested() if self.in_transaction() else self.begin()

    async def end_call(self, *, kept: bool) -> None:
        """Commit, or roll back, what a call began by itself."""
        transaction = self.sync_session.get_transaction()
        if transaction is None or self.in_nested_transaction():
            return
        if transaction.origin is SessionTransactionOrigin.AUTOBEGIN:
            await (self.commit() if kept else self.rollback())


def _ended(name: str) -> Any:
    plain = getattr(AsyncSession, name)

    async def call(self: CallSession, *args: Any, **options: Any) -> Any:
        try:
            result = await plain(self, *args, **options)
        except BaseException:
            await self.end_call(kept=False)
            raise
        await self.end_call(kept=True)
        return result

    call.__name__, call.__qualname__, call.__doc__ = name, f"CallSession.{name}", plain.__doc__
    return call


for _name in (
    *("delete", "delete_all", "execute", "flush", "get", "get_one", "merge", "merge_all"),
    *("refresh", "run_sync", "scalar", "scalars"),
):
    setattr(CallSession, _name, _ended(_name))
