"""E-mails, and mail servers that do not take them."""

import asyncio
import threading
from typing import Any

import pytest
from pydantic import SecretStr

from activerow.types import utc_now
from notification.delivery.email import MailServer
from notification.delivery.failures import TryAgainError
from notification.models import Delivery, Notifications
from notification.settings import Settings
from tests.notification.tools.deliveries import MAIL, delivered, noted, owner
from tests.notification.tools.mailbox import Mailbox


@pytest.fixture
def mailing(prepared: Settings, mailbox: Mailbox) -> Settings:
    """Settings with the mail server `mailbox`."""
    return prepared.model_copy(update={"smtp_url": SecretStr(mailbox.url), "mail_from": "shop@example.org"})


async def test_the_message_is_what_was_asked_for(mailing: Settings, mailbox: Mailbox) -> None:
    """Addresses, subject and text in any language; headers that machines expect."""
    payload = {
        "to": ["grace@example.com", "ada@예시.kr"],
        "subject": "주문 №17 🎁",
        "body": "안녕\n" + "x" * 2000 + "\n.\nend",
    }

    state = await delivered(mailing, await noted(await owner(), payload))

    (message,) = mailbox.messages
    assert (state.status, state.last_error) == (Delivery.sent, None)
    assert mailbox.recipients == [["grace@example.com", "ada@xn--vv4b11d.kr"]]
    assert (message["From"], message["Subject"]) == ("shop@example.org", "주문 №17 🎁")
    assert message.get_content().replace("\r\n", "\n").rstrip("\n") == payload["body"]
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"].startswith(f"<{state.id}.")


async def test_every_attempt_has_the_same_message_id(mailing: Settings, mailbox: Mailbox) -> None:
    """A receiver can tell a repetition."""
    row = await noted(await owner())
    await delivered(mailing, row)
    await row.update(status=Delivery.queued)

    await delivered(mailing, row)

    first, second = mailbox.ids
    assert first == second


async def test_a_header_cannot_be_smuggled_in(mailing: Settings, mailbox: Mailbox) -> None:
    """What the schema refuses is refused again where the message is written."""
    state = await delivered(mailing, await noted(await owner(), MAIL | {"subject": "Hello\r\nBcc: eve@example.com"}))

    assert (state.status, mailbox.messages) == (Delivery.dead, [])


@pytest.mark.parametrize(
    ("refusals", "status", "reason"),
    [
        ({"DATA": "554 spam"}, Delivery.dead, "the mail server refused the message (554)"),
        ({"DATA": "451 later"}, Delivery.failed, "the mail server did not take it (451)"),
        ({"grace@example.com": "550 unknown"}, Delivery.dead, "all 1 recipients refused (550)"),
        ({"grace@example.com": "450 busy"}, Delivery.failed, "1 of 1 recipients refused for now (450)"),
    ],
)
async def test_refusals_for_good_and_for_now(
    mailing: Settings, mailbox: Mailbox, refusals: dict[str, str], status: Delivery, reason: str
) -> None:
    """5xx is dead at once, 4xx is tried again; the owner learns the code."""
    mailbox.refusals = refusals

    state = await delivered(mailing, await noted(await owner()))

    assert (state.status, state.last_error) == (status, reason)
    assert (state.due_at > utc_now()) == (status is Delivery.failed)


async def test_the_next_attempt_is_for_those_who_are_left(mailing: Settings, mailbox: Mailbox) -> None:
    """Nobody gets it twice because somebody else was busy; who was refused for good is named by number."""
    mailbox.refusals = {"busy@example.com": "450 busy", "gone@example.com": "550 gone"}
    row = await noted(await owner(), MAIL | {"to": ["grace@example.com", "busy@example.com", "gone@example.com"]})
    first = (await delivered(mailing, row)).last_error
    mailbox.refusals = {}
    await row.update(status=Delivery.queued)

    state = await delivered(mailing, row)

    assert first == "1 of 3 recipients refused for now (450)"
    assert mailbox.recipients == [["grace@example.com"], ["busy@example.com"]]
    assert (state.status, state.last_error) == (Delivery.sent, "1 of 3 recipients refused")


async def test_a_server_that_is_not_there(prepared: Settings) -> None:
    """Tried again later; after the last attempt it is dead."""
    settings = prepared.model_copy(update={"smtp_url": SecretStr("smtp://127.0.0.1:1"), "max_attempts": 2})
    row = await noted(await owner())
    first = (await delivered(settings, row)).status
    await row.update(status=Delivery.queued)

    state = await delivered(settings, row)

    assert (first, state.status, state.attempts) == (Delivery.failed, Delivery.dead, 2)
    assert state.last_error == "the connection to the mail server failed"


async def test_a_slow_server_is_left(mailing: Settings, mailbox: Mailbox) -> None:
    """An attempt takes DELIVERY_TIMEOUT at most."""
    mailbox.hold = threading.Event()

    state = await delivered(mailing.model_copy(update={"delivery_timeout": 0.3}), await noted(await owner()))
    mailbox.hold.set()

    assert (state.status, state.attempts) == (Delivery.failed, 1)
    assert state.last_error in {"it took longer than 0.3 seconds", "the mail server did not answer in time"}


async def _against(answers: list[bytes], settings: Settings) -> Notifications:
    """The notification after an attempt with a server that says these lines, and then hangs up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            writer.write(answer)
            await reader.readline()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        changed = settings.model_copy(update={"smtp_url": SecretStr(f"smtp://ada:s3cret@127.0.0.1:{port}")})
        return await delivered(changed, await noted(await owner()))


@pytest.mark.parametrize(
    "answers",
    [[], [b"554 go away\r\n"], [b"220 hi\r\n"], [b"220 hi\r\n", b"502 what?\r\n", b"502 what?\r\n"], [b"\xff\xfe\r\n"]],
)
async def test_a_server_that_breaks_off(prepared: Settings, answers: list[bytes]) -> None:
    """Hanging up, refusing us and talking nonsense are no fault of the message: it is tried again."""
    state = await _against(answers, prepared)

    assert state.status is Delivery.failed
    assert "s3cret" not in str(state.last_error)


async def test_a_password_is_not_sent_in_the_clear(prepared: Settings) -> None:
    """A server without STARTTLS gets no log-in: somebody may have taken the offer out."""
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hi\r\n")
        while line := await reader.readline():
            heard.append(line)
            writer.write(b"250-hi\r\n250 AUTH PLAIN LOGIN\r\n" if line.startswith(b"EHLO") else b"221 bye\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        url = f"smtp://ada:s3cret@127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with pytest.raises(TryAgainError):
            await MailServer(url, "shop@example.org", 5).send(_row())

    assert any(line.startswith(b"EHLO") for line in heard)
    assert not any(line.startswith(b"AUTH") for line in heard)


def _row() -> Notifications:
    values: dict[str, Any] = {"id": 1, "payload": MAIL, "created_at": utc_now()}
    return Notifications(**values)
