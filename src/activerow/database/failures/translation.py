"""What SQLAlchemy and the drivers raise, as the errors of activerow.

The only place where that happens. What a failure is, its SQLSTATE or error number says; the class of a driver's
exception and the words of its message say nothing.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Any, Final, Self, cast

from sqlalchemy import inspect
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.exc import (
    CircularDependencyError,
    DBAPIError,
    EmulatedDBAPIException,
    SQLAlchemyError,
    StatementError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm.exc import FlushError, ObjectDeletedError, StaleDataError

from activerow.backends import BACKENDS, GENERIC, Report, json_text
from activerow.database.failures.attribution import Call, facts_of, foreign_key_facts_of
from activerow.database.failures.statement_text import StatementText, matched_columns, read_statement
from activerow.database.failures.unreadable import unreadable
from activerow.errors import (
    ActiveRowError,
    CommitUnknownError,
    DatabaseError,
    DeadlockError,
    ForeignKeyViolationError,
    InvalidDataError,
    PoolExhaustedError,
    SaveError,
    SerializationError,
    StaleRecordError,
    StatementTimeoutError,
    TransientError,
    UnavailableError,
    UsageError,
)
from activerow.mapping import mapper_of

_READERS: Final[Mapping[str, Callable[[Any], Report]]] = {
    module: backend.report for backend in BACKENDS for module in backend.modules
}
_DRIVERS: Final = frozenset(_READERS)
_WRITES: Final = frozenset({"insert", "update", "delete", "flush"})
# What a column type raises when it cannot convert a value.
_CONVERSION_ERRORS: Final = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError)
_STALE: Final = re.compile(r"^(UPDATE|DELETE) statement on table '([^']+)'")
_AUTOCOMMITTED: Final = "activerow_autocommitted"
_INT64: Final = range(-(2**63), 2**63)


class StaleVersionError(StaleDataError):
    """SQLAlchemy's error for a versioned row, knowing more: what `StaleRecordError` is made from.

    Attributes:
        model: The class of the row.
        operation: `update` or `delete`.
        expected: The version in memory.
        found: The version in the database; None when the row is gone.
    """

    def __init__(self, model: type, operation: str, expected: object, found: object) -> None:
        super().__init__(f"{operation} of a {model.__name__} met another version of the row")
        self.model, self.operation = model, operation
        self.expected, self.found = expected, found


def translate(
    error: BaseException, *, operation: str, model: type | None = None, values: Mapping[str, object] | None = None
) -> ActiveRowError | None:
    """The activerow error for a failure of the database; None for anything else, which passes as it is.

    Args:
        error: What was raised.
        operation: What was tried: insert, update, delete, select, commit, connect or flush. A statement knows better.
        model: The model of the call; the error names the one whose row failed.
        values: Attribute to value, as far as the caller knows them.
    """
    if model is not None and inspect(model, raiseerr=False) is None:
        model = None
    call = Call(operation, model, values or {}, autocommitted=getattr(error, _AUTOCOMMITTED, False))
    if isinstance(error, DBAPIError):
        return _from_driver(error, call)
    if isinstance(error, StatementError):
        return _from_conversion(error, call)
    if isinstance(error, PoolTimeoutError):
        return PoolExhaustedError(model=_name(model), operation=operation)
    if isinstance(error, StaleDataError | ObjectDeletedError):
        return _stale(error, call)
    if isinstance(error, CircularDependencyError):
        whose = f"rows of {model.__name__}" if model is not None else "rows"
        return UsageError(
            f"{whose} refer to each other, or one to itself, and none can be written first:"
            " give the relationship post_update=True, or set the foreign key itself"
        )
    if isinstance(error, FlushError):
        return UsageError(str(error))  # what no flush can write, like None in a collection: it names no values
    if isinstance(error, Exception) and not isinstance(error, ActiveRowError | SQLAlchemyError):
        return _from_bare(error, call)
    return None


def note_autocommitted(error: BaseException) -> None:
    """Note that a write which commits by itself met `error` after it was sent: nobody knows whether it was stored."""
    setattr(error, _AUTOCOMMITTED, True)


class translating:  # noqa: N801  # reads like a function: with translating("insert", User):
    """Raise the translated error, from the original one, for what the block raises."""

    __slots__ = ("_model", "_operation", "_values")

    def __init__(self, operation: str, model: type | None = None, values: Mapping[str, object] | None = None) -> None:
        self._operation, self._model, self._values = operation, model, values

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            return
        translated = translate(error, operation=self._operation, model=self._model, values=self._values)
        if translated is not None:
            raise translated from error


def is_fatal(error: BaseException) -> bool:
    """The server has ended the whole transaction: savepoints around the failed statement are gone too."""
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or _report(_driver_error(error)).fatal
    if isinstance(error, DeadlockError | SerializationError | CommitUnknownError):
        return True
    if isinstance(error, ActiveRowError):
        return error.__cause__ is not None and is_fatal(error.__cause__)
    if isinstance(error, EmulatedDBAPIException):
        return _report(_driver_error(error)).fatal
    return _report(error).fatal or (isinstance(error, OSError) and _passed(error, _in_driver))


def is_outdated(error: BaseException | None) -> bool:
    """A prepared statement is older than the tables it is about: in another transaction it works."""
    if isinstance(error, TransientError):
        return is_outdated(error.__cause__)
    return isinstance(error, DBAPIError) and _report(_driver_error(error)).outdated


# --- errors of the drivers ------------------------------------------------------------------------------------------


def _from_driver(error: DBAPIError, call: Call) -> ActiveRowError:
    statement = read_statement(error.statement, error.params)
    connecting = _passed(error, _in_connect)
    report = _report(_driver_error(error))
    if report.code is None and report.kind is DatabaseError and _unusable(error.params):
        report = Report(kind=InvalidDataError, reason="wrong type")
    if report.pattern:
        report = _naming_patterns(report, error)
    return _build(report, statement, call, lost=error.connection_invalidated, connecting=connecting)


def _naming_patterns(report: Report, error: DBAPIError) -> Report:
    table, columns = matched_columns(error.statement)
    if not columns:
        return report
    reason = "not a regular expression that the server knows"
    return replace(report, kind=InvalidDataError, reason=reason, table=table, columns=columns)


def _driver_error(error: DBAPIError | EmulatedDBAPIException) -> BaseException:
    """What the driver has raised; `error` itself where SQLAlchemy, or a listener, made it without a driver's error.

    SQLAlchemy's own `driver_exception` raises a ValueError there.
    """
    if isinstance(error, DBAPIError):
        below = error.orig
        return _driver_error(below) if isinstance(below, EmulatedDBAPIException) else below or error
    return error.orig or error.__cause__ or error


def _report(error: BaseException) -> Report:
    return _READERS.get(type(error).__module__.partition(".")[0], GENERIC.report)(error)


def _build(report: Report, statement: StatementText, call: Call, *, lost: bool, connecting: bool) -> DatabaseError:
    if connecting:
        call = Call("connect", call.model, call.values)
    operation = "commit" if call.autocommitted else statement.operation or call.operation
    kind = _kind(report, operation, lost=lost, connecting=connecting)
    if kind is ForeignKeyViolationError:
        facts, sides = foreign_key_facts_of(report, statement, call)
        return ForeignKeyViolationError(
            referenced_model=sides.referenced_model, referencing_model=sides.referencing_model, **facts
        )
    facts = facts_of(report, statement, call)
    if kind is UnavailableError and report.kind is not UnavailableError:
        facts["reason"] = report.reason or ("no connection" if connecting else "the connection is lost")
    return kind(**facts)


def _kind(report: Report, operation: str, *, lost: bool, connecting: bool) -> type[DatabaseError]:
    """The class for the code, seen in the light of what was tried."""
    gone = lost or (report.kind is UnavailableError and report.fatal)
    if gone and operation == "commit":
        return CommitUnknownError
    if report.kind is CommitUnknownError and operation != "commit":
        return UnavailableError
    if report.kind is not DatabaseError:
        return report.kind
    if lost or connecting:
        return UnavailableError
    return SaveError if operation in _WRITES else DatabaseError


def _unusable(parameters: object) -> bool:
    """A container among the parameters: no driver takes one, and those that notice it themselves give no code."""
    if not isinstance(parameters, tuple | dict):
        return False
    values: Iterable[object] = (
        cast("dict[str, object]", parameters).values()
        if isinstance(parameters, dict)
        else (cast("tuple[object, ...]", parameters))
    )
    return any(isinstance(value, dict | set | list | tuple) for value in values)


# --- errors without a driver's exception ----------------------------------------------------------------------------


def _from_conversion(error: StatementError, call: Call) -> ActiveRowError | None:
    """A column type refused a value before the statement was sent."""
    refused = error.orig
    if isinstance(refused, InvalidDataError):
        reason = refused.reason
    elif isinstance(refused, _CONVERSION_ERRORS) and not isinstance(refused, SQLAlchemyError):
        reason = "not one of the choices" if isinstance(refused, LookupError) else "wrong type or value"
    else:
        return None
    statement = read_statement(error.statement)
    facts = facts_of(Report(kind=InvalidDataError, reason=reason), statement, call)
    sent = _single(error.params) or call.values
    culprits = {name: value for name, value in sent.items() if _refuses(call.model, name, value, type(refused))}
    facts["columns"], facts["values"] = tuple(culprits), culprits
    return InvalidDataError(**facts)


def _single(parameters: object) -> Mapping[str, object]:
    """The parameters of a statement that was given one set of them, by name."""
    if isinstance(parameters, list | tuple) and len(cast("list[object]", parameters)) == 1:
        parameters = cast("list[object]", parameters)[0]
    return cast("dict[str, object]", parameters) if isinstance(parameters, dict) else {}


def _refuses(model: type | None, name: str, value: object, refusal: type[BaseException]) -> bool:
    """The type of that column refuses the value in the same way."""
    if model is None:
        return False
    attribute = mapper_of(model).column_attrs.get(name)
    kind = attribute.columns[0].type if attribute is not None else None
    dialect: Any = DefaultDialect()
    dialect._json_serializer = json_text
    processor = kind.dialect_impl(dialect).bind_processor(dialect) if kind is not None else None
    if processor is None:
        return False
    try:
        processor(value)
    except refusal:
        return True
    return False


def _stale(error: Exception, call: Call) -> StaleRecordError:
    if isinstance(error, StaleVersionError):
        return StaleRecordError(
            model=error.model.__name__,
            operation=error.operation,
            table=getattr(mapper_of(error.model).local_table, "name", None),
            expected=error.expected,
            found=error.found,
        )
    match = _STALE.match(str(error))
    statement = StatementText(match[1].lower(), match[2]) if match else StatementText()
    return StaleRecordError(**facts_of(Report(kind=StaleRecordError), statement, call))


def _from_bare(error: Exception, call: Call) -> DatabaseError | None:
    """What drivers let through; the same classes raised by the program's own code pass."""
    if type(error).__module__.partition(".")[0] in _DRIVERS:
        return _build(_report(error), StatementText(), call, lost=False, connecting=_passed(error, _in_connect))
    if (found := unreadable(error, call)) is not None:
        return found
    if isinstance(error, UnicodeEncodeError | OverflowError) and _passed(error, _in_execute):
        return _unstorable(error, call)
    if not isinstance(error, OSError):
        return None
    connecting = _passed(error, _in_connect)
    if isinstance(error, TimeoutError) and not connecting and call.operation != "connect":
        facts = facts_of(Report(reason="the driver gave up waiting"), StatementText(), call)
        return _timed_out(call)(**facts) if _passed(error, _in_driver) else None
    if connecting or call.operation == "connect":
        reason = "no answer in time" if isinstance(error, TimeoutError) else error.strerror or type(error).__name__
        report = Report(kind=UnavailableError, code=error.errno, reason=reason)
        return _build(report, StatementText(), call, lost=False, connecting=True)
    return _build(Report(), StatementText(), call, lost=True, connecting=False) if _passed(error, _in_driver) else None


def _timed_out(call: Call) -> type[DatabaseError]:
    return CommitUnknownError if call.autocommitted or call.operation == "commit" else StatementTimeoutError


def _unstorable(error: Exception, call: Call) -> InvalidDataError:
    if isinstance(error, OverflowError):
        reason, is_culprit = "out of range", _overflows
    else:
        reason, is_culprit = "a character that the database cannot store", _is_unencodable
    culprits = {name: value for name, value in call.values.items() if is_culprit(value)}
    facts = facts_of(Report(kind=InvalidDataError, reason=reason), StatementText(), call)
    facts["columns"], facts["values"] = tuple(culprits), culprits
    return InvalidDataError(**facts)


def _overflows(value: object) -> bool:
    return isinstance(value, int) and value not in _INT64


def _is_unencodable(value: object) -> bool:
    return isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value)


def _name(model: type | None) -> str | None:
    return model.__name__ if model is not None else None


# --- where an error comes from --------------------------------------------------------------------------------------


def _passed(error: BaseException, is_place: Callable[[str, str], bool]) -> bool:
    """The error was raised inside of a function of that place."""
    return any(is_place(module, function) for module, function in _frames(error.__traceback__))


def _frames(traceback: TracebackType | None) -> Iterator[tuple[str, str]]:
    while traceback is not None:
        frame = traceback.tb_frame
        yield frame.f_globals.get("__name__", ""), frame.f_code.co_name
        traceback = traceback.tb_next


def _in_connect(module: str, function: str) -> bool:
    """The pool opens a connection, by whatever creator, and prepares it."""
    return module == "sqlalchemy.pool.base" and function == "__connect"


def _in_execute(module: str, function: str) -> bool:
    return module.partition(".")[0] in _DRIVERS or (
        (module == "sqlalchemy.engine.default" and function.startswith("do_execute"))
        or (module == "activerow.database.direct.sqlite" and function == "execute_alone")
    )


def _in_driver(module: str, _function: str) -> bool:
    return module.partition(".")[0] in _DRIVERS
