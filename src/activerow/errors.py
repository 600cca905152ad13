"""Every error of activerow, in one tree.

```
ActiveRowError
├── UsageError                        the program is wrong
│   ├── UnknownFieldError (KeyError)  ReadOnlyFieldError  UnknownLookupError  ReservedNameError
│   ├── NotBoundError  InstanceMethodError (NotImplementedError)  NotLoadedError
│   ├── NestedCommitError  ScopeClosedError  UnfinishedTasksError  SessionConflictError
│   ├── TransactionBrokenError  PendingWorkError
│   └── InvalidCursorError            a page cursor that was not ours
├── RecordNotFoundError               no row, where one was asked for
├── MultipleRecordsError              several rows, where one was asked for
└── DatabaseError                     the database said no
    ├── SaveError                     a write failed
    │   ├── UniqueViolationError  ForeignKeyViolationError  NotNullViolationError
    │   ├── CheckViolationError  InvalidDataError
    │   └── StaleRecordError          changed or deleted by someone else
    ├── TransientError                run the whole transaction again
    │   └── DeadlockError  SerializationError  LockTimeoutError
    ├── UnavailableError              cannot be reached, or cannot work now
    │   └── PoolExhaustedError        every connection is in use
    ├── StatementTimeoutError         the statement took too long
    └── CommitUnknownError            the commit was sent, the answer lost
```

Data is in attributes, prose in `str(error)`, and `code` is a word that never changes. Values that were sent to the
database are in attributes only: neither `str`, `repr` nor `args` shows them. Every error survives `pickle` and `copy`.
"""

import difflib
import pickle
from collections.abc import Collection, Mapping
from typing import Any, ClassVar, TypedDict, Unpack

# A list longer than this hides the name somebody looks for.
_SHOWN_CHOICES = 12


class ActiveRowError(Exception):
    """Anything activerow raises."""

    code: ClassVar[str] = "activerow_error"

    def __str__(self) -> str:
        return " ".join(str(part) for part in self.args) or type(self).__name__

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        """Rebuild from the attributes, without calling a constructor whose parameters are keywords."""
        return _restored, (type(self), self.args, self.__dict__)


def _restored(kind: type[ActiveRowError], args: tuple[Any, ...], state: Mapping[str, Any]) -> ActiveRowError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


def _nearest(name: str, choices: Collection[str]) -> str | None:
    """The choice that `name` was probably meant to be."""
    found = difflib.get_close_matches(name, choices, n=1, cutoff=0.6)
    return found[0] if found else None


def _hint(nearest: str | None, choices: Collection[str]) -> str:
    """The end of a message about an unknown name: what was meant, and what there is."""
    hint = f"; did you mean {nearest!r}?" if nearest else ""
    if 0 < len(choices) <= _SHOWN_CHOICES:
        hint += f"{'' if nearest else ';'} choices: {', '.join(choices)}"
    return hint


# --- the program is wrong -------------------------------------------------------------------------------------------


class UsageError(ActiveRowError):
    """The program is wrong: no other input or a second try would make the call right."""

    code = "usage_error"


class UnknownFieldError(UsageError, KeyError):
    """A lookup or value names a field that the model does not map."""

    code = "unknown_field"

    def __init__(self, model: str, name: str, nearest: str | None = None, choices: Collection[str] = ()) -> None:
        nearest = nearest or _nearest(name, choices)
        super().__init__(model, name, nearest)
        self.model, self.name, self.nearest, self.choices = model, name, nearest, tuple(choices)

    def __str__(self) -> str:
        return f"{self.model} has no field {self.name!r}{_hint(self.nearest, self.choices)}"


class ReadOnlyFieldError(UsageError):
    """A value is given for a field that cannot be set, like a primary key or a `viewonly` relation."""

    code = "read_only_field"

    def __init__(self, model: str, name: str, reason: str | None = None) -> None:
        super().__init__(model, name, reason)
        self.model, self.name, self.reason = model, name, reason

    def __str__(self) -> str:
        return f"{self.model}.{self.name} cannot be set" + (f": {self.reason}" if self.reason else "")


class UnknownLookupError(UsageError):
    """A condition uses a lookup that does not exist, or that its field does not offer."""

    code = "unknown_lookup"

    def __init__(
        self, model: str, path: str, lookup: str, nearest: str | None = None, choices: Collection[str] = ()
    ) -> None:
        nearest = nearest or _nearest(lookup, choices)
        super().__init__(model, path, lookup, nearest)
        self.model, self.path, self.lookup, self.nearest, self.choices = model, path, lookup, nearest, tuple(choices)

    def __str__(self) -> str:
        return f"{self.model}.{self.path} has no lookup {self.lookup!r}{_hint(self.nearest, self.choices)}"


class ReservedNameError(UsageError):
    """A mapped attribute has the name of a method of the model, or of a keyword of those methods."""

    code = "reserved_name"

    def __init__(self, model: str, name: str) -> None:
        super().__init__(model, name)
        self.model, self.name = model, name

    def __str__(self) -> str:
        cure = f'{self.name}_: Mapped[...] = mapped_column("{self.name}")'
        return (
            f"{self.model}.{self.name} cannot be mapped: activerow uses the name {self.name!r}; "
            f"give the attribute another name and keep the column's: {cure}"
        )


class NotBoundError(UsageError):
    """A model, or an application, has no database to work with."""

    code = "not_bound"

    def __init__(self, subject: str, instead: str | None = None) -> None:
        instead = instead or "write Database(url, base=Base), or db.bind(Base), before the first call"
        super().__init__(subject, instead)
        self.subject, self.instead = subject, instead

    def __str__(self) -> str:
        return f"{self.subject} is not bound to a database; {self.instead}"


class InstanceMethodError(UsageError, NotImplementedError):
    """A method of a row was called on the class, or a method of the class on a row."""

    code = "instance_method"

    def __init__(self, model: str, method: str, instead: str) -> None:
        super().__init__(model, method, instead)
        self.model, self.method, self.instead = model, method, instead

    def __str__(self) -> str:
        return f"{self.model}.{self.method}() cannot be called like this; write {self.instead}"


class NotLoadedError(UsageError):
    """An attribute was read that is not in memory; reading never asks the database."""

    code = "not_loaded"

    def __init__(self, model: str, path: str, instead: str) -> None:
        super().__init__(model, path, instead)
        self.model, self.path, self.instead = model, path, instead

    def __str__(self) -> str:
        return f"{self.model}.{self.path} is not loaded; {self.instead}"


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
        return _restored, (type(self), self.args, state)


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


class InvalidCursorError(UsageError):
    """A page cursor is damaged, or was made for another query."""

    code = "invalid_cursor"

    def __init__(self, reason: str = "it is damaged or was made for another query") -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"the page cursor is not valid: {self.reason}; start again without a cursor"


# --- not one row ----------------------------------------------------------------------------------------------------


class RecordNotFoundError(ActiveRowError):
    """No row matches; `criteria` holds what was asked for and `missing` the keys that have no row."""

    code = "record_not_found"

    def __init__(
        self, model: str, criteria: Mapping[str, object] | None = None, missing: Collection[object] = ()
    ) -> None:
        super().__init__(model, *(criteria or ()))
        self.model, self.criteria, self.missing = model, dict(criteria or {}), tuple(missing)

    def __str__(self) -> str:
        by = f" with this {_listed(self.criteria)}" if self.criteria else " that matches"
        several = f" for {len(self.missing)} of the keys asked for" if len(self.missing) > 1 else ""
        return f"there is no {self.model}{by}{several}"


class MultipleRecordsError(ActiveRowError):
    """Several rows match where one was asked for; `criteria` holds what was asked for."""

    code = "multiple_records"

    def __init__(self, model: str, criteria: Mapping[str, object] | None = None) -> None:
        super().__init__(model, *(criteria or ()))
        self.model, self.criteria = model, dict(criteria or {})

    def __str__(self) -> str:
        by = f"has this {_listed(self.criteria)}" if self.criteria else "matches"
        return f"more than one {self.model} {by}; use first() with an order, or conditions that single one out"


def _listed(names: Collection[str]) -> str:
    return " and ".join(names)


# --- the database said no -------------------------------------------------------------------------------------------


class Facts(TypedDict, total=False):
    """What is known about a failure; the attributes of every `DatabaseError`."""

    model: str | None
    operation: str | None
    driver_code: str | int | None
    sqlstate: str | None
    table: str | None
    constraint: str | None
    columns: tuple[str, ...]
    values: Mapping[str, object] | None
    reason: str | None


class DatabaseError(ActiveRowError):
    """A statement, a commit or a connection failed; `__cause__` is the driver's error.

    Attributes:
        model: Class name of the row that failed, where one is known.
        operation: `insert`, `update`, `delete`, `select`, `commit`, `connect` or `flush`.
        driver_code: The driver's own code: an error number, an SQLSTATE or SQLite's name.
        sqlstate: The SQLSTATE, where the driver has one.
        table, constraint: Names in the database, where they are known.
        columns: Attribute names of `model` that the failure is about.
        values: Attribute name to the value that was refused, as far as it is known.
        reason: What is wrong, in a few words and without values.
    """

    code = "database_error"

    def __init__(self, **facts: Unpack[Facts]) -> None:
        self.model = facts.get("model")
        self.operation = facts.get("operation")
        self.driver_code = facts.get("driver_code")
        self.sqlstate = facts.get("sqlstate")
        self.table = facts.get("table")
        self.constraint = facts.get("constraint")
        self.columns = tuple(facts.get("columns", ()))
        self.values: dict[str, object] = dict(facts.get("values") or {})
        self.reason = facts.get("reason")
        # No values here: what prints an exception's args prints them into a log.
        super().__init__(self.model, self.operation, self.columns, self.driver_code, self.reason)

    def __str__(self) -> str:
        return f"{self._attempt()} failed: {self.reason or 'the database refused it'}{self._code()}"

    def _attempt(self) -> str:
        """What was tried: `insert of User`, `commit`."""
        operation = self.operation or "a database operation"
        return f"{operation} of {self._subject()}" if self.model or self.table else operation

    def _subject(self) -> str:
        return self.model or (f"a row of {self.table!r}" if self.table else "a row")

    def _field(self) -> str:
        """The field or fields concerned: `User.email`, `Seat (row, number)`, or the subject alone."""
        if not self.columns:
            return self._subject()
        if len(self.columns) == 1:
            return f"{self._subject()}.{self.columns[0]}"
        return f"{self._subject()} ({', '.join(self.columns)})"

    def _by(self) -> str:
        return f" (constraint {self.constraint!r})" if self.constraint else ""

    def _code(self) -> str:
        code = self.driver_code or self.sqlstate
        return f" [{code}]" if code else ""


class SaveError(DatabaseError):
    """A row could not be written."""

    code = "save_error"


class UniqueViolationError(SaveError):
    """Another row has the value, or the values together, that must be unique."""

    code = "unique_violation"

    def __str__(self) -> str:
        if not self.columns:
            return f"another row has the same unique value as {self._subject()}{self._by()}"
        these = "this value" if len(self.columns) == 1 else "these values"
        return f"{self._field()} is taken: another row has {these}{self._by()}"


class ForeignKeyViolationError(SaveError):
    """A row refers to one that does not exist, or is still referred to by others.

    Attributes:
        columns: Of the row that failed: the foreign key on insert and update, the key referred to on delete.
        referenced_model: Class name of the foreign key's target.
        referencing_model: Class name of the rows that still refer to the target.
    """

    code = "foreign_key_violation"

    def __init__(
        self, *, referenced_model: str | None = None, referencing_model: str | None = None, **facts: Unpack[Facts]
    ) -> None:
        super().__init__(**facts)
        self.referenced_model, self.referencing_model = referenced_model, referencing_model

    @property
    def on_delete(self) -> bool:
        """The row was to be deleted, and others still refer to it."""
        return self.operation == "delete"

    def __str__(self) -> str:
        if self.on_delete or self.referencing_model:
            by = f"by {self.referencing_model} " if self.referencing_model else ""
            return f"{self._subject()} is still referred to {by}rows; change or delete those first{self._by()}"
        return f"{self._field()} refers to a {self.referenced_model or 'row'} that does not exist{self._by()}"


class NotNullViolationError(SaveError):
    """A column that needs a value has none."""

    code = "not_null_violation"

    def __str__(self) -> str:
        return f"{self._field()} needs a value: the column is NOT NULL"


class CheckViolationError(SaveError):
    """The row breaks a check constraint."""

    code = "check_violation"

    def __str__(self) -> str:
        name = f" {self.constraint!r}" if self.constraint else ""
        return f"{self._field()} breaks the check constraint{name}"


class InvalidDataError(SaveError):
    """A value does not fit its column: too long, out of range, or of the wrong type."""

    code = "invalid_data"

    def __str__(self) -> str:
        return f"{self._field()} does not fit its column: {self.reason or 'invalid value'}"


class StaleRecordError(SaveError):
    """The row was changed or deleted by someone else since it was read.

    Attributes:
        expected: The version that was to be written, of a model with versions.
        found: The version there is; None when the row is gone, or the model has no versions.
    """

    code = "stale_record"

    def __init__(self, *, expected: object = None, found: object = None, **facts: Unpack[Facts]) -> None:
        super().__init__(**facts)
        self.expected, self.found = expected, found

    def __str__(self) -> str:
        happened = "changed or deleted" if self.expected is None else "deleted" if self.found is None else "changed"
        return f"{self._subject()} was {happened} by someone else; read it again and repeat the change"


class TransientError(DatabaseError):
    """The transaction lost against another one; the whole of it may succeed when it is run again."""

    code = "transient_error"

    def __str__(self) -> str:
        return f"{super().__str__()}; run the whole transaction again (db.run and @db.transactional do)"


class DeadlockError(TransientError):
    """Two transactions waited for each other; this one was rolled back."""

    code = "deadlock"


class SerializationError(TransientError):
    """The transaction cannot be put in one order with those that ran beside it."""

    code = "serialization_failure"


class LockTimeoutError(TransientError):
    """Another transaction holds a lock for too long."""

    code = "lock_timeout"


class UnavailableError(DatabaseError):
    """The database cannot be reached, or cannot work now; `target` is `host:port/database`, without the password."""

    code = "unavailable"

    def __init__(self, *, target: str | None = None, **facts: Unpack[Facts]) -> None:
        super().__init__(**facts)
        self.target = target

    def __str__(self) -> str:
        at = f" at {self.target}" if self.target else ""
        return f"the database{at} is not available: {self.reason or 'no connection'}{self._code()}"


class PoolExhaustedError(UnavailableError):
    """Every connection of the pool is in use; `holders` says by whom."""

    code = "pool_exhausted"

    def __init__(self, *, holders: Collection[str] = (), target: str | None = None, **facts: Unpack[Facts]) -> None:
        super().__init__(target=target, **facts)
        self.holders = tuple(holders)

    def __str__(self) -> str:
        held = f": held by {'; '.join(self.holders)}" if self.holders else ""
        return f"no connection became free in time: {self.reason or 'the pool is exhausted'}{held}"


class StatementTimeoutError(DatabaseError):
    """The statement ran longer than it may, or was cancelled on the server."""

    code = "statement_timeout"


class CommitUnknownError(DatabaseError):
    """COMMIT was sent and its answer lost: the work may be in the database, or not. Never repeated blindly."""

    code = "commit_unknown"

    def __str__(self) -> str:
        return f"the connection was lost during COMMIT{self._code()}; look whether the work was saved, then repeat it"
