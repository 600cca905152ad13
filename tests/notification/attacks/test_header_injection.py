"""Line breaks in headers and values, and headers that name hosts and addresses."""

import re

import httpx
import pytest
from pydantic import SecretStr

from notification.app import create_app
from notification.models import Delivery
from notification.settings import Settings
from tests.notification.tools.deliveries import MAIL, delivered, noted, owner
from tests.notification.tools.mailbox import Mailbox
from tests.notification.tools.service import ADA, KEYS, Key, lines, raw, refusal, registered, running, serving


async def test_line_breaks_go_nowhere(settings: Settings) -> None:
    """Neither an id, a path nor an address can add a header to an answer or a line to a log."""
    evil = b"x\r\nset-cookie: evil=1"
    headers = [(b"x-request-id", evil), (b"x-forwarded-for", evil), (b"authorization", b"Bearer " + evil)]
    app = create_app(settings)
    async with running(app):
        answers = [
            await raw(app, '/api/v1/users/me\r\n{"level": "INFO"}', headers),
            await raw(app, "/health/\r\nset-cookie: evil=1/", headers),
            await raw(app, "/api/v1/services\r\nx", [*headers, (b"secret", evil)], query_string=b"key=%0d%0a&a\r\n"),
        ]

    names = [name.lower() for sent in answers for name, _ in sent[0]["headers"]]
    values = b"".join(value for sent in answers for _, value in sent[0]["headers"])
    assert b"set-cookie" not in names
    assert b"\r" not in values
    assert b"\n" not in values
    assert [line["message"] for line in lines(settings, "app") if "INFO" in line["message"]]


async def test_a_redirect_names_no_host(client: httpx.AsyncClient) -> None:
    """What a caller writes into `Host` is not where anybody is sent, not by a cache either."""
    locations = [
        (await client.get(path, headers={b"host": host.encode()})).headers["location"]
        for path in ("/health/", "/api/v1/auth/google/authorize/", "/admin", "/admin/", "/admin/users/list")
        for host in ("evil.example", "evil.example/x", "evil.example#", "evil.example?x", "[", "", "a@b")
    ]

    assert {location.partition("?")[0] for location in locations} == {
        "/health",
        "/api/v1/auth/google/authorize",
        "/admin/",
        "/admin/login",
    }


async def test_a_path_does_not_become_a_host(client: httpx.AsyncClient) -> None:
    """Two slashes at the front would."""
    for path in ("//evil.example/", "/\\evil.example/", "//evil.example/%2e%2e/", "///evil.example//", "//health/"):
        request = client.build_request("GET", "http://service/")
        request.url = httpx.URL("http://service").copy_with(raw_path=path.encode())

        answer = await client.send(request)

        assert answer.status_code == 404
        assert "location" not in answer.headers


async def test_only_hosts_that_are_named_are_answered(settings: Settings) -> None:
    """With TRUSTED_HOSTS; the port does not count, and what a proxy is said to have been asked for neither."""
    async with serving(settings.model_copy(update={"trusted_hosts": ("api.example.com",)})) as client:
        statuses = {
            host: (
                await client.get("/health", headers={b"host": host.encode(), b"x-forwarded-host": b"api.example.com"})
            )
            for host in ("api.example.com", "api.example.com:8000", "evil.example", "api.example.com.evil.example", "")
        }

    assert {host: answer.status_code for host, answer in statuses.items()} == {
        "api.example.com": 200,
        "api.example.com:8000": 200,
        "evil.example": 400,
        "api.example.com.evil.example": 400,
        "": 400,
    }


async def test_an_odd_request_id_is_replaced(client: httpx.AsyncClient) -> None:
    """It comes back in a header and in every log line."""
    for sent in ("a" * 65, "a b", "a\tb", "é", "\x1b[31m", "a;b", "", '"', "<script>", "a,b"):
        answer = await client.get("/health", headers={b"x-request-id": sent.encode()})

        assert re.fullmatch("[0-9a-f]{32}", answer.headers["x-request-id"])


async def test_a_name_cannot_add_headers_to_an_email(mailbox: Mailbox, prepared: Settings) -> None:
    """Whatever once got into the outbox, what leaves it has the headers of the service and no others."""
    evil = MAIL | {"subject": "Hello\r\nBcc: eve@example.com", "to": ["grace@example.com\r\nBcc: eve@example.com"]}
    settings = prepared.model_copy(update={"smtp_url": SecretStr(mailbox.url)})
    user = await owner()

    states = [await delivered(settings, await noted(user, MAIL | {name: evil[name]})) for name in ("subject", "to")]

    assert {state.status for state in states} == {Delivery.dead}
    assert mailbox.messages == []


@pytest.mark.parametrize("host", ["127.0.0.1", "10.0.0.1"])
async def test_an_allow_list_is_not_passed_by_a_header(settings: Settings, host: str) -> None:
    """Neither `X-Forwarded-For` nor its relatives say where a caller is, unless a proxy is trusted."""
    names = ("x-forwarded-for", "x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip", "x-forwarded", "via")
    app = create_app(settings)
    async with running(app) as client:
        ada = await registered(client, ADA)
        key = await Key.of(client, ada)
        await client.post(f"{KEYS}/{key.id}/whitelists", json={"ip_addr": host}, headers=ada)
        elsewhere = httpx.ASGITransport(app, client=("192.0.2.7", 1))
        async with httpx.AsyncClient(transport=elsewhere, base_url="http://service") as caller:
            caller.headers.update(dict.fromkeys(names, host) | {"forwarded": f"for={host}"})
            answer = await key.call(caller)

    assert refusal(answer) == (401, "signature_invalid")
