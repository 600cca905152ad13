"""Little work for the caller, much for the service."""

import json
import re
import time
from collections.abc import Awaitable

import bcrypt
import httpx
import pytest

from notification.app import create_app
from notification.models import Users
from notification.ops.logs import mask
from notification.settings import Settings
from tests.notification.tools.service import ADA, SERVICES, Key, everything_logged, raw, refusal, registered, running

ME = "/api/v1/users/me"
LOGIN = "/api/v1/auth/login/email"


@pytest.mark.parametrize(
    ("start", "part"),
    [
        ("", "A"),
        ("", "eyJ"),
        ("", "-eyJ"),
        ("", "eyJa.eyJ"),
        ("", "."),
        ("", "a@"),
        ("x@", "a"),
        ("x@", "a."),
        ("", "-refresh_"),
    ],
)
def test_masking_takes_as_long_as_the_text_is(start: str, part: str) -> None:
    """Not as long as its square: the whole process waits meanwhile. Ten seconds it was for sixty thousand letters."""

    def work(letters: int) -> float:
        return min(_processor_seconds(start + part * (letters // len(part))) for _ in range(3))

    # Sixteen times the text: 16 times the work, or 256 times.
    assert work(32_000) < 64 * work(2_000)


def _processor_seconds(text: str) -> float:
    """What masking it costs; what else the machine does is not in it."""
    began = time.thread_time()
    mask(text)
    return time.thread_time() - began


async def test_a_long_method_is_cut(settings: Settings) -> None:
    """HTTP lets a caller invent methods of any length."""
    app = create_app(settings)
    async with running(app):
        sent = await raw(app, "/health", [], method="A" * 60_000)

    assert sent[0]["status"] == 405
    assert max(len(run) for run in re.findall("A+", everything_logged(settings))) == 20


async def test_a_thousand_faults_are_told_in_part(client: httpx.AsyncClient, ada: dict[str, str]) -> None:
    """An answer is not larger than the question, and does not repeat all of it."""
    many = json.dumps({f"k{number}": 1 for number in range(1_900)})
    long = json.dumps({"k" * 200_000: 1})

    answers = [await client.patch(ME, content=body, headers=ada | {"content-type": "application/json"})
               for body in (many, long)]  # fmt: skip

    assert [refusal(answer) for answer in answers] == [(422, "validation_error")] * 2
    assert max(len(answer.content) for answer in answers) < 10_000
    assert len(answers[0].json()["errors"]) == 20


async def test_a_long_password_is_not_hashed(client: httpx.AsyncClient, ada: dict[str, str]) -> None:
    """To register, to log in, and to change: refused by its length."""
    for long in ("x" * 1025, "x" * 900_000):
        answers = [
            await client.post("/api/v1/auth/register/email", json={"email": "eve@example.com", "pw": long}),
            await client.post(LOGIN, json=ADA | {"pw": long}),
            await client.put(f"{ME}/password", json={"old_pw": long, "new_pw": "x"}, headers=ada),
            await client.put(f"{ME}/password", json={"old_pw": ADA["pw"], "new_pw": long}, headers=ada),
        ]

        assert {refusal(answer) for answer in answers} == {(422, "validation_error")}


async def test_any_other_password_is_right_or_wrong(client: httpx.AsyncClient) -> None:
    """Also for hashes of the old days, whose algorithm reads 72 bytes and no NUL."""
    await Users.create(email="old@example.com", pw=bcrypt.hashpw(b"old", bcrypt.gensalt(4)).decode())
    for number, password in enumerate(("비" * 1024, "a\x00b", "\x00")):
        credentials = {"email": f"u{number}@example.com", "pw": password}
        await registered(client, credentials)

        right = await client.post(LOGIN, json=credentials)
        wrong = await client.post(LOGIN, json={"email": "old@example.com", "pw": password})

        assert (right.status_code, wrong.status_code) == (200, 401)


EMAILS = (
    "a" * 100_000,
    "a@" * 50_000,
    "a" * 50_000 + "@" + "b" * 50_000,
    "a@" + "a." * 50_000,
    "(" * 100_000,
    " " * 100_000 + "@x.kr",
    "a@xn--" + "a" * 2_000,
)
NUMBERS = ("+" + "1 " * 200_000, "(" * 400_000, "1" * 400_000 + "x")


async def test_no_text_takes_long_to_be_refused(client: httpx.AsyncClient, ada: dict[str, str]) -> None:
    """Neither an e-mail, nor a phone number, nor a network."""
    path = f"{ME}/apikeys/1/whitelists"
    for email in EMAILS:
        assert await _work(client.post(LOGIN, json={"email": email, "pw": "x"})) < _MUCH
    for number in NUMBERS:
        assert await _work(client.patch(ME, json={"phone_number": number}, headers=ada)) < _MUCH
        assert await _work(client.post(path, json={"ip_addr": number}, headers=ada)) < _MUCH


_MUCH = 2.0  # seconds of the processor: a few milliseconds are usual, and what backtracks takes minutes


async def _work(asked: Awaitable[httpx.Response]) -> float:
    began = time.thread_time()
    assert (await asked).status_code == 422
    return time.thread_time() - began


async def test_no_header_takes_long_to_read(settings: Settings) -> None:
    """Sixty thousand letters are as much as a line of HTTP may have."""
    app = create_app(settings.model_copy(update={"trusted_proxies": ("192.0.2.7/32",)}))
    async with running(app):
        for header in (b"forwarded", b"x-forwarded-for", b"accept", b"x-request-id", b"authorization", b"cookie"):
            for value in (b"for=" * 15_000, b"; " * 30_000, b"," * 60_000, b'"' * 60_000, b" " * 60_000):
                began = time.thread_time()
                sent = await raw(app, "/", [(header, value)])
                assert sent[0]["status"] == 200
                assert time.thread_time() - began < _MUCH


async def test_a_page_has_a_size(client: httpx.AsyncClient, ada: dict[str, str]) -> None:
    """Two hundred at most."""
    key = await Key.of(client, ada)
    for size in ("0", "-1", "201", "1000000", "1e9", "nan", ""):
        query = key.query(size=size)

        answer = await client.get(f"{SERVICES}/notifications?{query}", headers=key.sign(query))

        assert refusal(answer) == (422, "validation_error")
