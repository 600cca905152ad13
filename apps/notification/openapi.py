"""The OpenAPI document: every error that an endpoint may answer, with an example."""

from collections.abc import Iterable, Mapping
from typing import Any

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from activerow.errors import ActiveRowError, SaveError, UnavailableError
from notification.errors import ApiError
from notification.problems import MEDIA_TYPE, UNEXPECTED, UNTRUSTED_HOST, VALIDATION, Fault, Problem, Problems

_EXTRA = "x-problems"
_ALWAYS = (UNTRUSTED_HOST, UNEXPECTED)
_WITH_DATABASE = (SaveError.code, UnavailableError.code)


def may_raise(*errors: type[ApiError | ActiveRowError]) -> dict[str, Any]:
    """For a route's `openapi_extra`: the errors it may answer beside those that any route may."""
    return {_EXTRA: {error.code: getattr(error, "message", "") for error in errors}}


class DocumentedAPI(FastAPI):
    """An application that describes its errors as it answers them."""

    problems: Problems

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document, made once."""
        if self.openapi_schema is None:
            _describe_problems(super().openapi(), self.problems)
        return super().openapi()


def _describe_problems(document: dict[str, Any], problems: Problems) -> None:
    """Put the problems of every operation into the document, in place of FastAPI's own 422."""
    for path in document["paths"].values():
        for operation in path.values():
            _describe_operation(operation, problems)
    _, definitions = models_json_schema([(Problem, "serialization")], ref_template="#/components/schemas/{model}")
    schemas = document["components"]["schemas"]
    schemas.update(definitions["$defs"])
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)


def _describe_operation(operation: dict[str, Any], problems: Problems) -> None:
    own: Mapping[str, str] | None = operation.pop(_EXTRA, None)
    validated = operation["responses"].pop("422", None) is not None
    words = [*(own or ()), *((VALIDATION,) if validated else ()), *_ALWAYS, *(_WITH_DATABASE if own else ())]
    examples = [_example(word, (own or {}).get(word, ""), problems) for word in words]
    for status in sorted({example.status for example in examples}):
        alike = [example for example in examples if example.status == status]
        operation["responses"][str(status)] = _response(alike)


def _example(word: str, message: str, problems: Problems) -> Problem:
    example = problems.document(word, **({"message": message} if message else {}))
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
