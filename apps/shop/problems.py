"""The one table of HTTP statuses: how everything that goes wrong is answered."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from fastapi.exceptions import RequestValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from activerow.errors import (
    CheckViolationError,
    ForeignKeyViolationError,
    InvalidDataError,
    NotNullViolationError,
    PoolExhaustedError,
    RecordNotFoundError,
    StaleRecordError,
    TransientError,
    UnavailableError,
    UniqueViolationError,
)
from activerow.fastapi import Problem, Problems
from shop.errors import BodyTooComplexError, BodyTooLargeError, OutOfStockError, UnknownProductError

# Codes are never used again for something else.
PROBLEMS: Final[Mapping[Any, Problem]] = MappingProxyType(
    {
        RecordNotFoundError: Problem(404, "4040101", "Not found"),
        OutOfStockError: Problem(409, "4090101", "Out of stock"),
        UniqueViolationError: Problem(409, "4090102", "Already exists"),
        (ForeignKeyViolationError, "delete"): Problem(409, "4090103", "Still in use"),
        StaleRecordError: Problem(409, "4090104", "Changed meanwhile"),
        BodyTooLargeError: Problem(413, "4130101", "Body too large"),
        BodyTooComplexError: Problem(413, "4130102", "Body too complex"),
        UnknownProductError: Problem(422, "4220101", "Unknown product"),
        ForeignKeyViolationError: Problem(422, "4220102", "Unknown reference"),
        InvalidDataError: Problem(422, "4220103", "Invalid value"),
        CheckViolationError: Problem(422, "4220104", "Invalid value"),
        NotNullViolationError: Problem(422, "4220105", "Missing value"),
        UnavailableError: Problem(503, "5030101", "Temporarily unavailable"),
        TransientError: Problem(503, "5030102", "Try again", retry_after=1),
        PoolExhaustedError: Problem(503, "5030103", "Too busy", retry_after=1),
    }
)
_ANSWERS: Final = Problems(table=PROBLEMS)


async def on_validation_error(_: Request, error: Exception) -> Response:
    """Answer a request that does not fit, as FastAPI does, without what was sent.

    What was sent may be a number or half of a character that JSON cannot hold: repeating it would be a 500.
    """
    if not isinstance(error, RequestValidationError):
        raise error
    return JSONResponse({"detail": _ANSWERS.document(error)["errors"]}, _ANSWERS.of(error).status)
