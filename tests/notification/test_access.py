"""Who may come in where, and what stands at the doors."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from starlette.routing import BaseRoute, Mount, Route

from notification.access import Door, door_to
from notification.app import create_app
from notification.settings import Settings
from tests.notification.service import ADA, GRACE, KEYS, everything_logged, lines, registered, running, serving

# Open on purpose. What is not here must ask who is there.
OPEN = {
    "/",
    "/docs",
    "/docs/{name}",
    "/health",
    "/metrics",  # asks for a token of its own
    "/openapi.json",
    "/ready",
    "/api/v1/auth/logout",
    "/api/v1/auth/refresh",
    "/api/v1/auth/{provider}/authorize",
    "/api/v1/auth/{provider}/callback",
    "/api/v1/auth/login/{sns_type}",
    "/api/v1/auth/register/{sns_type}",
}


def _routes(routes: list[BaseRoute]) -> Iterator[Route]:
    for route in routes:
        if isinstance(route, Route):
            yield route
        elif not isinstance(route, Mount):  # /admin has a door of its own: test_admin.py
            yield from _routes(getattr(getattr(route, "original_router", route), "routes", []))


async def test_every_route_is_open_on_purpose_or_asks(settings: Settings) -> None:
    """Without credentials, each method of each route answers 401, or 400 where a call should be signed."""
    app = create_app(settings)
    routes = list(_routes(app.routes))
    asked: dict[str, set[int]] = {}
    async with running(app) as client:
        for route in routes:
            for method in route.methods or ():
                path = route.path.replace("{sns_type}", "email").replace("{key_id}", "1").replace("{address_id}", "1")
                answer = await client.request(method, path)
                asked.setdefault(route.path, set()).add(answer.status_code)

    assert set(app.openapi()["paths"]) <= set(asked)
    assert {path for path, statuses in asked.items() if not statuses <= {400, 401}} == OPEN


async def test_a_new_route_is_protected_without_doing_anything(settings: Settings) -> None:
    """A handler that forgot to ask for the user is not reached without one."""
    app: FastAPI = create_app(settings)
    for path in ("/api/v2/forgotten", "/api/v1/services/forgotten"):
        app.add_api_route(path, lambda: "secret", methods=["GET"])

    async with running(app) as client:
        ada = await registered(client, ADA)
        refused = [await client.get("/api/v2/forgotten"), await client.get("/api/v1/services/forgotten")]
        admitted = await client.get("/api/v2/forgotten", headers=ada)

    assert [answer.status_code for answer in refused] == [401, 400]
    assert admitted.json() == "secret"


@pytest.mark.parametrize(
    ("path", "door"),
    [
        ("/", Door.OPEN),
        ("/docs", Door.OPEN),
        ("/apix", Door.OPEN),
        ("*", Door.USER),
        ("", Door.USER),
        ("/api", Door.USER),
        ("/api/v1/users/me", Door.USER),
        ("/api/v1/servicesx", Door.USER),
        ("/api/v1/authx", Door.USER),
        ("/api/v1/services", Door.SIGNED),
        ("/api/v1/services/", Door.SIGNED),
        ("/api/v1/services/email", Door.SIGNED),
        ("/api/v1/auth/login/email", Door.LOGIN),
    ],
)
def test_a_path_has_one_door(path: str, door: Door) -> None:
    """Rows count for whole parts of a path."""
    assert door_to(path) is door


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/auth/../users/me",
        "/api/v1/auth/%2e%2e/users/me",
        "//api/v1/users/me",
        "/API/v1/users/me",
        "/x/api/v1/users/me",
        "/api/v1/auth/%2Fapi/v1/users/me",
    ],
)
async def test_there_is_no_way_around_a_door(client: httpx.AsyncClient, path: str) -> None:
    """A path that another door opens leads nowhere."""
    request = client.build_request("GET", "http://service/")
    request.url = httpx.URL("http://service").copy_with(raw_path=path.encode())

    assert (await client.send(request)).status_code in {401, 404}


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic YTpi", "bearer x", "Bearer \xff", "Bearer a b c"])
async def test_odd_credentials_are_a_401(client: httpx.AsyncClient, header: str) -> None:
    """Never a 500."""
    answer = await client.get("/api/v1/users/me", headers={b"authorization": header.encode("latin-1")})

    assert answer.status_code == 401


async def test_the_door_asks_before_the_body_is_read(client: httpx.AsyncClient) -> None:
    """Who may not come in is not told what is wrong with a body."""
    answer = await client.patch("/api/v1/users/me", content=b"{not json")

    assert answer.status_code == 401


# --- rates ------------------------------------------------------------------------------------------------------------


async def test_one_address_may_not_try_for_ever(settings: Settings) -> None:
    """Different accounts do not help; another address is not concerned."""
    app = create_app(settings.model_copy(update={"login_rate": "3/minute"}))
    async with running(app) as client:
        tries = [
            await client.post("/api/v1/auth/login/email", json={"email": f"{n}@example.com", "pw": "x"})
            for n in range(4)
        ]
        registering = await client.post("/api/v1/auth/register/email", json=ADA)
        elsewhere = httpx.ASGITransport(app, client=("192.0.2.7", 1))
        async with httpx.AsyncClient(transport=elsewhere, base_url="http://service") as other:
            answer = await other.post("/api/v1/auth/register/email", json=ADA)

    assert [answer.status_code for answer in tries] == [401, 401, 401, 429]
    assert 1 <= int(tries[3].headers["retry-after"]) <= 60
    assert (registering.status_code, answer.status_code) == (429, 201)


async def test_one_account_may_not_be_tried_from_everywhere(settings: Settings) -> None:
    """Whether it exists or not, and however it is written."""
    app = create_app(settings.model_copy(update={"login_rate": "2/minute"}))
    statuses: list[int] = []
    async with running(app):
        for number, email in enumerate(["ada@example.com", "ADA@example.com", "ada@EXAMPLE.com", "grace@example.com"]):
            transport = httpx.ASGITransport(app, client=(f"192.0.2.{number}", 1))
            async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
                answer = await client.post("/api/v1/auth/login/email", json={"email": email, "pw": "x"})
            statuses.append(answer.status_code)

    assert statuses == [401, 401, 429, 401]


# --- bodies -----------------------------------------------------------------------------------------------------------


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


# --- headers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/docs", "/api/v1/users/me", "/nowhere"])
async def test_browsers_are_told_what_not_to_do(client: httpx.AsyncClient, path: str) -> None:
    """On pages, answers and errors alike."""
    headers = (await client.get(path)).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "strict-transport-security" not in headers


async def test_answers_are_not_kept(client: httpx.AsyncClient) -> None:
    """Tokens and secrets do not belong into caches."""
    assert (await client.post("/api/v1/auth/register/email", json=ADA)).headers["cache-control"] == "no-store"


async def test_an_answer_loads_nothing(client: httpx.AsyncClient) -> None:
    """Whatever a browser takes it for."""
    answer = await client.get("/openapi.json")

    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


async def test_production_is_https_only(settings: Settings) -> None:
    """Browsers that came by HTTPS once do not come without."""
    async with serving(settings.model_copy(update={"environment": "production"})) as client:
        answer = await client.get("/health")

    assert answer.headers["strict-transport-security"] == "max-age=31536000"


async def test_errors_have_the_headers_too(settings: Settings) -> None:
    """Also an error that nobody expected, whose answer has the request's id and no internals."""
    app: FastAPI = create_app(settings)

    def fail() -> None:
        raise RuntimeError("hunter2")

    app.add_api_route("/fails", fail)
    async with running(app) as client:
        answer = await client.get("/fails", headers={"x-request-id": "mine-1"})

    assert answer.status_code == 500
    assert answer.headers["x-request-id"] == "mine-1"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "hunter2" not in answer.text + everything_logged(settings)


async def _raw(app: FastAPI, path: str, headers: list[tuple[bytes, bytes]], **scope: Any) -> list[dict[str, Any]]:
    """What the application sends for a scope that no client would write."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(dict(message))

    whole: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"service"), *headers],
        "client": ("192.0.2.7", 1),
        "server": ("service", 80),
    }
    await app(whole | scope, receive, send)
    return sent


async def test_line_breaks_go_nowhere(settings: Settings) -> None:
    """Neither an id, a path nor an address can add a header to an answer or a line to a log."""
    evil = b"x\r\nset-cookie: evil=1"
    headers = [(b"x-request-id", evil), (b"x-forwarded-for", evil), (b"authorization", b"Bearer " + evil)]
    app = create_app(settings)
    async with running(app):
        answers = [
            await _raw(app, '/api/v1/users/me\r\n{"level": "INFO"}', headers),
            await _raw(app, "/health/\r\nset-cookie: evil=1/", headers),
            await _raw(app, "/api/v1/services\r\nx", [*headers, (b"secret", evil)], query_string=b"key=%0d%0a&a\r\n"),
        ]

    names = [name.lower() for sent in answers for name, _ in sent[0]["headers"]]
    values = b"".join(value for sent in answers for _, value in sent[0]["headers"])
    assert b"set-cookie" not in names
    assert b"\r" not in values
    assert b"\n" not in values
    assert [line["message"] for line in lines(settings, "app") if "INFO" in line["message"]]


@pytest.mark.parametrize("client", [None, ("", 0), ("testclient", 1), ("/tmp/socket", 0)])
async def test_a_client_without_an_address_is_served(settings: Settings, client: object) -> None:
    """A socket of the file system has none."""
    app = create_app(settings.model_copy(update={"login_rate": "5/minute"}))
    async with running(app):
        sent = await _raw(app, "/api/v1/auth/login/email", [], client=client, method="POST")

    assert sent[0]["status"] == 422


async def test_a_websocket_is_not_let_in_either(settings: Settings) -> None:
    """Doors are doors."""
    app = create_app(settings)
    async with running(app):
        sent = await _raw(app, "/api/v1/feed", [], type="websocket", scheme="ws")

    assert [message["type"] for message in sent] == ["websocket.close"]


async def test_a_target_that_is_no_path_is_refused(settings: Settings) -> None:
    """`OPTIONS *` is valid HTTP."""
    app = create_app(settings)
    async with running(app):
        sent = await _raw(app, "*", [], method="OPTIONS")

    assert sent[0]["status"] == 401


async def test_keys_are_personal(client: httpx.AsyncClient, ada: dict[str, str]) -> None:
    """Two users at once are not mixed up."""
    grace = await registered(client, GRACE)
    await client.post(KEYS, json={"memo": "ada"}, headers=ada)

    adas, graces = await asyncio.gather(client.get(KEYS, headers=ada), client.get(KEYS, headers=grace))

    assert (len(adas.json()), len(graces.json())) == (1, 0)
