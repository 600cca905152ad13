"""The whole story, with a server of its own and real HTTP, on each database."""

import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from examples.signed_call import signed_query
from tests.notification.test_process import address_of, started_service
from tests.notification.tools.mailbox import Mailbox, mail_server
from tests.notification.tools.service import ADA, KEYS, SERVICES

pytestmark = pytest.mark.backends("sqlite", "asyncpg", "asyncmy")

AUTH, ME = "/api/v1/auth", "/api/v1/users/me"
MAILS = 3


class Caller:
    """Another service, which has a key."""

    def __init__(self, client: httpx.Client, key: dict[str, Any]) -> None:
        self.client, self.names = client, (key["access_key"], key["secret_key"])

    def post(self, path: str, body: str) -> httpx.Response:
        """Send a body, signed with it."""
        query, signature = signed_query(*self.names, body.encode())
        headers = {"secret": signature, "content-type": "application/json"}
        return self.client.post(f"{SERVICES}{path}?{query}", content=body, headers=headers)

    def get(self, path: str) -> httpx.Response:
        """Ask, signed."""
        query, signature = signed_query(*self.names)
        return self.client.get(f"{SERVICES}{path}?{query}", headers={"secret": signature})


def _arrived(mailbox: Mailbox) -> threading.Event:
    """Set when all e-mails are there."""
    arrived = threading.Event()

    def count(number: int) -> None:
        if number == MAILS:
            arrived.set()

    mailbox.on_message = count
    return arrived


def test_from_registering_to_leaving(database_url: str, tmp_path: Path) -> None:
    """Register, log in, make a key, send signed e-mails, see them arrive, rotate tokens, delete the account."""
    with mail_server() as mailbox:
        arrived = _arrived(mailbox)
        service = started_service(tmp_path, DATABASE_URL=database_url, SMTP_URL=mailbox.url, ENVIRONMENT="test")
        with service as (_, line), httpx.Client(base_url=address_of(line), timeout=60) as client:
            registered = client.post(f"{AUTH}/register/email", json=ADA)
            tokens = client.post(f"{AUTH}/login/email", json=ADA).json()
            headers = {"authorization": f"Bearer {tokens['access_token']}"}
            key = client.post(KEYS, json={"memo": "orders"}, headers=headers)
            caller = Caller(client, key.json())

            mails = [
                caller.post("/email", f'{{"to": ["bob{n}@example.com"], "subject": "안녕 {n}", "body": "Hello"}}')
                for n in range(MAILS)
            ]
            assert arrived.wait(60)
            listed = caller.get("/notifications")

            rotated = client.post(f"{AUTH}/refresh", json={"refresh_token": tokens["refresh_token"]})
            stolen = client.post(f"{AUTH}/refresh", json={"refresh_token": tokens["refresh_token"]})
            gone = client.delete(ME, headers=headers)
            after = [client.get(ME, headers=headers), caller.get("")]
            again = client.post(f"{AUTH}/register/email", json=ADA)

    assert (registered.status_code, key.status_code, rotated.status_code, gone.status_code) == (201, 201, 200, 204)
    assert [mail.status_code for mail in mails] == [202] * MAILS
    assert sorted(message["Subject"] for message in mailbox.messages) == [f"안녕 {n}" for n in range(MAILS)]
    assert {item["id"] for item in listed.json()["items"]} == {mail.json()["id"] for mail in mails}
    assert (stolen.status_code, stolen.json()["type"]) == (401, "refresh_token_reused")
    assert [answer.status_code for answer in after] == [401, 401]
    assert again.status_code == 201
