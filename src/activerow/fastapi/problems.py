"""What a client is told about an error: RFC 9457 problem documents, by one table of HTTP statuses."""

from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from activerow.errors import (
    ActiveRowError,
    DatabaseError,
    NotNullViolationError,
    RecordNotFoundError,
    StatementTimeoutError,
    UnavailableError,
    UniqueViolationError,
)
from activerow.fastapi.problem_table import DEFAULTS, Problem, Table, nearest, row_of, whole
from activerow.fastapi.problem_texts import field_errors, own, phrase_of, texts_of, word_of

MEDIA_TYPE = "application/problem+json"


class Problems:
    """Turns errors into problem documents: by the application's table, and by the library's below it.

    Args:
        codes: Code words of the library's errors to the application's own codes.
        type_prefix: Put before the code word in `type`, for those who publish a page per problem.
        table: Classes of errors to how they are answered.

    Raises:
        UsageError: A key of the table is none.
    """

    def __init__(
        self, codes: Mapping[str, str] | None = None, type_prefix: str = "", table: Table | None = None
    ) -> None:
        self._codes, self._type_prefix, self._table = dict[str, str](), "", dict(DEFAULTS)
        self.configure(codes, type_prefix)
        self.add(table or {})

    def configure(self, codes: Mapping[str, str] | None, type_prefix: str | None) -> None:
        """Add to the codes, and set the prefix where one is given."""
        self._codes.update(codes or {})
        if type_prefix is not None:
            self._type_prefix = type_prefix

    def add(self, table: Table) -> None:
        """Answer by these rows, before those that there are.

        Raises:
            UsageError: A key of the table is none.
        """
        self._table.update({key: whole(key, row) for key, row in table.items()})

    def of(self, error: Exception) -> Problem:
        """The row that answers `error`: that of its nearest class."""
        if isinstance(error, HTTPException):
            phrase = phrase_of(error.status_code)
            return self._table.get(error.status_code) or Problem(error.status_code, None, phrase, f"{phrase}.")
        return row_of(self._table, error)

    def document(self, error: Exception, instance: str | None = None) -> dict[str, Any]:
        """The problem document of `error`: no values, no SQL, and nothing at all about what is the server's fault."""
        row = self.of(error)
        word, (message, detail) = word_of(error, row), texts_of(error, row)
        document: dict[str, Any] = {
            "type": f"{self._type_prefix}{word}",
            "title": row.title,
            "status": row.status,
            "detail": detail,
            "instance": instance,
            "code": row.code or self._code(error, word, row.status),
            "message": message,
            "errors": field_errors(error, row, message) or None,
        }
        return {name: value for name, value in document.items() if value is not None}

    def _code(self, error: Exception, word: str, status: int) -> str:
        """The application's code for the word of the error, or for that of a base answered with the same status."""
        bases = [base for base in type(error).__mro__[1:] if issubclass(base, ActiveRowError)]
        words = [word, *(base.code for base in bases if nearest(self._table, base).status == status)]
        return next((self._codes[each] for each in words if each in self._codes), word)

    def response(
        self, error: Exception, instance: str | None = None, document: Mapping[str, Any] | None = None
    ) -> JSONResponse:
        """The answer to a request that failed with `error`, by default with its problem document."""
        row = self.of(error)
        headers = dict(row.headers or {})
        if isinstance(error, HTTPException):
            headers |= error.headers or {}
        if seconds := own(error, row, "retry_after", int) or row.retry_after:
            headers["Retry-After"] = str(seconds)
        return JSONResponse(document or self.document(error, instance), row.status, headers, MEDIA_TYPE)


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


def problem_responses(
    *statuses: int, codes: Mapping[str, str] | None = None, problems: Table | None = None
) -> dict[int | str, dict[str, Any]]:
    """Document problem answers in OpenAPI: `@app.post(..., responses=problem_responses(409, 422))`.

    `codes` and `problems` are those of `install`.

    Raises:
        ValueError: activerow never answers one of the statuses.
    """
    unknown = [status for status in statuses if status not in _EXAMPLES]
    if unknown:
        raise ValueError(f"no problem has the status {unknown[0]}; there are {', '.join(map(str, _EXAMPLES))}")
    answers = Problems(codes, table=problems)
    return {status: _documented(answers.document(_EXAMPLES[status], "/path")) for status in statuses}


def _documented(example: Mapping[str, Any]) -> dict[str, Any]:
    content = {MEDIA_TYPE: {"schema": dict(_SCHEMA), "example": dict(example)}}
    return {"description": example["title"], "content": content}
