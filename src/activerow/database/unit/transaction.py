"""The transaction under a unit of work: what is sent to keep or undo it, and the savepoints in it, without the lock."""

import logging
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, cast

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import SessionTransaction

from activerow.database.unit.lock import Block
from activerow.errors import CommitUnknownError

logger = logging.getLogger("activerow")


class Transaction:
    """The transaction of a session that only its unit may end; the caller of these methods holds the unit's lock."""

    def __init__(self, session: AsyncSession, block: Block) -> None:
        self._session, self._block = session, block
        self._sync: Any = session.sync_session
        self.ending = False
        """Whether the unit ends it just now; else a commit or rollback is somebody else's."""

    @property
    def is_open(self) -> bool:
        """Whether a statement has begun it."""
        return bool(self._sync.in_transaction())

    def _is_quiet(self) -> bool:
        """Whether a savepoint begins and ends without a statement, so that no greenlet is needed."""
        return not self.has_unwritten and bool(self._sync.is_unheard())

    @property
    def has_unwritten(self) -> bool:
        """Whether the session holds something that a flush would write."""
        return bool(self._sync.new or self._sync.dirty or self._sync.deleted)

    @property
    def innermost(self) -> SessionTransaction | None:
        """The innermost open savepoint."""
        return cast("SessionTransaction | None", self._sync.get_nested_transaction())

    def holds(self, savepoint: SessionTransaction) -> bool:
        """Whether `savepoint` is open."""
        nested = self.innermost
        while nested is not None and nested is not savepoint:
            nested = nested.parent
        return nested is savepoint

    # `AsyncSession`'s own methods are meant: those of the unit's session take the lock.

    async def flush(self) -> None:
        """Send what is unwritten."""
        await AsyncSession.flush(self._session)

    async def begin_savepoint(self) -> SessionTransaction:
        """Begin a savepoint; SAVEPOINT is sent before its first statement."""
        if self._is_quiet():
            return cast("SessionTransaction", self._sync.begin_nested())
        return await AsyncSession.run_sync(self._session, lambda session: session.begin_nested())

    async def release(self, savepoint: SessionTransaction) -> None:
        """Flush what is unwritten and send RELEASE SAVEPOINT, unless nothing was sent in it."""
        if self._is_quiet() and not cast("Any", savepoint)._connections:
            savepoint.commit()
            return
        await AsyncSession.run_sync(self._session, lambda _: savepoint.commit())

    async def undo(self, savepoint: SessionTransaction) -> None:
        """Send ROLLBACK TO SAVEPOINT, unless it has ended."""
        if self.holds(savepoint):
            await AsyncSession.run_sync(self._session, lambda _: savepoint.rollback())

    async def commit(self) -> None:
        """Flush what is unwritten and send COMMIT.

        Raises:
            CommitUnknownError: The connection was lost meanwhile.
        """
        if not self.is_open:
            return
        if self.has_unwritten:
            await self.flush()
        try:
            with self._ended_by_its_unit():
                await AsyncSession.commit(self._session)
        except DBAPIError as error:
            if error.connection_invalidated:
                raise CommitUnknownError(operation="commit") from error
            raise

    async def roll_back(self) -> None:
        """Send ROLLBACK; that it cannot be done is only logged."""
        try:
            with self._ended_by_its_unit():
                await AsyncSession.rollback(self._session)
        except Exception as error:  # noqa: BLE001
            # The transaction is gone either way; the first error is the one to tell.
            logger.warning("rolling back %s failed: %s", self._block.label, type(error).__name__)

    async def close(self) -> None:
        """Give the connection back and let go of the rows."""
        with self._ended_by_its_unit():
            await AsyncSession.close(self._session)

    def drop(self) -> None:
        """Give the connection up, if there is one, without waiting: the server rolls back."""
        if self.is_open:
            with self._ended_by_its_unit():
                self._sync.invalidate()

    @contextmanager
    def _ended_by_its_unit(self) -> Generator[None, None, None]:
        self.ending = True
        try:
            yield
        finally:
            self.ending = False
