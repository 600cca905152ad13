"""Answers for everything that goes wrong, as `application/problem+json`, and what the logs are told about it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from activerow.errors import ActiveRowError, DatabaseError
from notification.errors import ApiError
from notification.http.allowed_methods import allowed_methods
from notification.ops.logs import describe, log_database_error
from notification.ops.request_context import current_request

MEDIA_TYPE = "application/problem+json"
# Kinds of problems that no error class stands for.
BAD_REQUEST = "bad_request"
UNEXPECTED = "unexpected_error"
UNTRUSTED_HOST = "untrusted_host"
VALIDATION = "validation_error"
# Of what is wrong with a request, as much as helps: a body may hold a hundred thousand faults, each with a long text.
_MOST_FAULTS = 20
_LONGEST_TEXT = 200


@dataclass(frozen=True, slots=True)
class Row:
    """How one kind of problem is answered: a row of the table in `app.py`."""

    status: int
    number: int
    title: str
    message: str | None = None  # for the user; errors of our own bring theirs along
    retry_after: int | None = None
    challenge: str = "Bearer"  # what a 401 asks for

    @property
    def code(self) -> str:
        """The status and four digits: `4090001`."""
        return f"{self.status}{self.number:04d}"


class Fault(BaseModel):
    """One field of the request, and what is wrong with it."""

    loc: Sequence[str | int] = Field(examples=[["body", "email"]])
    msg: str
    type: str


class Problem(BaseModel):
    """Why a request was not answered as asked (RFC 9457)."""

    type: str = Field(description="A word that names the kind of problem and never changes.")
    title: str = Field(description="The kind of problem in a few words.")
    status: int = Field(description="The HTTP status, again.")
    code: str = Field(description="The status and four digits, one number for each kind of problem.")
    message: str = Field(description="A sentence that may be shown to a user.")
    detail: str = Field(description="What was wrong with this request.")
    errors: list[Fault] | None = Field(default=None, description="The fields concerned, where they are known.")


class Problems:
    """Turns errors into answers by one table: code word to status, number and texts."""

    def __init__(self, table: Mapping[str, Row]) -> None:
        self._table = table

    def document(self, word: str, *, key: str | None = None, **texts: str) -> Problem:
        """The problem with this code word; `texts` may replace its `message` and `detail`."""
        return _problem(word, self._table[key or word], **texts)

    def key_of(self, *words: str) -> str:
        """The first of these words that has a row in the table."""
        return next(word for word in words if word in self._table)

    # --- handlers, by kind of error -----------------------------------------------------------------------------------

    async def on_api_error(self, _: Request, error: Exception) -> Response:
        """Answer a refusal of our own; a database error that led to it is logged."""
        if not isinstance(error, ApiError):
            raise error
        problem = self.document(error.code, message=error.message, detail=error.detail)
        if isinstance(error.__cause__, DatabaseError):
            log_database_error(error.__cause__, problem.status)
        if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            note(error)
        return self.response(problem, retry_after=error.retry_after)

    async def on_activerow_error(self, _: Request, error: Exception) -> Response:
        """Answer what the database refused, or what the program did wrong with it, and log it."""
        if not isinstance(error, ActiveRowError):
            raise error
        key = self.key_of(*_keys(error))
        row = self._table[key]
        if isinstance(error, DatabaseError):
            log_database_error(error, row.status)
        if row.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            note(error)
            return self.response(self.document(error.code, key=key), retry_after=row.retry_after)
        problem = self.document(error.code, key=key, detail=str(error))
        if isinstance(error, DatabaseError) and error.columns:
            problem.errors = [
                Fault(loc=("body", column), msg=problem.message, type=error.code) for column in error.columns
            ]
        return self.response(problem)

    async def on_http_exception(self, request: Request, error: Exception) -> Response:
        """Answer what the framework refuses: an unknown path, a wrong method, a body that cannot be read."""
        if not isinstance(error, HTTPException):
            raise error
        phrase = HTTPStatus(error.status_code).phrase
        word = phrase.lower().replace(" ", "_")
        row = self._table.get(word) or Row(error.status_code, 0, phrase, f"{phrase}.")
        problem = _problem(word, row, detail=str(error.detail))
        headers = dict(error.headers or {})
        if row.status == HTTPStatus.METHOD_NOT_ALLOWED:
            headers["Allow"] = allowed_methods(request)
        return self.response(problem, headers=headers)

    async def on_validation_error(self, _: Request, error: Exception) -> Response:
        """Answer a request that does not fit its schema; what was sent is not sent back, it may be a password."""
        if not isinstance(error, RequestValidationError):
            raise error
        faults = [
            Fault(loc=[_sendable(part) for part in fault["loc"]], msg=str(_sendable(fault["msg"])), type=fault["type"])
            for fault in error.errors()[:_MOST_FAULTS]
        ]
        detail = "; ".join(f"{'.'.join(str(part) for part in fault.loc)}: {fault.msg}" for fault in faults)
        problem = self.document(VALIDATION, detail=detail)
        problem.errors = faults
        return self.response(problem)

    def unexpected(self, error: Exception) -> Response:
        """Answer an error that nobody expected: a client learns that it happened, the log where."""
        note(error)
        return self.response(self.document(UNEXPECTED))

    def response(
        self, problem: Problem, *, headers: Mapping[str, str] | None = None, retry_after: int | None = None
    ) -> Response:
        """The answer with this problem document."""
        sent = dict(headers or {})
        if problem.status == HTTPStatus.UNAUTHORIZED:
            row = self._table.get(problem.type)
            sent.setdefault("WWW-Authenticate", row.challenge if row else "Bearer")
        if retry_after is not None:
            sent["Retry-After"] = str(retry_after)
        return JSONResponse(
            problem.model_dump(mode="json", exclude_none=True), problem.status, sent, media_type=MEDIA_TYPE
        )


def _problem(word: str, row: Row, *, message: str = "", detail: str = "") -> Problem:
    message = message or row.message or row.title
    return Problem(
        type=word, title=row.title, status=row.status, code=row.code, message=message, detail=detail or message
    )


def _keys(error: ActiveRowError) -> Iterator[str]:
    """Keys of the table for an error, finest first: `save_error.delete`, `save_error`, `database_error.delete`..."""
    operation = error.operation if isinstance(error, DatabaseError) else None
    for kind in type(error).__mro__:
        if issubclass(kind, ActiveRowError):
            yield f"{kind.code}.{operation}"
            yield kind.code


def _sendable(part: str | int) -> str | int:
    """The part, not too long and without halves of characters, which a caller's JSON may hold and UTF-8 cannot."""
    return part[:_LONGEST_TEXT].encode("utf-8", "replace").decode() if isinstance(part, str) else part


def note(error: BaseException) -> None:
    """Tell the log line of this request which error made it a 5xx."""
    if request := current_request():
        request.error = describe(error)
