"""Tables of problems as people write them; checked, never run."""

from typing import Any, assert_type

from fastapi import FastAPI
from starlette.requests import HTTPConnection

from activerow import Database
from activerow.errors import SaveError, UniqueViolationError
from activerow.fastapi import Problem, Problems, install

OWN = {LookupError: (404, "4040001", "Not found")}
WHOLE = {
    UniqueViolationError: Problem(409, "4090002", "Taken", "Another record has this value."),
    (SaveError, "delete"): Problem(500, None, "Deleting failed"),
    404: Problem(404, "4040000", "Not found", headers={"X-Reason": "none"}),
}


def add_id(request: HTTPConnection, error: Exception, document: dict[str, Any]) -> None:
    """Say which request it was."""
    document["request_id"] = f"{request.url.path}: {error.args}"


def check(app: FastAPI, db: Database) -> None:
    install(app, db, problems=OWN)
    install(app, db, problems=WHOLE, on_problem=add_id)
    assert_type(Problems(table=WHOLE).of(LookupError()), Problem)


def mistakes(app: FastAPI, db: Database) -> None:
    install(app, db, problems={LookupError: (404, 4040001, "Not found")})  # type: ignore[dict-item]  # pyright: ignore[reportArgumentType]
    install(app, db, problems={LookupError: 404})  # type: ignore[dict-item]  # pyright: ignore[reportArgumentType]
