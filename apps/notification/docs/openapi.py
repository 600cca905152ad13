"""The OpenAPI document: every error that an endpoint may answer, with an example."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from activerow.errors import ActiveRowError
from notification.docs.refusals import AT_DOOR
from notification.errors import ApiError, BodyTooLargeError
from notification.http.access import door_to
from notification.http.problems import (
    BAD_REQUEST,
    MEDIA_TYPE,
    UNEXPECTED,
    UNTRUSTED_HOST,
    VALIDATION,
    Fault,
    Problem,
    Problems,
)

_EXTRA: Final = "x-problems"
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

# Code word to the message of this error, and the words of the kinds of error that it belongs to.
_Words = Mapping[str, tuple[str, Iterable[str]]]


def may_raise(*errors: type[ApiError | ActiveRowError]) -> dict[str, Any]:
    """For a route's `openapi_extra`: the errors it may answer beside those that any route at its door may."""
    return {_EXTRA: _words(errors)}


def _words(errors: Iterable[type[ApiError | ActiveRowError]]) -> _Words:
    return {error.code: (getattr(error, "message", ""), _kinds(error)) for error in errors}


def _kinds(error: type[ApiError | ActiveRowError]) -> list[str]:
    return [kind.code for kind in error.__mro__ if issubclass(kind, ActiveRowError)]


class DocumentedAPI(FastAPI):
    """An application that describes its errors as it answers them."""

    problems: Problems

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document, made once."""
        if self.openapi_schema is None:
            _describe(super().openapi(), self.problems)
        return super().openapi()


def _describe(document: dict[str, Any], problems: Problems) -> None:
    """Put the problems of every operation into the document, in place of FastAPI's own 422."""
    for path, operations in document["paths"].items():
        for operation in operations.values():
            _describe_problems(path, operation, problems)
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


def _describe_problems(path: str, operation: dict[str, Any], problems: Problems) -> None:
    words: dict[str, tuple[str, Iterable[str]]] = {
        **_words(AT_DOOR[door_to(path)]),
        **operation.pop(_EXTRA, {}),
        **_words([BodyTooLargeError]),
        **dict.fromkeys(_of_the_framework(operation), ("", ())),
    }
    examples = [_example(word, message, kinds, problems) for word, (message, kinds) in words.items()]
    for status in sorted({example.status for example in examples}):
        alike = [example for example in examples if example.status == status]
        operation["responses"][str(status)] = _response(alike)


def _of_the_framework(operation: dict[str, Any]) -> Iterable[str]:
    """Words of problems that stand before and around every route."""
    if "requestBody" in operation:
        yield BAD_REQUEST
    if operation["responses"].pop("422", None) is not None:
        yield VALIDATION
    yield from (UNTRUSTED_HOST, UNEXPECTED)


def _describe_security(operation: dict[str, Any]) -> None:
    """Dependencies hold together; FastAPI writes each as one way of several."""
    if alternatives := operation.get("security"):
        operation["security"] = [{name: scopes for each in alternatives for name, scopes in each.items()}]


def _example(word: str, message: str, kinds: Iterable[str], problems: Problems) -> Problem:
    texts = {"message": message} if message else {}
    example = problems.document(word, key=problems.key_of(word, *kinds), **texts)
    if word == VALIDATION:
        example.detail = "body.email: Field required"
        example.errors = [Fault(loc=("body", "email"), msg="Field required", type="missing")]
    return example


def _response(examples: Iterable[Problem]) -> dict[str, Any]:
    content = {
        "schema": {"$ref": "#/components/schemas/Problem"},
        "examples": {
            example.type: {"summary": example.title, "value": example.model_dump(mode="json", exclude_none=True)}
            for example in examples
        },
    }
    return {"description": "; ".join(example.title for example in examples), "content": {MEDIA_TYPE: content}}
