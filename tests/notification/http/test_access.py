"""Who may come in where, and what stands at the doors."""

import asyncio

import httpx
import pytest
from fastapi import FastAPI

from notification.app import create_app
from notification.http.access import Door, door_to
from notification.settings import Settings
from tests.notification.tools.route_table import endpoints
from tests.notification.tools.service import ADA, GRACE, KEYS, everything_logged, raw, registered, running, serving

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


async def test_every_route_is_open_on_purpose_or_asks(settings: Settings) -> None:
    """Without credentials, each method of each route answers 401, or 400 where a call should be signed."""
    app = create_app(settings)
    asks = {Door.USER: (401, "not_authenticated"), Door.SIGNED: (400, "signature_missing")}
    refused: dict[str, bool] = {}
    async with running(app) as client:
        for endpoint in endpoints(app):
            answer = await client.request(endpoint.method, endpoint.url(**dict.fromkeys(endpoint.ids, 1)))
            wanted, word = asks.get(endpoint.door, (0, ""))
            asked = answer.status_code == wanted and answer.json()["type"] == word
            refused[endpoint.path] = asked and refused.get(endpoint.path, True)

    assert set(app.openapi()["paths"]) <= set(refused)
    assert {path for path, asked in refused.items() if not asked} == OPEN


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


@pytest.mark.parametrize("client", [None, ("", 0), ("testclient", 1), ("/tmp/socket", 0)])
async def test_a_client_without_an_address_is_served(settings: Settings, client: object) -> None:
    """A socket of the file system has none."""
    app = create_app(settings.model_copy(update={"login_rate": "5/minute"}))
    async with running(app):
        sent = await raw(app, "/api/v1/auth/login/email", [], client=client, method="POST")

    assert sent[0]["status"] == 422


async def test_a_websocket_is_not_let_in_either(settings: Settings) -> None:
    """Doors are doors."""
    app = create_app(settings)
    async with running(app):
        sent = await raw(app, "/api/v1/feed", [], type="websocket", scheme="ws")

    assert [message["type"] for message in sent] == ["websocket.close"]


async def test_a_target_that_is_no_path_is_refused(settings: Settings) -> None:
    """`OPTIONS *` is valid HTTP."""
    app = create_app(settings)
    async with running(app):
        sent = await raw(app, "*", [], method="OPTIONS")

    assert sent[0]["status"] == 401


async def test_keys_are_personal(client: httpx.AsyncClient, ada: dict[str, str]) -> None:
    """Two users at once are not mixed up."""
    grace = await registered(client, GRACE)
    await client.post(KEYS, json={"memo": "ada"}, headers=ada)

    adas, graces = await asyncio.gather(client.get(KEYS, headers=ada), client.get(KEYS, headers=grace))

    assert (len(adas.json()), len(graces.json())) == (1, 0)
