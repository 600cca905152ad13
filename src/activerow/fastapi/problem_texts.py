"""What is told about an error: its code word, sentences that a client may read, and the fields concerned."""

from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Final, TypedDict, TypeVar, cast

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from activerow.errors import (
    ActiveRowError,
    DatabaseError,
    InvalidCursorError,
    InvalidPageError,
    RecordNotFoundError,
)
from activerow.fastapi.problem_table import IN_USE, Problem, kind_of
from activerow.naming import snake_case

T = TypeVar("T")

# Of what is wrong with a request, as much as helps: a body may hold a hundred thousand faults, each with a long text.
_MOST_FAULTS: Final = 20
_LONGEST_TEXT: Final = 200


class FieldError(TypedDict):
    """One field of the request and what is wrong with it, as in FastAPI's own 422 answers."""

    loc: Sequence[str | int]
    msg: str
    type: str


def word_of(error: Exception, row: Problem) -> str:
    """The code word: of the library's errors their own, of others what the row says, or the error, or its class."""
    code: object = getattr(error, "code", None)
    if isinstance(error, ActiveRowError):
        return error.code
    if isinstance(error, HTTPException):
        return row.type or phrase_of(error.status_code).lower().replace(" ", "_")
    return row.type or (code if isinstance(code, str) else snake_case(type(error).__name__.removesuffix("Error")))


def phrase_of(status: int) -> str:
    """What a status is called."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def own(error: Exception, row: Problem, name: str, kind: type[T]) -> T | None:
    """What an error says about itself, where its row leaves that to it."""
    value: object = getattr(error, name, None) if row.message is None else None
    return value if isinstance(value, kind) else None


def texts_of(error: Exception, row: Problem) -> tuple[str, str]:
    """What happened, in words that a client may see: about all errors of the kind, and about this one."""
    if isinstance(error, ActiveRowError):
        usual = kind_of(error)
        message = _sentence(error, usual) if row.message is None or row is usual else row.message
        return message, message
    if isinstance(error, HTTPException):
        return row.message or str(error.detail), str(error.detail)
    if isinstance(error, RequestValidationError):
        faults = (f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}" for fault in _faults(error))
        return row.message or row.title, "; ".join(faults)
    message = row.message or own(error, row, "message", str) or str(error) or row.title
    return message, own(error, row, "detail", str) or message


def _sentence(error: ActiveRowError, usual: Problem) -> str:
    if isinstance(error, RecordNotFoundError):
        return f"{error.model} not found"
    columns = [".".join(map(str, (*error.place, column))) for column in _columns(error)]
    return f"{', '.join(columns)}: {usual.message}" if columns else usual.message or usual.title


def field_errors(error: Exception, row: Problem, message: str) -> list[FieldError]:
    """The fields of the request that the error is about."""
    if isinstance(error, RequestValidationError):
        return _faults(error)
    if isinstance(error, ActiveRowError):
        message = row.message or kind_of(error).message or message
        return [{"loc": place, "msg": message, "type": error.code} for place in _places(error)]
    places = cast("Iterable[tuple[str | int, ...]]", own(error, row, "places", tuple) or ())
    return [{"loc": ("body", *place), "msg": message, "type": word_of(error, row)} for place in places]


def _places(error: ActiveRowError) -> list[tuple[str | int, ...]]:
    if isinstance(error, InvalidPageError):
        return [("query", error.argument)]
    if isinstance(error, InvalidCursorError):
        return [("query", "cursor")]
    return [("body", *error.place, column) for column in _columns(error)]


def _columns(error: ActiveRowError) -> Sequence[str]:
    """The columns of a refused write, which stand for fields of the request."""
    usual = kind_of(error)
    if not isinstance(error, DatabaseError) or usual.status >= 500 or usual is IN_USE:
        return ()
    return error.columns


def _faults(error: RequestValidationError) -> list[FieldError]:
    """What does not fit, without what was sent: that may be a password, or what JSON cannot hold."""
    return [
        {"loc": [_sendable(part) for part in fault["loc"]], "msg": str(_sendable(fault["msg"])), "type": fault["type"]}
        for fault in error.errors()[:_MOST_FAULTS]
    ]


def _sendable(part: str | int) -> str | int:
    """The part, not too long and without halves of characters, which a caller's JSON may hold and UTF-8 cannot."""
    return part[:_LONGEST_TEXT].encode("utf-8", "replace").decode() if isinstance(part, str) else part
