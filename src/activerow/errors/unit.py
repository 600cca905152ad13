"""Units of work that are used, left or ended as they must not be."""

import pickle
from collections.abc import Collection
from typing import Any

from activerow.errors.database import DatabaseError
from activerow.errors.root import ActiveRowError, UsageError, restored


class NestedCommitError(UsageError):
    """A commit was asked for inside `db.transaction()`, whose end is the only commit."""

    code = "nested_commit"

    def __init__(self, call: str) -> None:
        super().__init__(call)
        self.call = call

    def __str__(self) -> str:
        return (
            f"{self.call} would commit a part of the transaction it runs in; leave the commit to the end of "
            "`async with db.transaction():`, or use db.transaction(independent=True) for what must be kept in any case"
        )


class ScopeClosedError(UsageError):
    """A task uses a unit of work or a request that has ended."""

    code = "scope_closed"

    def __init__(self, task: str, scope: str) -> None:
        super().__init__(task, scope)
        self.task, self.scope = task, scope

    def __str__(self) -> str:
        return (
            f"task {self.task!r} uses {self.scope}, which has ended; start work that outlives it "
            "inside `async with db.detached():`"
        )


class UnfinishedTasksError(UsageError):
    """A unit of work ended while tasks that had joined it were still running; it was rolled back."""

    code = "unfinished_tasks"

    def __init__(self, tasks: Collection[str]) -> None:
        super().__init__(tuple(tasks))
        self.tasks = tuple(tasks)

    def __str__(self) -> str:
        return (
            f"rolled back: {', '.join(self.tasks)} still ran when the unit of work they use ended; "
            "await them before its end, or start them inside `async with db.detached():`"
        )


class SessionConflictError(UsageError):
    """A row belongs to another unit of work, or two objects of one row disagree."""

    code = "session_conflict"

    def __init__(self, message: str, *, row: str | None = None, units: Collection[str] = ()) -> None:
        super().__init__(message)
        self.message, self.row, self.units = message, row, tuple(units)

    def __str__(self) -> str:
        return self.message


class TransactionBrokenError(UsageError):
    """A unit of work goes on after a statement in it failed; `first_error` is that failure."""

    code = "transaction_broken"

    def __init__(self, first: BaseException) -> None:
        super().__init__(type(first).__name__)
        self.first_error: BaseException = first

    def __str__(self) -> str:
        # A foreign error's text may hold the values of its statement.
        first = f": {self.first_error}" if isinstance(self.first_error, ActiveRowError) else ""
        return (
            f"the transaction is broken by {type(self.first_error).__name__}{first}; to go on after an error, "
            "wrap the part that may fail in a nested `async with db.transaction():`"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        """Leave the first error's text in its place where a driver's error cannot be pickled."""
        state = {**self.__dict__, "first_error": _picklable(self.first_error)}
        return restored, (type(self), self.args, state)


def _picklable(error: BaseException) -> BaseException:
    """The error itself, or one of the same name that survives pickling."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301  # our own object, pickled one call ago
    except Exception:  # noqa: BLE001  # foreign objects raise anything when pickled, and the answer is one
        return DatabaseError(reason=type(error).__name__)
    return error


class PendingWorkError(UsageError):
    """Work that nobody committed was rolled back; `opened_at` is the line that began it."""

    code = "pending_work"

    def __init__(self, opened_at: str) -> None:
        super().__init__(opened_at)
        self.opened_at = opened_at

    def __str__(self) -> str:
        return (
            f"rolled back: the work begun at {self.opened_at} was never committed; "
            "pass auto_commit=True to its last call, await db.commit(), or use `async with db.transaction():`"
        )
