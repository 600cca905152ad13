"""Webhooks, and URLs by which a caller would like to reach what is not theirs."""

import ssl
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from notification.delivery.addresses import GuardedTransport, check_url, is_public
from notification.delivery.failures import NotDeliveredError, TryAgainError, UndeliverableError
from notification.delivery.webhook import Webhooks
from notification.errors import WebhookRefusedError
from notification.models import Delivery, Notifications
from notification.settings import Settings
from tests.notification.deliveries import delivered, noted, owner
from tests.notification.mailbox import web_server


def _row(url: str) -> Notifications:
    return Notifications(id=7, payload={"url": url, "text": "Done."})


def _noting(reached: list[httpx.Request]) -> Callable[[httpx.Request], httpx.Response]:
    """A server that keeps its requests."""

    def serve(request: httpx.Request) -> httpx.Response:
        reached.append(request)
        return httpx.Response(200)

    return serve


async def _here(host: str, port: int) -> Sequence[str]:
    return ["127.0.0.1"]


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


async def test_the_server_sees_the_name(tmp_path: Path) -> None:
    """`Host` is what the URL says, whichever address that led to."""
    async with web_server() as server:
        webhooks = Webhooks(5, allow_private=True, lookup=_here)
        await webhooks.send(_row(f"http://hooks.example:{server.port}/a?b=c"))
        await webhooks.aclose()

    (request,) = server.requests
    assert request.startswith(b"POST /a?b=c HTTP/1.1\r\n")
    assert f"host: hooks.example:{server.port}\r\n".encode() in request.lower()
    assert b"idempotency-key: notification-7\r\n" in request.lower()


def _certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """TLS for a server with this name, and for a client that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    file = folder / "server.pem"
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(pem) + private)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    return server, ssl.create_default_context(cafile=file)


@pytest.mark.parametrize(("name", "arrives"), [("hooks.example", True), ("other.example", False)])
async def test_the_certificate_must_be_the_names(tmp_path: Path, name: str, arrives: bool) -> None:
    """Connecting to an address does not weaken TLS: the certificate is checked against the URL's name."""
    for_server, for_client = _certificate(tmp_path, "hooks.example")
    async with web_server(ssl=for_server) as server:
        webhooks = Webhooks(5, allow_private=True, lookup=_here, tls=for_client)
        try:
            await webhooks.send(_row(f"https://{name}:{server.port}/"))
        except TryAgainError:
            assert not arrives
        await webhooks.aclose()

    assert len(server.requests) == arrives


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, None),
        (204, None),
        (301, UndeliverableError),
        (307, UndeliverableError),
        (400, UndeliverableError),
        (404, UndeliverableError),
        (410, UndeliverableError),
        (408, TryAgainError),
        (429, TryAgainError),
        (500, TryAgainError),
        (503, TryAgainError),
    ],
)
async def test_what_the_answers_mean(status: int, kind: type[NotDeliveredError] | None) -> None:
    """4xx is for good, except "slower"; 5xx is for now; a redirection is not followed."""
    answer = f"HTTP/1.1 {status} X\r\nLocation: /elsewhere\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n"
    caught: NotDeliveredError | None = None
    async with web_server(answer.encode()) as server:
        webhooks = Webhooks(5, allow_private=True)
        try:
            await webhooks.send(_row(server.url))
        except NotDeliveredError as error:
            caught = error
        await webhooks.aclose()

    assert len(server.requests) == 1
    assert (type(caught) if caught else None) is kind
    assert not isinstance(caught, TryAgainError) or caught.after == 120


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 2_000_000,
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 99999 ?\r\n\r\n",
    ],
)
async def test_a_server_that_does_not_answer(prepared: Settings, answer: bytes) -> None:
    """Silence, headers without end and nonsense cost no more than the timeout, and are tried again."""
    async with web_server(answer) as server:
        settings = prepared.model_copy(update={"webhook_allow_private": True, "delivery_timeout": 0.5})
        row = await noted(await owner(), {"url": server.url, "text": "Done."}, channel="webhook")
        state = await delivered(settings, row)

    assert (state.status, state.attempts) == (Delivery.failed, 1)


async def test_a_large_answer_is_not_read() -> None:
    """The status is enough."""
    endless = b"HTTP/1.1 200 OK\r\nContent-Length: 100000000000\r\n\r\n" + b"x" * 100_000
    async with web_server(endless) as server:
        webhooks = Webhooks(5, allow_private=True)
        await webhooks.send(_row(server.url))
        await webhooks.aclose()

    assert len(server.requests) == 1


async def test_a_private_webhook_is_dead_at_once(prepared: Settings) -> None:
    """What passed the first check, or was written before there was one, is checked again when it is sent."""
    row = await noted(await owner(), {"url": "http://localhost:8080/", "text": "Done."}, channel="webhook")

    state = await delivered(prepared, row)

    assert (state.status, state.last_error) == (Delivery.dead, "the address of the webhook is not allowed")


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:4700::1111"])
def test_public_addresses_are_public(address: str) -> None:
    """The check refuses not simply everything."""
    assert is_public(ip_address(address))
