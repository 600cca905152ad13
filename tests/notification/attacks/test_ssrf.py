"""Webhooks into networks that are not the caller's."""

from collections.abc import Callable, Sequence
from ipaddress import ip_address

import httpx
import pytest

from notification.delivery.addresses import GuardedTransport, Lookup, check_url, is_public
from notification.delivery.failures import UndeliverableError
from notification.delivery.webhook import Webhooks
from notification.errors import WebhookRefusedError
from notification.models import Delivery, Notifications
from notification.settings import Settings
from tests.notification.tools.deliveries import delivered, noted, owner
from tests.notification.tools.mailbox import web_server


def _noting(reached: list[httpx.Request]) -> Callable[[httpx.Request], httpx.Response]:
    """A server that keeps its requests."""

    def serve(request: httpx.Request) -> httpx.Response:
        reached.append(request)
        return httpx.Response(200)

    return serve


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://127.8.8.8/",
        "http://10.0.0.1/",
        "http://172.16.0.1/",
        "http://192.168.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://100.64.0.1/",
        "http://0.0.0.0/",
        "http://224.0.0.1/",
        "http://240.0.0.1/",
        "http://255.255.255.255/",
        "http://192.0.0.8/",
        "http://198.18.0.1/",
        "http://203.0.113.1/",
        "http://[::1]/",
        "http://[::]/",
        "http://[fe80::1]/",
        "http://[fe80::1%25eth0]/",
        "http://[fc00::1]/",
        "http://[fec0::1]/",
        "http://[ff02::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:7f00:1]/",
        "http://[::127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[64:ff9b:1::7f00:1]/",
        "http://[2002:7f00:1::]/",
        "http://[2001:0:7f00:1::]/",
        "http://[2001:db8::1]/",
        "http://2130706433/",
        "http://017700000001/",
        "http://0x7f000001/",
        "http://0x7f.1/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://127.0.0.1./",
        "http://8.8.2056/",
        "http://１２７.０.０.１/",
        "http://127。0。0。1/",
        "http://example.com:22/",
        "http://example.com:6379/",
        "http://example.com:0/",
        "http://example.com:99999/",
        "http://ada:pw@example.com/",
        "http://example.com@127.0.0.1/",
        "http://127.0.0.1\\@example.com/",
        "http://example.com/\r\nHost: localhost",
        "http://exa mple.com/",
        "http:///path",
        "http://",
        "//example.com/",
        "example.com",
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "javascript:alert(1)",
        "http://[::1",
        "http://" + "a" * 2000 + ".com/",
    ],
)
async def test_urls_that_are_refused_as_they_stand(url: str) -> None:
    """Private addresses in every spelling, odd ports, users, other schemes, and what is no URL."""
    with pytest.raises(WebhookRefusedError):
        check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com/services/T0/B0?x=1",
        "http://example.com",
        "http://8.8.8.8/",
        "https://[2606:4700::1111]:8443/",
        "http://example.com:8000/",
        "https://예시.kr/",
    ],
)
def test_urls_that_are_called(url: str) -> None:
    """Names and public addresses on usual ports."""
    assert check_url(url).scheme == url.partition(":")[0]


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.1.2.3", "::1", "::ffff:10.0.0.1", "fe80::1", "224.0.0.251", "64:ff9b::a00:1"]
)
async def test_a_name_with_a_private_address_is_refused(address: str) -> None:
    """Also when another of its addresses is public; nothing is connected to."""
    reached: list[httpx.Request] = []
    inner = httpx.MockTransport(_noting(reached))

    async def lookup(host: str, port: int) -> Sequence[str]:
        return ["93.184.215.14", address]

    transport = GuardedTransport(inner, lookup, allow_private=False)
    with pytest.raises(WebhookRefusedError):
        await transport.handle_async_request(httpx.Request("POST", "http://example.com/"))

    assert reached == []


async def test_the_connection_goes_to_the_address_that_was_checked() -> None:
    """A name that is public when it is checked and private a moment later gains nothing: it is asked once."""
    reached: list[httpx.Request] = []
    inner = httpx.MockTransport(_noting(reached))
    answers = [["93.184.215.14"], ["127.0.0.1"]]

    async def lookup(host: str, port: int) -> Sequence[str]:
        return answers.pop(0)

    transport = GuardedTransport(inner, lookup, allow_private=False)
    await transport.handle_async_request(httpx.Request("POST", "https://rebinding.example/hook"))

    (request,) = reached
    assert str(request.url) == "https://93.184.215.14/hook"
    assert request.headers["host"] == "rebinding.example"
    assert request.extensions["sni_hostname"] == "rebinding.example"
    assert len(answers) == 1


async def test_a_private_webhook_is_dead_at_once(prepared: Settings) -> None:
    """What passed the first check, or was written before there was one, is checked again when it is sent."""
    row = await noted(await owner(), {"url": "http://localhost:8080/", "text": "Done."}, channel="webhook")

    state = await delivered(prepared, row)

    assert (state.status, state.last_error) == (Delivery.dead, "the address of the webhook is not allowed")


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:4700::1111"])
def test_public_addresses_are_public(address: str) -> None:
    """The check refuses not simply everything."""
    assert is_public(ip_address(address))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirection_into_private_networks_is_not_followed(prepared: Settings, status: int) -> None:
    """Nor any other: the address that was checked is the address that is called."""
    async with web_server() as secret:
        head = f"HTTP/1.1 {status} X\r\nLocation: {secret.url}\r\nContent-Length: 0\r\n\r\n"
        async with web_server(head.encode()) as server:
            row = await noted(await owner(), {"url": server.url, "text": "Done."}, channel="webhook")
            state = await delivered(prepared.model_copy(update={"webhook_allow_private": True}), row)

    assert (state.status, secret.requests, len(server.requests)) == (Delivery.dead, [], 1)


async def test_a_name_that_leads_to_this_machine_is_not_called(prepared: Settings) -> None:
    """By the system's own resolver: what no look at the URL can tell."""
    async with web_server() as server:
        sender = Webhooks(5, lookup=_always("127.0.0.1"))
        for name in ("localhost", "rebound.example"):
            with pytest.raises(UndeliverableError):
                await sender.send(Notifications(id=1, payload={"url": f"http://{name}:8080/", "text": "Done."}))
        await sender.aclose()

    assert server.requests == []


def _always(address: str) -> Lookup:
    async def lookup(host: str, port: int) -> Sequence[str]:
        return [address]

    return lookup


async def test_no_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch, prepared: Settings) -> None:
    """A proxy would resolve the name itself, and differently."""
    async with web_server() as server, web_server() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        row = await noted(await owner(), {"url": server.url, "text": "Done."}, channel="webhook")
        await delivered(prepared.model_copy(update={"webhook_allow_private": True}), row)

    assert (len(server.requests), proxy.requests) == (1, [])
