"""Answers for what the shop refuses, in the form in which the library answers its own errors."""

from collections.abc import Mapping
from dataclasses import dataclass

from fastapi.exceptions import RequestValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from shop.errors import ShopError

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Row:
    """How one kind of refusal is answered: a row of the table in `app.py`."""

    status: int
    number: int
    title: str

    @property
    def code(self) -> str:
        """The status and four digits: `4090101`."""
        return f"{self.status}{self.number:04d}"


class Problems:
    """Turns errors into answers by one table: code word to status, number and title."""

    def __init__(self, table: Mapping[str, Row], validation_status: int) -> None:
        self._table = table
        self._validation_status = validation_status

    async def on_shop_error(self, request: Request, error: Exception) -> Response:
        """Answer a refusal of our own."""
        if not isinstance(error, ShopError):
            raise error
        row = self._table[error.code]
        document = {
            "type": error.code,
            "title": row.title,
            "status": row.status,
            "detail": str(error),
            "instance": request.url.path,
            "code": row.code,
            "message": str(error),
            "errors": [{"loc": ("body", *place), "msg": str(error), "type": error.code} for place in error.places],
        }
        return JSONResponse(document, row.status, media_type=MEDIA_TYPE)

    async def on_validation_error(self, _: Request, error: Exception) -> Response:
        """Answer a request that does not fit, as FastAPI does, without what was sent.

        What was sent may be a number or half of a character that JSON cannot hold: repeating it would be a 500.
        """
        if not isinstance(error, RequestValidationError):
            raise error
        faults = [
            {"loc": [_sendable(part) for part in fault["loc"]], "msg": _sendable(fault["msg"]), "type": fault["type"]}
            for fault in error.errors()
        ]
        return JSONResponse({"detail": faults}, self._validation_status)


def _sendable(part: str | int) -> str | int:
    return part.encode("utf-8", "replace").decode() if isinstance(part, str) else part
