"""One transaction around everything that an engine does: what is begun on its one connection is a savepoint."""

import asyncio
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, Final

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection

from activerow.database import Database
from activerow.errors import UsageError
from activerow.testing.deferred import deferred_check, send
from activerow.testing.replacing import replaced
from activerow.testing.turns import Turns

_SAVEPOINT: Final = "activerow_unit"
_PATIENCE: Final = 1.0
"""Seconds that tasks which the test left running have to finish."""

_GONE: Final = (
    "the transaction of rolled_back() has ended before its block: its connection was lost, a statement on it was"
    " cancelled, or a statement committed by itself, as DDL does on MySQL; let the test run in emptied() instead"
)


class Enclosure:
    """Serves the engine of a database by one connection, whose transaction is not committed.

    Above the driver nothing is changed: units begin, commit and roll back as ever. What the driver is asked to do then
    is replaced, by a savepoint that is opened, released or rolled back.
    """

    def __init__(self, db: Database, connection: AsyncConnection) -> None:
        self._db = db
        self._engine = db.engine.sync_engine
        proxied: Any = connection.sync_connection
        self._driver: Any = proxied.connection.dbapi_connection
        self._earlier = frozenset(db.scopes.units)
        self._open = False
        self._turns = Turns(db, self._driver)
        self._check_deferred = deferred_check(db)

    @contextmanager
    def serving(self) -> Generator[None]:
        """Serve the engine for the block."""
        ours: dict[str, Callable[..., None]] = {
            "do_begin": self._begin,
            "do_commit": self._commit,
            "do_rollback": self._roll_back,
            # The connection is the test's: who closes it, or gives it up after an error, gives it back.
            **dict.fromkeys(("do_close", "do_terminate"), _ignore),
            # Fixed with the test's transaction; MySQL's would even commit it.
            **dict.fromkeys(("set_isolation_level", "set_readonly", "set_deferrable"), _ignore),
        }
        dialect, pool = self._engine.dialect, self._engine.pool
        with ExitStack() as stack:
            for name, act in ours.items():
                if hasattr(dialect, name):
                    stack.enter_context(replaced(dialect, name, self._on_ours(act)))
            for name in ("do_execute", "do_execute_no_params"):
                event.listen(dialect, name, self._on_execute)
                stack.callback(event.remove, dialect, name, self._on_execute)
            self._engine.pool, self._db.engines.enclosed = self._turns, True
            try:
                yield
            finally:
                self._engine.pool, self._db.engines.enclosed = pool, False

    async def left_by_all(self) -> str:
        """Wait for those who are about to finish, and end the units of the others; gives who they are, if any."""
        await self._db.scopes.seen_off()
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                await self._turns.end()
        if not self._turns.in_use:
            return ""
        holders = "; ".join(map(str, self._db.connections()))
        for unit in self._db.scopes.units - self._earlier:
            unit.abandon()
            self._db.scopes.units.discard(unit)
        return holders or "a session or connection that activerow did not open"

    # -- in place of the driver's own ----------------------------------------------------------------------------

    def _on_ours(self, act: Callable[..., None]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Do `act` where the test's connection is meant, and what the dialect does on others."""

        def make(plain: Callable[..., Any]) -> Callable[..., Any]:
            def call(connection: Any, *args: Any) -> Any:
                is_ours = getattr(connection, "dbapi_connection", connection) is self._driver
                return act(connection) if is_ours else plain(connection, *args)

            return call

        return make

    def _begin(self, connection: Any) -> None:
        connection.info.pop("activerow_begin", None)  # a BEGIN that SQLite's connections send by themselves
        self._roll_back()  # what a unit left that has lost its connection
        self._send(f"SAVEPOINT {_SAVEPOINT}")
        self._open = True

    def _commit(self, _: Any = None) -> None:
        if self._check_deferred is not None:
            self._check_deferred(self._driver)
        self._open = False
        self._send(f"RELEASE SAVEPOINT {_SAVEPOINT}")

    def _roll_back(self, _: Any = None) -> None:
        if self._open:
            self._open = False
            self._send(f"ROLLBACK TO SAVEPOINT {_SAVEPOINT}")
            self._send(f"RELEASE SAVEPOINT {_SAVEPOINT}")

    def _send(self, statement: str) -> None:
        try:
            send(self._driver, statement)
        except Exception as error:
            raise UsageError(_GONE) from error

    def _on_execute(self, cursor: Any, statement: str, *_: object) -> bool:
        """Leave out what can only be said at the beginning of a transaction; True means that it is done."""
        ours = getattr(cursor, "_adapt_connection", None) is self._driver
        return ours and statement.lstrip().upper().startswith("SET TRANSACTION")


def _ignore(_: Any) -> None:
    """Do nothing."""
