"""A signature over other parameters than those that are read."""

import base64
from collections.abc import Callable
from hashlib import sha256

import httpx
import pytest
from fastapi import FastAPI, Request

from notification.app import create_app
from notification.settings import Settings
from tests.notification.tools.service import ADA, SERVICES, Key, refusal, registered, running


@pytest.mark.parametrize("timestamp", ["now", "-1", "1.5", "1e9", "0x1", " 1", "1" * 13, "१२३", "1_000", "+1"])
async def test_a_timestamp_is_digits(client: httpx.AsyncClient, key: Key, timestamp: str) -> None:
    """What else Python might take for a number is not."""
    assert refusal(await key.call(client, key.query(timestamp=timestamp))) == (400, "timestamp_malformed")


async def test_what_is_missing_is_a_400(client: httpx.AsyncClient, key: Key) -> None:
    """Key, timestamp and signature, absent or empty."""
    answers = [
        await client.get(SERVICES),
        await client.get(SERVICES, headers={"secret": "x"}),
        await client.get(f"{SERVICES}?{key.query()}"),
        await client.get(f"{SERVICES}?{key.query()}", headers={"secret": ""}),
        await key.call(client, "key=" + key.access_key),
        await key.call(client, "timestamp=1790000000"),
        await key.call(client, key.query(key="")),
    ]

    assert {refusal(answer) for answer in answers} == {(400, "signature_missing")}


@pytest.mark.parametrize("again", ["key=x", "%6Bey=x", "timestamp=1", "digest=", "key"])
async def test_what_signs_is_there_once(client: httpx.AsyncClient, key: Key, again: str) -> None:
    """Of two keys one reader would take the first and another the last."""
    query = key.query(digest="0" * 64) + "&" + again

    assert refusal(await key.call(client, query)) == (400, "parameter_repeated")


async def test_two_signatures_arerefusal(client: httpx.AsyncClient, key: Key) -> None:
    """A right one beside a wrong one as well."""
    query = key.query()
    headers = [("secret", key.sign(query)["secret"]), ("secret", "wrong")]

    assert refusal(await client.get(f"{SERVICES}?{query}", headers=headers)) == (400, "parameter_repeated")


async def test_other_parameters_may_be_repeated(client: httpx.AsyncClient, key: Key) -> None:
    """They are signed like all that is sent."""
    assert (await key.call(client, key.query() + "&status=a&status=b")).status_code == 200


async def test_the_body_can_be_signed(settings: Settings) -> None:
    """With its digest in the query string, a changed body is refused and does not use the signature up."""
    app: FastAPI = create_app(settings)

    @app.post(f"{SERVICES}/echo")
    async def echo(request: Request) -> str:
        return (await request.body()).decode()

    async with running(app) as client:
        key = await Key.of(client, await registered(client, ADA))
        query = key.query(digest=sha256(b"pay 1").hexdigest().upper())
        path = f"{SERVICES}/echo?{query}"
        changed = await client.post(path, content=b"pay 1000", headers=key.sign(query))
        right = await client.post(path, content=b"pay 1", headers=key.sign(query))

    assert refusal(changed) == (401, "body_changed")
    assert right.json() == "pay 1"


@pytest.mark.parametrize("digest", ["", "x", "g" * 64, "0" * 63])
async def test_a_digest_is_one(client: httpx.AsyncClient, key: Key, digest: str) -> None:
    """A digest that is none is not passed over."""
    assert refusal(await key.call(client, key.query(digest=digest))) == (400, "digest_malformed")


CHANGES: tuple[Callable[[str], str], ...] = (
    lambda query: "&".join(reversed(query.split("&"))),
    lambda query: query + "&size=200",
    lambda query: query + "&",
    lambda query: "&" + query,
    lambda query: query.replace("timestamp", "%74imestamp"),
    lambda query: query.replace("nonce", "NONCE"),
    lambda query: query.replace("=", "%3D"),
    lambda query: query.replace("&nonce=", "&nonce=0"),
    lambda query: query.partition("&nonce")[0],
    lambda query: query + "%00",
    lambda query: query + "+",
)


async def test_what_was_not_signed_letter_by_letter_is_refused(client: httpx.AsyncClient, key: Key) -> None:
    """Another order, other spelling, more, less: what means the same is not the same. It uses nothing up."""
    for change in CHANGES:
        query = key.query()
        headers = key.sign(query)
        request = client.build_request("GET", f"http://service{SERVICES}", headers=headers)
        request.url = httpx.URL("http://service").copy_with(raw_path=f"{SERVICES}?{change(query)}".encode())

        changed = await client.send(request)
        unchanged = await client.get(f"{SERVICES}?{query}", headers=headers)

        assert changed.status_code in {400, 401}
        assert unchanged.status_code == 200


async def test_a_value_cannot_slip_into_the_next_parameter(client: httpx.AsyncClient, key: Key) -> None:
    """A value with `&` in it is a value, where it is signed encoded: `status=dead` is not asked for."""
    query = key.query(note="x&status=dead")

    answer = await client.get(f"{SERVICES}/notifications?{query}", headers=key.sign(query))
    slipped = await client.get(f"{SERVICES}/notifications?{query.replace('%26', '&')}", headers=key.sign(query))

    assert answer.status_code == 200
    assert refusal(slipped) == (401, "signature_invalid")


async def test_a_body_without_a_digest_is_not_covered(client: httpx.AsyncClient, key: Key) -> None:
    """As the documentation says: who wants it covered signs its digest, and then an empty body is another one."""
    query, digested = key.query(), key.query(digest=sha256(b'{"a": 1}').hexdigest())

    free = await client.post(f"{SERVICES}/email?{query}", headers=key.sign(query), json={"b": 2})
    emptied = await client.post(f"{SERVICES}/email?{digested}", headers=key.sign(digested))

    assert free.status_code == 422  # past the door
    assert refusal(emptied) == (401, "body_changed")


@pytest.mark.parametrize("timestamp", ["9" * 12, "0", "000000000000"])
async def test_a_time_far_away_is_refused(client: httpx.AsyncClient, key: Key, timestamp: str) -> None:
    """Digits that no clock shows."""
    assert refusal(await key.call(client, key.query(timestamp=timestamp))) == (401, "signature_expired")


async def test_a_signature_has_one_form(client: httpx.AsyncClient, key: Key) -> None:
    """Or the same one could be used again in another."""
    query = key.query()
    made = base64.b64decode(key.sign(query)["secret"])
    forms = (made.hex(), base64.urlsafe_b64encode(made).decode().rstrip("="), base64.b64encode(made).decode() + "=")

    answers = [await client.get(f"{SERVICES}?{query}", headers={"secret": form}) for form in forms]

    assert {refusal(answer) for answer in answers} == {(401, "signature_invalid")}
