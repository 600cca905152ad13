"""Bodies that are too large, malformed, compressed or slow."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI, Request

from notification.app import create_app
from notification.models import db
from notification.settings import Settings
from tests.notification.tools.service import ADA, raw, refusal, registered, running

JSON = {"content-type": "application/json"}
LOGIN = "/api/v1/auth/login/email"
ME = "/api/v1/users/me"


@pytest.fixture
async def small(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service that takes bodies of 100 bytes."""
    app: FastAPI = create_app(settings.model_copy(update={"max_body_bytes": 100}))

    @app.post("/length")
    async def length(request: Request) -> int:
        return len(await request.body())

    async with running(app) as client:
        yield client


async def _chunks(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"x" * 10


async def test_a_body_may_be_as_long_as_the_limit(small: httpx.AsyncClient) -> None:
    """At once or in pieces."""
    at_once = await small.post("/length", content=b"x" * 100)
    in_pieces = await small.post("/length", content=_chunks(10))

    assert (at_once.json(), in_pieces.json()) == (100, 100)


async def test_a_longer_body_is_a_413(small: httpx.AsyncClient) -> None:
    """Told beforehand or not, to a handler that reads it and to one that parses it."""
    answers = [
        await small.post("/length", content=b"x" * 101),
        await small.post("/length", content=_chunks(11)),
        await small.post("/api/v1/auth/login/email", content=_chunks(11)),
        await small.post("/length", content=_chunks(11), headers={"content-length": "5"}),
    ]

    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(413, "4130001")}


async def test_an_endless_body_is_not_read_to_its_end(small: httpx.AsyncClient) -> None:
    """What comes after the limit is left where it is."""
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1
            yield b"x" * 10
            await asyncio.sleep(0)

    answer = await small.post("/length", content=endless())

    assert answer.status_code == 413
    assert sent == 11


@pytest.mark.parametrize(
    "body",
    [
        b"\xff\xfe{}",
        b'{"email": "\xff"}',
        b"[" * 200_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b'{"email": "\\ud800@example.com", "pw": "x"}',
        b'{"email": "a@example.com\\r\\nBcc: b@example.com", "pw": "x"}',
        b'{"email": "a@example.com", "pw": 1' + b"0" * 10_000 + b"}",
        b"\x00",
        b"NaN",
    ],
    ids=range(9),
)
async def test_a_malformed_body_is_the_callers_fault(client: httpx.AsyncClient, body: bytes) -> None:
    """Never a 500."""
    answer = await client.post("/api/v1/auth/login/email", content=body, headers={"content-type": "application/json"})

    assert 400 <= answer.status_code < 500
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_a_body_of_any_depth_or_size_is_refused(
    client: httpx.AsyncClient, ada: dict[str, str], method: str
) -> None:
    """Ten thousand brackets and a megabyte of letters are a client's mistake, not ours."""
    paths = {"POST": "/api/v1/auth/login/email", "PUT": f"{ME}/password", "PATCH": ME, "DELETE": f"{ME}/identities/x"}
    for body in (b"[" * 10_000, b'{"a":' * 10_000, b'{"pw": "' + b"x" * 1_000_000 + b'"}'):
        headers = ada | {"content-type": "application/json"}

        answer = await client.request(method, paths[method], content=body, headers=headers)

        assert 400 <= answer.status_code < 500
        assert len(answer.content) < 5_000


@pytest.mark.parametrize("length", ["9" * 18, "9" * 19, "9" * 5000])
async def test_a_length_that_no_body_has_is_a_413(settings: Settings, length: str) -> None:
    """Python itself refuses to read thousands of digits."""
    app = create_app(settings)
    async with running(app):
        sent = await raw(app, "/api/v1/auth/login/email", [(b"content-length", length.encode())], method="POST")

    assert sent[0]["status"] == 413


async def test_json_says_that_it_is_json(client: httpx.AsyncClient) -> None:
    """A form of another site can send text without asking the browser's leave, and JSON it cannot."""
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        headers = {b"content-type": kind.encode()} if kind else {}

        answer = await client.post(LOGIN, content=json.dumps(ADA), headers=headers)

        assert refusal(answer) == (422, "validation_error"), kind


async def test_a_compressed_body_is_not_unpacked(client: httpx.AsyncClient) -> None:
    """A megabyte of zeros fits into a kilobyte; here it stays what it is, and is no JSON."""
    bomb = gzip.compress(b'{"email": "' + b"0" * 50_000_000 + b'"}')
    headers = {"content-type": "application/json", "content-encoding": "gzip"}

    answer = await client.post(LOGIN, content=bomb, headers=headers)

    assert len(bomb) < 100_000
    assert answer.status_code == 400


async def test_odd_numbers_are_no_values(client: httpx.AsyncClient, ada: dict[str, str]) -> None:
    """What Python's JSON takes for numbers and no database does."""
    for value in ("NaN", "Infinity", "-Infinity", "1e999", "-0", "[]", "{}", '{"a": NaN}'):
        answer = await client.patch(ME, content=f'{{"name": {value}}}', headers=ada | JSON)

        assert refusal(answer) == (422, "validation_error"), value


async def test_of_keys_that_are_there_twice_the_last_counts(client: httpx.AsyncClient, ada: dict[str, str]) -> None:
    """For the check and for the use: none is checked while another is used."""
    answer = await client.patch(ME, content='{"name": "Ada", "name": "\\u0000", "name": "Grace"}', headers=ada | JSON)
    refused = await client.patch(ME, content='{"name": "Ada", "name": ""}', headers=ada | JSON)

    assert (answer.status_code, answer.json()["name"]) == (200, "Grace")
    assert refused.status_code == 422


@pytest.mark.parametrize("field", ["name", "profile_img"])
async def test_a_nul_is_stored_or_refused(client_on_backend: httpx.AsyncClient, field: str) -> None:
    """Never an error of ours; PostgreSQL has no such character."""
    ada = await registered(client_on_backend, ADA)

    answer = await client_on_backend.patch(ME, json={field: "a\x00b"}, headers=ada)

    assert answer.status_code in {200, 422}
    assert answer.status_code == 422 or answer.json()[field] == "a\x00b"


async def test_a_slow_body_holds_no_connection(client: httpx.AsyncClient, ada: dict[str, str]) -> None:
    """Whoever sends a letter now and then keeps nobody else from the database."""
    waits, goes_on = asyncio.Event(), asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield b'{"name": '
        waits.set()
        await goes_on.wait()
        yield b'"Ada"}'

    slow = asyncio.create_task(client.patch(ME, content=slowly(), headers=ada | JSON))
    await waits.wait()
    for _ in range(3):
        await asyncio.sleep(0.01)
    held = db.engine.sync_engine.pool.status()
    others = await client.get(ME, headers=ada)
    goes_on.set()

    assert "Current Checked out connections: 0" in held
    assert others.status_code == 200
    assert (await slow).json()["name"] == "Ada"
