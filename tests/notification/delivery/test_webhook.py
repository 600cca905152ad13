"""Webhooks, and URLs by which a caller would like to reach what is not theirs."""

import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from notification.delivery.failures import NotDeliveredError, TryAgainError, UndeliverableError
from notification.delivery.webhook import Webhooks
from notification.models import Delivery, Notifications
from notification.settings import Settings
from tests.notification.tools.deliveries import delivered, noted, owner
from tests.notification.tools.mailbox import web_server


def _row(url: str) -> Notifications:
    return Notifications(id=7, payload={"url": url, "text": "Done."})


async def _here(host: str, port: int) -> Sequence[str]:
    return ["127.0.0.1"]


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
