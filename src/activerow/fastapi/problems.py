"""What a client is told about an error: RFC 9457 problem documents, and the one table of HTTP statuses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict

from starlette.responses import JSONResponse

from activerow.errors import (
    ActiveRowError,
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
)

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Kind:
    """How one class of errors is answered; `message` is what a client may read about any error of the class."""

    status: int
    title: str
    message: str
    retry_after: int | None = None


_IN_USE = Kind(409, "Still in use", "other records still refer to it")

# The nearest class of an error's MRO decides. What is not here is the server's fault and tells a client nothing.
KINDS: Mapping[type[BaseException], Kind] = {
    ActiveRowError: Kind(500, "Internal server error", "the server could not complete the request"),
    RecordNotFoundError: Kind(404, "Not found", "there is no such record"),
    InvalidCursorError: Kind(422, "Invalid page cursor", "the page cursor is not valid; start again without one"),
    InvalidPageError: Kind(422, "Invalid page", "pages, and the rows of a page, are counted from 1 on"),
    UniqueViolationError: Kind(409, "Already exists", "another record has the same value"),
    ForeignKeyViolationError: Kind(422, "Unknown reference", "it refers to a record that does not exist"),
    NotNullViolationError: Kind(422, "Missing value", "a required value is missing"),
    CheckViolationError: Kind(422, "Invalid value", "a value is not allowed"),
    InvalidDataError: Kind(422, "Invalid value", "a value is too long, out of range or of the wrong type"),
    StaleRecordError: Kind(409, "Changed meanwhile", "it was changed or deleted by someone else; read it again"),
    TransientError: Kind(503, "Try again", "the request collided with another one; try again", retry_after=1),
    UnavailableError: Kind(503, "Temporarily unavailable", "the service is temporarily unavailable"),
    PoolExhaustedError: Kind(503, "Too busy", "the service is too busy; try again", retry_after=1),
    StatementTimeoutError: Kind(504, "Timed out", "the request took too long"),
}


def kind_of(error: ActiveRowError) -> Kind:
    """The row of the table that answers `error`."""
    if isinstance(error, ForeignKeyViolationError) and error.on_delete:
        return _IN_USE
    return _kind_of_class(type(error))


def _kind_of_class(cls: type[ActiveRowError]) -> Kind:
    return next(KINDS[base] for base in cls.__mro__ if base in KINDS)


class FieldError(TypedDict):
    """One field of the request and what is wrong with it, as in FastAPI's own 422 answers."""

    loc: Sequence[str | int]
    msg: str
    type: str


@dataclass(slots=True)
class Problems:
    """Turns errors into problem documents.

    Attributes:
        codes: Code words to the application's own codes; a word that is not in it is its own code.
        type_prefix: Put before the code word in `type`, for those who publish a page per problem.
    """

    codes: dict[str, str] = field(default_factory=dict[str, str])
    type_prefix: str = ""

    def configure(self, codes: Mapping[str, str] | None, type_prefix: str | None) -> None:
        """Add to the table of codes, and set the prefix where one is given."""
        self.codes.update(codes or {})
        if type_prefix is not None:
            self.type_prefix = type_prefix

    def document(self, error: ActiveRowError, instance: str) -> dict[str, Any]:
        """The problem document of `error`: no values, no SQL, and nothing at all about what is the server's fault."""
        kind = kind_of(error)
        message = _sentence(error, kind)
        document: dict[str, Any] = {
            "type": f"{self.type_prefix}{error.code}",
            "title": kind.title,
            "status": kind.status,
            "detail": message,
            "instance": instance,
            "code": self.code(error),
            "message": message,
        }
        errors = _field_errors(error, kind)
        return document | {"errors": errors} if errors else document

    def code(self, error: ActiveRowError) -> str:
        """The application's code for `error`: of its class, or the nearest base answered with the same status."""
        status = kind_of(error).status
        bases = [base for base in type(error).__mro__[1:] if issubclass(base, ActiveRowError)]
        words = [error.code, *(base.code for base in bases if _kind_of_class(base).status == status)]
        return next((self.codes[word] for word in words if word in self.codes), error.code)

    def response(self, error: ActiveRowError, instance: str) -> JSONResponse:
        """The answer to a request that failed with `error`."""
        kind = kind_of(error)
        headers = {"Retry-After": str(kind.retry_after)} if kind.retry_after is not None else None
        return JSONResponse(
            self.document(error, instance), status_code=kind.status, headers=headers, media_type=MEDIA_TYPE
        )


def _sentence(error: ActiveRowError, kind: Kind) -> str:
    """What happened, in words that a client may see."""
    if isinstance(error, RecordNotFoundError):
        return f"{error.model} not found"
    if kind.status >= 500 or not isinstance(error, DatabaseError) or not error.columns or kind is _IN_USE:
        return kind.message
    return f"{', '.join(error.columns)}: {kind.message}"


def _field_errors(error: ActiveRowError, kind: Kind) -> list[FieldError]:
    """The fields of the request that the error is about: of the body of a refused write, or a page's parameters."""
    if isinstance(error, InvalidCursorError | InvalidPageError):
        name = error.argument if isinstance(error, InvalidPageError) else "cursor"
        return [{"loc": ("query", name), "msg": kind.message, "type": error.code}]
    if kind.status >= 500 or not isinstance(error, DatabaseError) or kind is _IN_USE:
        return []
    return [{"loc": ("body", column), "msg": kind.message, "type": error.code} for column in error.columns]


_SCHEMA: Mapping[str, Any] = {
    "title": "Problem",
    "type": "object",
    "required": ["type", "title", "status", "code", "message"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "code": {"type": "string"},
        "message": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "loc": {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]}},
                    "msg": {"type": "string"},
                    "type": {"type": "string"},
                },
            },
        },
    },
}

_EXAMPLES: Mapping[int, ActiveRowError] = {
    404: RecordNotFoundError("User"),
    409: UniqueViolationError(model="User", columns=("email",)),
    422: NotNullViolationError(model="User", columns=("email",)),
    500: DatabaseError(),
    503: UnavailableError(),
    504: StatementTimeoutError(),
}


def problem_responses(*statuses: int, codes: Mapping[str, str] | None = None) -> dict[int | str, dict[str, Any]]:
    """Document problem answers in OpenAPI: `@app.post(..., responses=problem_responses(409, 422))`.

    Raises:
        ValueError: activerow never answers one of the statuses.
    """
    unknown = [status for status in statuses if status not in _EXAMPLES]
    if unknown:
        raise ValueError(f"no problem has the status {unknown[0]}; there are {', '.join(map(str, _EXAMPLES))}")
    problems = Problems(dict(codes or {}))
    return {status: _documented(problems.document(_EXAMPLES[status], "/path")) for status in statuses}


def _documented(example: Mapping[str, Any]) -> dict[str, Any]:
    content = {MEDIA_TYPE: {"schema": dict(_SCHEMA), "example": dict(example)}}
    return {"description": example["title"], "content": content}
