"""The OpenAPI document shows an example of everything that is sent, and each is what it is an example of."""

from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
import schemathesis

from notification.app import create_app
from notification.errors import ApiError, MetricsRefusedError, OwnAccountError
from notification.http.problems import PROBLEMS
from notification.settings import Settings

Json = dict[str, Any]
PROBLEM = "application/problem+json"
UNDOCUMENTED = {MetricsRefusedError.code, OwnAccountError.code}  # of pages for those who run the service


@pytest.fixture
def document(settings: Settings) -> Json:
    """The document of the service."""
    return create_app(settings).openapi()


def _operations(document: Json) -> Iterator[tuple[str, Json]]:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            yield f"{method.upper()} {path}", operation


def _contents(document: Json) -> Iterator[tuple[str, Json]]:
    """Bodies of requests and of answers, by a name that says which."""
    for name, operation in _operations(document):
        for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
            yield f"{name} <- {media_type}", content
        for status, response in operation["responses"].items():
            for media_type, content in response.get("content", {}).items():
                yield f"{name} {status} -> {media_type}", content


def _examples(document: Json, content: Json) -> list[Any]:
    """Those of a body: its own, or those of its schema, or of what its schema is a list of."""
    if "examples" in content:
        return [example["value"] for example in content["examples"].values()]
    return [content["example"]] if "example" in content else _examples_of_schema(document, content["schema"])


def _examples_of_schema(document: Json, schema: Json) -> list[Any]:
    if "$ref" in schema:
        return _examples_of_schema(document, document["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    if schema.get("type") == "array":
        return [_examples_of_schema(document, schema["items"])]
    return list(schema.get("examples", []))


def _validator(document: Json, schema: Json) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(schema | {"components": document["components"]}, validate_formats=True)


def test_the_document_is_openapi(document: Json) -> None:
    """It fits the schema of OpenAPI 3.1 itself."""
    assert document["openapi"].startswith("3.1.")

    schemathesis.openapi.from_dict(document).validate()


def test_every_operation_is_described(document: Json) -> None:
    """In a few words and in a sentence, under an id of its own."""
    operations = dict(_operations(document))

    assert all(operation["summary"] and operation["description"] for operation in operations.values())
    assert len({operation["operationId"] for operation in operations.values()}) == len(operations)


def test_every_success_says_what_it_is(document: Json) -> None:
    """Each operation has a success; it has a body with a schema, or is a 204 and has none."""
    for name, operation in _operations(document):
        successes = {status: answer for status, answer in operation["responses"].items() if status < "300"}
        assert successes, name
        for status, answer in successes.items():
            schemas = [content.get("schema") for content in answer.get("content", {}).values()]
            assert (schemas == []) if status == "204" else all(schemas), name


def test_every_body_has_an_example_that_fits(document: Json) -> None:
    """What is sent and what is answered, problems too: at least one example, and each one is valid."""
    for name, content in _contents(document):
        examples = _examples(document, content)
        assert examples, name
        for example in examples:
            errors = [error.message for error in _validator(document, content["schema"]).iter_errors(example)]
            assert errors == [], name


def test_every_path_parameter_has_an_example_that_fits(document: Json) -> None:
    """Whoever opens the page can try each path at once."""
    for name, operation in _operations(document):
        for parameter in operation.get("parameters", []):
            if parameter["in"] == "path":
                (example, *_) = parameter["schema"].get("examples") or parameter.get("examples") or [None]
                assert _validator(document, parameter["schema"]).is_valid(example), name


def test_every_error_of_the_service_is_documented(document: Json) -> None:
    """Each one that a client may get is an example somewhere, with the status of the one table."""
    shown = {
        (word, int(status))
        for _, operation in _operations(document)
        for status, answer in operation["responses"].items()
        for word in answer.get("content", {}).get(PROBLEM, {}).get("examples", {})
    }
    errors = {(error.code, PROBLEMS[error].status) for error in _below(ApiError) if error.code not in UNDOCUMENTED}

    assert errors <= shown


def _below(kind: type[ApiError]) -> Iterator[type[ApiError]]:
    for error in kind.__subclasses__():
        if "code" in vars(error):
            yield error
        yield from _below(error)
