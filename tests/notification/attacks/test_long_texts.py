"""Every text that the document offers, a mebibyte long; and JSON of many values."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from notification.app import create_app
from notification.schemas.accounts import UserChange
from notification.settings import Settings
from tests.notification.tools.service import ADA, Key, refusal, registered, running
from tests.shop.service import serving as serving_shop

MEBIBYTE = 2**20
# What backtracks does so on a kind of letter, with something at the end that does not fit.
SHAPES = ("a", " ", "\u3000", "a ", "1", "(", "@", "a@", "a.", "=?", "\n")
_MUCH = 1.0  # seconds of the processor for one request


def _texts(schema: Any, document: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Where the texts of a body stand, one key below the other."""
    if reference := schema.get("$ref"):
        yield from _texts(document["components"]["schemas"][reference.rpartition("/")[2]], document, path)
        return
    for choice in schema.get("anyOf", ()):
        yield from _texts(choice, document, path)
    if schema.get("type") == "string":
        yield path
    if schema.get("type") == "array":
        yield from _texts(schema["items"], document, (*path, "[]"))
    for name, inner in schema.get("properties", {}).items():
        yield from _texts(inner, document, (*path, name))


def _holding(path: tuple[str, ...], text: str) -> Any:
    """A body that has the text there."""
    if not path:
        return text
    inner = _holding(path[1:], text)
    return [inner] if path[0] == "[]" else {path[0]: inner}


def _bodies(document: Any) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json")
            if content:
                yield from ((method.upper(), path, where) for where in _texts(content["schema"], document))


async def test_every_text_is_refused_by_its_length(settings: Settings) -> None:
    """A mebibyte in any shape costs what reading it costs, and so do a text of the longest length and one more."""
    app = create_app(settings.model_copy(update={"max_body_bytes": 8 * MEBIBYTE}))
    seen = 0
    async with running(app) as client:
        ada = await registered(client, ADA)
        key = await Key.of(client, ada)
        for method, path, where in _bodies(app.openapi()):
            seen += 1
            for shape in SHAPES:
                text = shape * (MEBIBYTE // len(shape)) + "\x01"
                content = json.dumps(_holding(where, text)).encode()
                url = path.replace("{sns_type}", "email").replace("{provider}", "google")
                url = url.replace("{key_id}", str(key.id))
                headers = ada
                if "/services" in path:
                    query = key.query()
                    url, headers = f"{url}?{query}", key.sign(query)
                began = time.thread_time()
                answer = await client.request(method, url, content=content, headers=headers | _JSON)
                assert time.thread_time() - began < _MUCH, (method, path, where, shape)
                assert 400 <= answer.status_code < 500, (method, path, where, answer.text)
                assert len(answer.content) < 10_000
    assert seen >= 20


_JSON = {"content-type": "application/json"}


def test_a_name_takes_as_long_as_it_is() -> None:
    """Not as long as its square, with a pattern that reads spaces in two ways."""

    def work(letters: int) -> float:
        return min(_seconds("a" * letters + "\n") for _ in range(3))

    assert work(160_000) < 64 * max(work(10_000), 0.0005)


def _seconds(name: str) -> float:
    began = time.thread_time()
    with pytest.raises(ValidationError):
        UserChange.model_validate({"name": name})
    return time.thread_time() - began


MANY = {
    "keys": json.dumps({f"k{number}": 1 for number in range(80_000)}),
    "objects": json.dumps({"lines": [{"x": 1}] * 80_000}),
    "arrays": "[" * 400 + "]" * 400,
    "depth": '{"a":' * 400 + "1" + "}" * 400,
}


@pytest.mark.parametrize("content", MANY.values(), ids=MANY)
async def test_json_of_many_values_is_refused_before_it_is_checked(
    client: httpx.AsyncClient, ada: dict[str, str], content: str
) -> None:
    """Each would be an error: seconds of work, for one request."""
    began = time.thread_time()

    answer = await client.patch("/api/v1/users/me", content=content, headers=ada | _JSON)

    assert time.thread_time() - began < _MUCH
    assert refusal(answer) == (413, "body_too_complex")


@pytest.mark.parametrize("content", MANY.values(), ids=MANY)
async def test_the_shop_has_the_same_limits(tmp_path: Path, content: str) -> None:
    """Of values and of bytes."""
    async with serving_shop(database_url=f"sqlite:///{tmp_path / 'shop.db'}") as shop:
        began = time.thread_time()
        many = await shop.post("/products", content=content, headers=_JSON)
        seconds = time.thread_time() - began
        large = await shop.post("/products", json={"name": "x" * 2 * MEBIBYTE})

    assert seconds < _MUCH
    assert refusal(many) == (413, "body_too_complex")
    assert refusal(large) == (413, "body_too_large")


async def test_brackets_in_a_text_are_not_values(client: httpx.AsyncClient, ada: dict[str, str]) -> None:
    """Only what JSON takes for one counts."""
    answer = await client.patch("/api/v1/users/me", json={"name": "[{,}]" * 50}, headers=ada)

    assert answer.status_code == 200
