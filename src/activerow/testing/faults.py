"""Faults: statements and commits that fail, or take their time, as if the database were to blame."""

import asyncio
import re
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from typing import Any, Literal

from sqlalchemy import Dialect, Engine, event
from sqlalchemy.util import await_only

from activerow.database import Database
from activerow.database.failures import read_statement
from activerow.errors import CommitUnknownError, DatabaseError, UsageError
from activerow.mapping import mapper_of
from activerow.testing.driver_errors import DriverFailure
from activerow.testing.replacing import replaced

Operation = Literal["select", "insert", "update", "delete"]


class Fault:
    """What happens to statements or commits while it is in place.

    Attributes:
        met: How many it has happened to.
    """

    def __init__(self, what: str, times: int | None) -> None:
        self._what, self._times = what, times
        self.met = 0

    def strikes(self) -> bool:
        """Whether it happens once more."""
        if self._times is not None and self.met >= self._times:
            return False
        self.met += 1
        return True

    def check(self) -> None:
        """Refuse to have been in place for nothing.

        Raises:
            AssertionError: It has happened to nothing: the test has not tested what it says.
        """
        if not self.met:
            raise AssertionError(f"nothing was sent that the fault could have happened to: {self._what}")


@contextmanager
def failing(
    db: Database,
    error: type[DatabaseError],
    *,
    on: type | None = None,
    operation: Operation | None = None,
    times: int | None = 1,
) -> Generator[Fault]:
    """Let the next statements fail as `error` does, without being sent.

    The driver's own error is raised, and passes through the translation. With `UnavailableError` the connection is
    lost.

    Args:
        db: The database; its replicas are spared.
        error: `DeadlockError`, `SerializationError`, `LockTimeoutError`, `StatementTimeoutError`, `UnavailableError`,
            or `TransientError` for whatever the database's most usual one is.
        on: Only statements about this model's tables.
        operation: Only statements of this kind.
        times: How many fail; None for all of them.

    Raises:
        UsageError: The database knows no such error.
        AssertionError: At the end of the block: no statement was sent that could have failed.
    """
    fault, dialect = Fault(f"failing {_named(on, operation)}", times), db.engine.dialect
    failure = DriverFailure(dialect, error)

    def fail(cursor: Any) -> None:
        failure.raise_from(cursor._adapt_connection)

    with _on_statements(dialect, fault, _chosen(on, operation), fail), failure.losing():
        yield fault
    fault.check()


@contextmanager
def slow(
    db: Database,
    seconds: float,
    *,
    on: type | None = None,
    operation: Operation | None = None,
    times: int | None = None,
) -> Generator[Fault]:
    """Let the statements wait for some seconds before they are sent; see `failing` for the choice.

    Raises:
        AssertionError: At the end of the block: no statement was sent that could have waited.
    """
    fault = Fault(f"delaying {_named(on, operation)}", times)

    def delay(_: object) -> None:
        await_only(asyncio.sleep(seconds))

    with _on_statements(db.engine.dialect, fault, _chosen(on, operation), delay):
        yield fault
    fault.check()


@contextmanager
def failing_commit(
    db: Database, error: type[DatabaseError] = CommitUnknownError, *, saved: bool = False, times: int | None = 1
) -> Generator[Fault]:
    """Let the next commits fail as `error` does.

    Args:
        db: The database.
        error: By default the connection is lost, and nobody knows whether the commit took place; else see `failing`.
        saved: The commit does take place, and only its answer is lost.
        times: How many fail; None for all of them.

    Raises:
        UsageError: The database knows no such error.
        AssertionError: At the end of the block: nothing was committed.
    """
    fault, dialect = Fault("failing a commit", times), db.engine.dialect
    failure = DriverFailure(dialect, error)
    if saved and not failure.is_loss:
        raise UsageError(f"a commit that fails with {error.__name__} saves nothing; leave `saved` out")

    def make(plain: Callable[[Any], None]) -> Callable[[Any], None]:
        def commit(connection: Any) -> None:
            if not fault.strikes():
                plain(connection)
                return
            (plain if saved else dialect.do_rollback)(connection)
            failure.raise_from(connection.dbapi_connection)

        return commit

    with replaced(dialect, "do_commit", make), failure.losing(), _heard(db.engine.sync_engine):
        yield fault
    fault.check()


@contextmanager
def _heard(engine: Engine) -> Generator[None]:
    """Listen to commits: calls that commit by themselves then leave that to SQLAlchemy, where it can fail."""

    def listener(_connection: object) -> None: ...

    event.listen(engine, "commit", listener)
    try:
        yield
    finally:
        event.remove(engine, "commit", listener)


@contextmanager
def _on_statements(
    dialect: Dialect, fault: Fault, is_chosen: Callable[[str], bool], act: Callable[[Any], None]
) -> Generator[None]:
    def listener(cursor: Any, statement: str, *_: object) -> None:
        if is_chosen(statement) and fault.strikes():
            act(cursor)

    with ExitStack() as stack:
        for name in ("do_execute", "do_executemany", "do_execute_no_params"):
            event.listen(dialect, name, listener)
            stack.callback(event.remove, dialect, name, listener)
        yield


def _chosen(on: type | None, operation: str | None) -> Callable[[str], bool]:
    tables = "|".join(re.escape(table.name) for table in mapper_of(on).tables) if on is not None else r"\w+"
    read_from = re.compile(rf'\b(?:FROM|JOIN)\s+(?:["`\w]+\.)?["`]?(?:{tables})\b', re.IGNORECASE)
    names = re.compile(tables)

    def is_chosen(statement: str) -> bool:
        read = read_statement(statement)
        if read.operation is None or operation not in (None, read.operation):
            return False
        if on is None:
            return True
        if read.table is None:
            return read_from.search(statement) is not None
        return names.fullmatch(read.table) is not None

    return is_chosen


def _named(on: type | None, operation: str | None) -> str:
    return f"{operation or 'statements'} of {on.__name__ if on is not None else 'any model'}"
