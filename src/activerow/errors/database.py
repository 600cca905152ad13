"""What the database said no to: writes, transactions, connections."""

from collections.abc import Collection, Mapping
from typing import TypedDict, Unpack

from activerow.errors.root import ActiveRowError


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
        reason: What is wrong, in a few words and without values; where a trigger or function of the database refused
            it, its own words.
        position: Of many rows written at once, the one that failed, counted from 0, where it is known.
        place: Where the row that failed stands in nested values, `("books", 1)`; empty for the row itself.
    """

    code = "database_error"
    _usually = "the database refused it"

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
        return f"{self._attempt()} failed: {self.reason or self._usually}{self._code()}"

    def _attempt(self) -> str:
        """What was tried: `insert of User`, `commit`."""
        operation = self.operation or "a database operation"
        return f"{operation} of {self._subject()}" if self.model or self.table else operation

    def _subject(self) -> str:
        if self.model or self.table:
            return f"{self.model or f'a row of {self.table!r}'}{self._at}"
        return self._at.strip() or "a row"

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
            rows = f"{self.referencing_model or 'other'} rows"
            return f"{self._subject()} is still referred to by {rows}; change or delete those first{self._by()}"
        refers = "refer" if len(self.columns) > 1 else "refers"
        return f"{self._field()} {refers} to a {self.referenced_model or 'row'} that does not exist{self._by()}"


class NotNullViolationError(SaveError):
    """A column that needs a value has none."""

    code = "not_null_violation"

    def __str__(self) -> str:
        if len(self.columns) > 1:
            return f"{self._field()} need values: the columns are NOT NULL"
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
        fits = "do not fit their columns" if len(self.columns) > 1 else "does not fit its column"
        return f"{self._field()} {fits}: {self.reason or 'invalid value'}"


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
    _usually = "two transactions waited for each other"


class SerializationError(TransientError):
    """The transaction cannot be put in one order with those that ran beside it."""

    code = "serialization_failure"
    _usually = "another transaction changed what this one read or wrote"


class LockTimeoutError(TransientError):
    """Another transaction holds a lock for too long."""

    code = "lock_timeout"
    _usually = "another transaction holds a lock"


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
    _usually = "it took too long"


class CommitUnknownError(DatabaseError):
    """COMMIT, or a write that commits by itself, was sent and its answer lost: the work may be in the database, or not.

    Never repeated blindly.
    """

    code = "commit_unknown"

    def __str__(self) -> str:
        return f"the connection was lost during COMMIT{self._code()}; look whether the work was saved, then repeat it"
