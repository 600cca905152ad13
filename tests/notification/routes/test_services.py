"""Asking for notifications over HTTP."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from notification.app import create_app
from notification.models import Delivery, Notifications
from notification.settings import Settings
from tests.notification.tools.callers import calls_of, new_key
from tests.notification.tools.deliveries import MAIL, noted
from tests.notification.tools.mailbox import Mailbox, mail_server, web_server
from tests.notification.tools.service import everything_logged, running, settings_for

EMAIL = "/api/v1/services/email"
WEBHOOK = "/api/v1/services/webhook"
KAKAO = "/api/v1/services/kakao"
LIST = "/api/v1/services/notifications"


@asynccontextmanager
async def calling(settings: Settings) -> AsyncGenerator[httpx.AsyncClient]:
    """A client with a key, of a service with these settings."""
    app = create_app(settings)
    async with running(app) as client:
        yield calls_of(client, await new_key())


@pytest.fixture
async def caller(settings: Settings, mailbox: Mailbox) -> AsyncIterator[httpx.AsyncClient]:
    """A client with a key, of a service that sends e-mails to `mailbox`."""
    async with calling(settings.model_copy(update={"smtp_url": SecretStr(mailbox.url)})) as client:
        yield client


async def until(is_so: Callable[[dict[str, Any]], bool], client: httpx.AsyncClient, number: int) -> dict[str, Any]:
    """The notification as soon as `is_so`."""
    state: dict[str, Any] = {}
    async with asyncio.timeout(20):
        while not (state and is_so(state)):
            await asyncio.sleep(0.01)
            state = (await client.get(f"{LIST}/{number}")).json()
    return state


async def test_an_email_is_accepted_and_delivered(database_url: str, tmp_path: Path) -> None:
    """202 at once; a moment later it is in the mailbox, and its state says so."""
    with mail_server() as mailbox:
        async with calling(settings_for(tmp_path, database_url=database_url, smtp_url=mailbox.url)) as client:
            answer = await client.post(EMAIL, json=MAIL)
            state = await until(lambda it: it["status"] == "sent", client, answer.json()["id"])

    assert (answer.status_code, answer.json()) == (202, {"id": state["id"], "status": "queued"})
    assert (state["channel"], state["attempts"], state["last_error"]) == ("email", 1, None)
    assert state["sent_at"] >= state["created_at"]
    assert [message["Subject"] for message in mailbox.messages] == ["Hello"]


async def test_a_webhook_is_called(tmp_path: Path) -> None:
    """The text arrives as JSON."""
    async with web_server() as server, calling(settings_for(tmp_path, webhook_allow_private=True)) as client:
        answer = await client.post(WEBHOOK, json={"url": server.url, "text": "Done."})
        await until(lambda it: it["status"] == "sent", client, answer.json()["id"])

    (request,) = server.requests
    assert request.startswith(b"POST /hook HTTP/1.1\r\n")
    assert request.endswith(b'{"text":"Done."}')


async def test_kakao_goes_to_the_url_of_the_settings(tmp_path: Path) -> None:
    """With the installation's key."""
    async with web_server() as server:
        settings = settings_for(tmp_path, kakao_api_url=server.url, kakao_api_key="k4k40")
        async with calling(settings) as client:
            answer = await client.post(KAKAO, json={"to": "010-1234-5678", "message": "안녕"})
            await until(lambda it: it["status"] == "sent", client, answer.json()["id"])

    (request,) = server.requests
    assert b"authorization: bearer k4k40\r\n" in request.lower()
    assert '{"to":"010-1234-5678","message":"안녕"}'.encode() in request


@pytest.mark.parametrize(("path", "body"), [(EMAIL, MAIL), (KAKAO, {"to": "010-1234-5678", "message": "Hello"})])
async def test_what_is_not_configured_is_not_offered(settings: Settings, path: str, body: dict[str, Any]) -> None:
    """Better now than never delivered."""
    async with calling(settings) as client:
        answer = await client.post(path, json=body)

    assert (answer.status_code, answer.json()["code"]) == (400, "4000030")


async def test_in_development_emails_are_files(tmp_path: Path) -> None:
    """`make run` shows what would be sent, in LOG_DIR/outbox."""
    settings = settings_for(tmp_path, environment="development")
    async with calling(settings) as client:
        answer = await client.post(EMAIL, json=MAIL)
        await until(lambda it: it["status"] == "sent", client, answer.json()["id"])

    (file,) = (settings.log_dir / "outbox").iterdir()
    assert "Subject: Hello" in file.read_text()


@pytest.mark.parametrize(
    ("path", "change"),
    [
        (EMAIL, {"to": []}),
        (EMAIL, {"to": [f"u{number}@example.com" for number in range(51)]}),
        (EMAIL, {"to": ["nobody"]}),
        (EMAIL, {"to": ["a@example.com\r\nBcc: b@example.com"]}),
        (EMAIL, {"to": ["a@example.com, b@example.com"]}),
        (EMAIL, {"subject": "Hello\r\nBcc: eve@example.com"}),
        (EMAIL, {"subject": "Hello\nBcc: eve@example.com"}),
        (EMAIL, {"subject": "Hello\u2028Bcc: eve@example.com"}),
        (EMAIL, {"subject": "Hello\u0085Bcc: eve@example.com"}),
        (EMAIL, {"subject": " "}),
        (EMAIL, {"subject": "x" * 201}),
        (EMAIL, {"body": ""}),
        (EMAIL, {"body": "\x00"}),
        (EMAIL, {"body": "x" * 100_001}),
        (EMAIL, {"bcc": ["eve@example.com"]}),
        (KAKAO, {"message": None}),
        (KAKAO, {"template": "hello"}),
        (KAKAO, {"to": "me"}),
        (WEBHOOK, {"text": ""}),
    ],
)
async def test_what_cannot_be_sent_is_refused(caller: httpx.AsyncClient, path: str, change: dict[str, Any]) -> None:
    """422 for what is missing, too much, or could become something else on its way."""
    bodies: dict[str, dict[str, Any]] = {
        EMAIL: MAIL,
        KAKAO: {"to": "010-1234-5678", "message": "Hello"},
        WEBHOOK: {"url": "https://example.com", "text": "Hello"},
    }

    answer = await caller.post(path, json=bodies[path] | change)

    assert (answer.status_code, answer.json()["code"]) == (422, "4220001")
    assert await Notifications.query().count() == 0


@pytest.mark.parametrize("subject", ["가격\u00a0표", "👩\u200d💻", " Hello "])
async def test_a_line_may_have_any_letters(caller: httpx.AsyncClient, subject: str) -> None:
    """Spaces that do not break and emoji of several parts are text; only what breaks a line is not."""
    answer = await caller.post(EMAIL, json=MAIL | {"subject": subject})

    assert answer.status_code == 202


async def test_half_a_character_is_no_text(caller: httpx.AsyncClient) -> None:
    """JSON may hold what no message can."""
    body = rb'{"to": ["grace@example.com"], "subject": "Hello", "body": "\ud800"}'

    answer = await caller.post(EMAIL, content=body, headers={"content-type": "application/json"})

    assert answer.status_code == 422


@pytest.mark.parametrize("url", ["http://127.0.0.1/", "http://169.254.169.254/latest/meta-data", "file:///etc/passwd"])
async def test_a_webhook_into_private_networks_is_refused_at_once(caller: httpx.AsyncClient, url: str) -> None:
    """What the URL itself shows is told to the caller."""
    answer = await caller.post(WEBHOOK, json={"url": url, "text": "Hello"})

    assert (answer.status_code, answer.json()["code"]) == (422, "4220030")


async def test_nobody_sends_without_a_key(settings: Settings) -> None:
    """Every route refuses a caller without one."""
    async with calling(settings) as client:
        client.auth = httpx.Auth()
        answers = [
            await client.post(EMAIL, json=MAIL),
            await client.post(KAKAO, json={}),
            await client.post(WEBHOOK, json={}),
            await client.get(LIST),
            await client.get(f"{LIST}/1"),
        ]

    assert [answer.status_code for answer in answers] == [400] * 5  # not signed


async def test_a_repeated_request_sends_nothing_twice(caller: httpx.AsyncClient, mailbox: Mailbox) -> None:
    """The same Idempotency-Key: the same answer, also when the first e-mail is long delivered."""
    headers = {"Idempotency-Key": "order-17"}
    first = await caller.post(EMAIL, json=MAIL, headers=headers)
    await until(lambda it: it["status"] == "sent", caller, first.json()["id"])

    second = await caller.post(EMAIL, json=MAIL, headers=headers)

    assert (second.status_code, second.json()) == (202, first.json())
    assert await Notifications.query().count() == 1
    assert len(mailbox.messages) == 1


@pytest.mark.parametrize("path_and_body", [(EMAIL, MAIL | {"body": "Bye."}), (WEBHOOK, None)])
async def test_a_key_means_one_request(caller: httpx.AsyncClient, path_and_body: tuple[str, Any]) -> None:
    """Another body, or another channel, with the same key is a conflict."""
    path, body = path_and_body
    headers = {"Idempotency-Key": "order-17"}
    await caller.post(EMAIL, json=MAIL, headers=headers)

    answer = await caller.post(path, json=body or {"url": "https://example.com", "text": "Hello"}, headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (409, "4090030")


async def test_a_key_is_its_owners(caller: httpx.AsyncClient) -> None:
    """Two users may choose the same Idempotency-Key, and learn nothing of each other."""
    headers = {"Idempotency-Key": "order-17"}
    first = await caller.post(EMAIL, json=MAIL, headers=headers)
    calls_of(caller, await new_key("grace"))

    second = await caller.post(EMAIL, json=MAIL | {"body": "Bye."}, headers=headers)

    assert second.status_code == 202
    assert second.json()["id"] != first.json()["id"]


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "ä", "a b"])
async def test_an_odd_idempotency_key_is_refused(caller: httpx.AsyncClient, key: str) -> None:
    """1 to 255 visible ASCII characters."""
    answer = await caller.post(EMAIL, json=MAIL, headers={b"Idempotency-Key": key.encode()})

    assert answer.status_code == 422


async def test_of_concurrent_duplicates_one_is_sent(database_url: str, tmp_path: Path) -> None:
    """The unique constraint decides; all get the same answer."""
    with mail_server() as mailbox:
        async with calling(settings_for(tmp_path, database_url=database_url, smtp_url=mailbox.url)) as client:
            headers = {"Idempotency-Key": "order-17"}
            answers = await asyncio.gather(*(client.post(EMAIL, json=MAIL, headers=headers) for _ in range(6)))
            await until(lambda it: it["status"] == "sent", client, answers[0].json()["id"])
            assert await Notifications.query().count() == 1

    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(mailbox.messages) == 1


async def test_a_broker_that_is_away_refuses_nobody(tmp_path: Path) -> None:
    """The notification is in the outbox, and a worker's sweeper finds it there."""
    async with calling(settings_for(tmp_path, broker_url="redis://127.0.0.1:1", webhook_allow_private=True)) as client:
        answer = await client.post(WEBHOOK, json={"url": "http://127.0.0.1:1/", "text": "Done."})
        state = (await client.get(f"{LIST}/{answer.json()['id']}")).json()

    assert (answer.status_code, state["status"], state["attempts"]) == (202, "queued", 0)


async def test_other_owners_notifications_are_not_there(caller: httpx.AsyncClient) -> None:
    """404, as for an id that does not exist; and the list has the caller's own only."""
    theirs = (await caller.post(EMAIL, json=MAIL)).json()["id"]
    calls_of(caller, await new_key("grace"))

    foreign, missing = await caller.get(f"{LIST}/{theirs}"), await caller.get(f"{LIST}/{theirs + 1}")

    assert (foreign.status_code, foreign.json()["code"]) == (404, "4040001")
    assert foreign.json() == missing.json()
    assert (await caller.get(LIST)).json()["items"] == []


@pytest.mark.parametrize("number", ["0", "-1", "x", "2147483648", "9" * 40])
async def test_an_id_that_cannot_be_is_refused(caller: httpx.AsyncClient, number: str) -> None:
    """422, whatever the server's integers are like."""
    assert (await caller.get(f"{LIST}/{number}")).status_code == 422


async def test_the_list_is_walked_by_cursors(database_url: str, tmp_path: Path) -> None:
    """Latest first, page after page, nothing twice and nothing left out."""
    async with calling(settings_for(tmp_path, database_url=database_url)) as client:
        key = await new_key("grace")
        user = key.user
        for _ in range(5):
            await noted(user, status=Delivery.sent)
        calls_of(client, key)
        seen: list[int] = []
        page: dict[str, Any] = {}
        cursor: dict[str, str] = {}
        for _ in range(3):
            page = (await client.get(LIST, params={"size": "2"} | cursor)).json()
            seen += [item["id"] for item in page["items"]]
            cursor = {"cursor": page["next"] or ""}

    assert seen == sorted(seen, reverse=True)
    assert len(set(seen)) == 5
    assert page["next"] is None


async def test_the_list_can_be_filtered(caller: httpx.AsyncClient) -> None:
    """By status, channel and time."""
    key = await new_key("grace")
    user = key.user
    old = await noted(user, status=Delivery.sent, created_at=datetime(2024, 1, 1, tzinfo=UTC))
    dead = await noted(user, status=Delivery.dead, channel="webhook", payload={})
    calls_of(caller, key)

    async def found(**params: str) -> list[int]:
        return [item["id"] for item in (await caller.get(LIST, params=params)).json()["items"]]

    assert await found() == [dead.id, old.id]
    assert await found(status="dead") == [dead.id]
    assert await found(channel="email") == [old.id]
    assert await found(since="2024-01-02T00:00:00Z") == [dead.id]
    assert await found(since="2024-01-01T00:00:00Z", until="2024-01-02T00:00:00+09:00") == [old.id]


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"cursor": "nonsense"}, "4220006"),
        ({"size": "0"}, "4220001"),
        ({"size": "201"}, "4220001"),
        ({"status": "lost"}, "4220001"),
        ({"since": "yesterday"}, "4220001"),
        ({"since": "0"}, "4220001"),
        ({"since": "0001-01-01T00:00:00+14:00"}, "4220004"),
        ({"until": "9999-12-31T23:59:59-14:00"}, "4220004"),
        ({"until": "1790000000.5"}, "4220001"),
        ({"since": "2024-01-01T00:00:00"}, "4220001"),
    ],
)
async def test_an_odd_filter_is_refused(caller: httpx.AsyncClient, params: dict[str, str], code: str) -> None:
    """422 for what is no filter, and for a time that is nobody's."""
    answer = await caller.get(LIST, params=params)

    assert (answer.status_code, answer.json()["code"]) == (422, code)


async def test_logs_tell_no_addresses_and_no_texts(settings: Settings, mailbox: Mailbox) -> None:
    """Who was written what stays between sender and recipient."""
    mailbox.refusals["DATA"] = "554 no, grace@example.com"
    async with calling(settings.model_copy(update={"smtp_url": SecretStr(mailbox.url)})) as client:
        answer = await client.post(EMAIL, json=MAIL | {"body": "a secret text"})
        state = await until(lambda it: it["status"] == "dead", client, answer.json()["id"])

    logged = everything_logged(settings)
    assert '"notification": 1' in logged
    assert "grace@" not in logged + state["last_error"]
    assert "a secret text" not in logged
