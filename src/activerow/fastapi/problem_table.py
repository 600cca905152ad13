"""The one table of HTTP statuses: how each kind of error is answered."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple, TypeAlias, cast

from fastapi.exceptions import RequestValidationError

from activerow.errors import (
    CheckViolationError,
    DatabaseError,
    ForeignKeyViolationError,
    InvalidCursorError,
    InvalidDataError,
    InvalidPageError,
    NotNullViolationError,
    PoolExhaustedError,
    RecordNotFoundError,
    StaleRecordError,
    StatementTimeoutError,
    TransientError,
    UnavailableError,
    UniqueViolationError,
    UsageError,
)


class Problem(NamedTuple):
    """How one kind of error is answered: a row of the table that `install(app, db, problems=table)` takes.

    Attributes:
        status: The HTTP status.
        code: The application's own code; None is the code word.
        title: The kind of problem in a few words.
        message: What a client may read about any error of the kind. Without one, an error of the application's own
            speaks for itself: with its `message`, `detail` and `retry_after` where it has them, else with its text.
        type: The code word of errors that have no `code`; without both it is made of the class's name.
        retry_after: Seconds after which asking again makes sense.
        headers: Of the answer, such as `WWW-Authenticate`.
    """

    status: int
    code: str | None
    title: str
    message: str | None = None
    type: str | None = None
    retry_after: int | None = None
    headers: Mapping[str, str] | None = None


# A class of errors, one with an operation (`(SaveError, "delete")`), or the status of what the framework refuses.
Key: TypeAlias = type[Exception] | tuple[type[DatabaseError], str] | int
# Any for the keys: a Mapping whose keys are all of one kind would be none of `Key`.
Table: TypeAlias = Mapping[Any, Problem | tuple[int, str, str]]

IN_USE: Final = Problem(409, None, "Still in use", "other records still refer to it")

# What is not here is the server's fault and tells a client nothing.
DEFAULTS: Final[Mapping[Key, Problem]] = {
    Exception: Problem(
        500, None, "Internal server error", "the server could not complete the request", "internal_error"
    ),
    RequestValidationError: Problem(
        422, None, "Invalid request", "some of what was sent is missing or not valid", "validation_error"
    ),
    RecordNotFoundError: Problem(404, None, "Not found", "there is no such record"),
    InvalidCursorError: Problem(
        422, None, "Invalid page cursor", "the page cursor is not valid; start again without one"
    ),
    InvalidPageError: Problem(422, None, "Invalid page", "pages, and the rows of a page, are counted from 1 on"),
    UniqueViolationError: Problem(409, None, "Already exists", "another record has the same value"),
    ForeignKeyViolationError: Problem(422, None, "Unknown reference", "it refers to a record that does not exist"),
    (ForeignKeyViolationError, "delete"): IN_USE,
    NotNullViolationError: Problem(422, None, "Missing value", "a required value is missing"),
    CheckViolationError: Problem(422, None, "Invalid value", "a value is not allowed"),
    InvalidDataError: Problem(422, None, "Invalid value", "a value is too long, out of range or of the wrong type"),
    StaleRecordError: Problem(
        409, None, "Changed meanwhile", "it was changed or deleted by someone else; read it again"
    ),
    TransientError: Problem(503, None, "Try again", "the request collided with another one; try again", retry_after=1),
    UnavailableError: Problem(503, None, "Temporarily unavailable", "the service is temporarily unavailable"),
    PoolExhaustedError: Problem(503, None, "Too busy", "the service is too busy; try again", retry_after=1),
    StatementTimeoutError: Problem(504, None, "Timed out", "the request took too long"),
}
_SILENT: Final = (Exception, RequestValidationError)


def nearest(table: Mapping[Any, Problem], kind: type[Exception], operation: str | None = None) -> Problem:
    """The row of the nearest class of the MRO; of one class, that with the operation."""
    keys = (key for base in kind.__mro__ for key in ((base, operation), base))
    return next(table[key] for key in keys if key in table)


def row_of(table: Mapping[Any, Problem], error: Exception) -> Problem:
    """The row that answers `error`."""
    return nearest(table, type(error), error.operation if isinstance(error, DatabaseError) else None)


def kind_of(error: Exception) -> Problem:
    """The row of the library's own table for `error`."""
    return row_of(DEFAULTS, error)


def whole(key: Any, row: Problem | tuple[int, str, str]) -> Problem:
    """The row for a key. What an error of somebody else says is not for clients, whatever the row leaves out.

    Raises:
        UsageError: The key is none.
    """
    kind = cast("tuple[object, ...]", key)[0] if isinstance(key, tuple) else key
    if not isinstance(kind, int) and not (isinstance(kind, type) and issubclass(kind, Exception)):
        raise UsageError(f"problems: {key!r} is no class of errors, with or without an operation, and no status")
    problem = row if isinstance(row, Problem) else Problem(*row)
    if key not in _SILENT:
        return problem
    usual = DEFAULTS[key]
    return problem._replace(message=problem.message or usual.message, type=problem.type or usual.type)
