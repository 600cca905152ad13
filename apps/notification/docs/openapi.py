"""The OpenAPI document: every error that an endpoint may answer, with an example."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic.json_schema import models_json_schema
from starlette.exceptions import HTTPException

from activerow.errors import ActiveRowError, RecordNotFoundError
from activerow.fastapi import Problems
from notification.docs.refusals import AT_DOOR
from notification.errors import ApiError, BodyTooComplexError, BodyTooLargeError, UntrustedHostError
from notification.http.access import door_to
from notification.http.problems import PROBLEMS
from notification.schemas.problems import Problem

MEDIA_TYPE: Final = "application/problem+json"
_EXTRA: Final = "x-problems"
_ANSWERS: Final = Problems(table=PROBLEMS)

# Errors that are made of something.
_UNREAD: Final = HTTPException(HTTPStatus.BAD_REQUEST, str(PROBLEMS[HTTPStatus.BAD_REQUEST].message))
_NOT_FITTING: Final = RequestValidationError([{"loc": ("body", "email"), "msg": "Field required", "type": "missing"}])
_NOT_FOUND: Final = RecordNotFoundError("record")
_HEADERS: Final[Mapping[str, Any]] = {
    "X-Request-ID": {
        "description": "The id of the request in the log: the caller's own, or a new one.",
        "required": True,
        "schema": {"type": "string", "pattern": r"^[A-Za-z0-9_.:-]{1,64}$"},
        "example": "5d0c6a1e2f3b4c5d8e9f0a1b2c3d4e5f",
    },
    "Retry-After": {
        "description": "Seconds after which asking again makes sense.",
        "schema": {"type": "integer", "minimum": 1},
        "example": 1,
    },
    "WWW-Authenticate": {
        "description": "What it takes to be let in.",
        "required": True,
        "schema": {"type": "string", "enum": ["Bearer", "HMAC-SHA256"]},
        "example": "Bearer",
    },
}
_HEADERS_OF: Final[Mapping[int, tuple[str, ...]]] = {
    HTTPStatus.UNAUTHORIZED: ("WWW-Authenticate",),
    HTTPStatus.TOO_MANY_REQUESTS: ("Retry-After",),
    HTTPStatus.SERVICE_UNAVAILABLE: ("Retry-After",),
}


def may_raise(*errors: type[ApiError | ActiveRowError]) -> dict[str, Any]:
    """For a route's `openapi_extra`: the errors it may answer beside those that any route at its door may."""
    return {_EXTRA: _documents(errors)}


def _documents(kinds: Iterable[type[ApiError | ActiveRowError]]) -> list[dict[str, Any]]:
    return [_ANSWERS.document(_NOT_FOUND if kind is RecordNotFoundError else kind()) for kind in kinds]


class DocumentedAPI(FastAPI):
    """An application that describes its errors as it answers them."""

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document, made once."""
        if self.openapi_schema is None:
            _describe(super().openapi())
        return super().openapi()


def _describe(document: dict[str, Any]) -> None:
    """Put the problems of every operation into the document, in place of FastAPI's own 422."""
    for path, operations in document["paths"].items():
        for operation in operations.values():
            _describe_problems(path, operation)
            _describe_security(operation)
            for status, response in operation["responses"].items():
                names = ("X-Request-ID", *_HEADERS_OF.get(int(status), ()))
                response["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
    _, definitions = models_json_schema([(Problem, "serialization")], ref_template="#/components/schemas/{model}")
    schemas = document["components"]["schemas"]
    schemas.update(definitions["$defs"])
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    document["components"]["headers"] = dict(_HEADERS)


def _describe_problems(path: str, operation: dict[str, Any]) -> None:
    examples: list[dict[str, Any]] = [
        *_documents(AT_DOOR[door_to(path)]),
        *operation.pop(_EXTRA, []),
        *_documents([BodyTooLargeError, BodyTooComplexError]),
        *(_ANSWERS.document(error) for error in _of_the_framework(operation)),
    ]
    for status in sorted({example["status"] for example in examples}):
        alike = [example for example in examples if example["status"] == status]
        operation["responses"][str(status)] = _response(alike)


def _of_the_framework(operation: dict[str, Any]) -> Iterator[Exception]:
    """Errors that stand before and around every route."""
    if "requestBody" in operation:
        yield _UNREAD
    if operation["responses"].pop("422", None) is not None:
        yield _NOT_FITTING
    yield from (UntrustedHostError(), Exception())


def _describe_security(operation: dict[str, Any]) -> None:
    """Dependencies hold together; FastAPI writes each as one way of several."""
    if alternatives := operation.get("security"):
        operation["security"] = [{name: scopes for each in alternatives for name, scopes in each.items()}]


def _response(examples: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One status, with an example for each of its problems by their words; a word that is there twice counts once."""
    content = {
        "schema": {"$ref": "#/components/schemas/Problem"},
        "examples": {example["type"]: {"summary": example["title"], "value": example} for example in examples},
    }
    titles = {example["type"]: example["title"] for example in examples}
    return {"description": "; ".join(titles.values()), "content": {MEDIA_TYPE: content}}
