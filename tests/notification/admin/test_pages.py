"""The admin pages: who gets in, what they show and do, and what they never show."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest
from typer.testing import CliRunner

from activerow.types import utc_now
from notification.admin.__main__ import commands
from notification.app import create_app
from notification.models import Admins, ApiKeys, Delivery, Notifications, RefreshTokens, Users, UserStatus, db
from notification.security.known_keys import KnownKeys
from notification.settings import Settings
from notification.use_cases.administration import appoint, block, try_again
from tests.notification.tools.service import (
    ADA,
    GRACE,
    Key,
    everything_logged,
    lines,
    registered,
    running,
    serving,
    settings_for,
)

PAGES = ("/", "/users/list", "/users/detail?pk=1", "/notifications/list", "/api-keys/list")
_NOTHING: Mapping[str, str] = {}
_TOKEN = re.compile(r'name="csrftoken" value="([^"]+)"')


async def _token(client: httpx.AsyncClient) -> str:
    found = _TOKEN.search((await client.get("/admin/login", follow_redirects=True)).text)
    return found[1] if found else client.cookies["starlette_admin_csrftoken"]


async def _log_in(client: httpx.AsyncClient, who: dict[str, str] = ADA) -> httpx.Response:
    form = {"username": who["email"], "password": who["pw"], "csrftoken": await _token(client)}
    return await client.post("/admin/login", data=form)


async def _admin(client: httpx.AsyncClient) -> Users:
    """Ada, registered, appointed and logged in."""
    await registered(client, ADA)
    ada = await appoint(ADA["email"])
    assert ada
    assert (await _log_in(client)).status_code == 303
    return ada


async def _act(client: httpx.AsyncClient, path: str, headers: Mapping[str, str] = _NOTHING) -> httpx.Response:
    token = {"X-CSRFToken": client.cookies["starlette_admin_csrftoken"]}
    return await client.post(f"/admin/_api/{path}", headers={**token, **headers})


@pytest.mark.parametrize("path", PAGES)
async def test_strangers_are_sent_to_the_log_in_page(client: httpx.AsyncClient, path: str) -> None:
    """No page is shown without a session."""
    answer = await client.get(f"/admin{path}")

    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/admin/login")


async def test_an_admin_gets_in(client_on_backend: httpx.AsyncClient) -> None:
    """The same pages are there on every backend."""
    client = client_on_backend
    await _admin(client)

    assert [(await client.get(f"/admin{path}")).status_code for path in PAGES] == [200] * len(PAGES)


@pytest.mark.parametrize(
    ("chosen", "shown"),
    [
        ("q=EXAMPLE", ["grace", "ada"]),
        ("q=lovelace", ["ada"]),
        ("q=%25", []),  # a sign like others
        ("sort=email__asc", ["ada", "grace"]),
        ("filter=status__eq=blocked", ["grace"]),
        ("filter=status__in=active,blocked&q=ada", ["ada"]),
        ("filter=created_at__after=2020-01-01T00:00", ["grace", "ada"]),
        ("filter=created_at__before=2020-01-01T00:00%2B09:00", []),
    ],
)
async def test_rows_are_searched_sorted_and_filtered(
    client_on_backend: httpx.AsyncClient, chosen: str, shown: list[str]
) -> None:
    """By what the address says; the newest come first."""
    ada = await _admin(client_on_backend)
    await ada.update(name="Ada Lovelace")
    await Users.create(email="grace@example.com", status=UserStatus.blocked)

    page = (await client_on_backend.get(f"/admin/users/list?{chosen}")).text

    assert re.findall(r">\s*(\w+)@example.com\s*</span>", page) == shown


async def test_rows_of_one_user_are_found(client_on_backend: httpx.AsyncClient) -> None:
    """By the e-mail, which is what the lists show of a user."""
    ada = await _admin(client_on_backend)
    grace = await Users.create(email="grace@example.com")
    for user in (ada, grace):
        await Notifications.create(user_id=user.id, channel="email", payload={}, fingerprint="-")

    page = (await client_on_backend.get("/admin/notifications/list?filter=user__of=GRACE")).text

    assert re.findall(r">(\w+)@example.com</a>", page) == ["grace"]


@pytest.mark.parametrize("environment", ["staging", "production"])
async def test_the_cookie_is_kept_from_scripts_and_other_sites(tmp_path: Path, environment: str) -> None:
    """Signed, HttpOnly, for /admin and this site alone; where it is not a developer's, over HTTPS alone."""
    async with serving(settings_for(tmp_path, environment=environment)) as client:
        await registered(client, ADA)
        await appoint(ADA["email"])
        answer = await _log_in(client)

    (cookie,) = [c for c in answer.headers.get_list("set-cookie") if c.startswith("admin_session=")]
    assert {"httponly", "samesite=strict", "secure", "path=/admin"} <= {p.strip().lower() for p in cookie.split(";")}


async def test_a_log_in_begins_a_session_of_its_own(client: httpx.AsyncClient) -> None:
    """A cookie that somebody else put into the browser before is replaced, and still opens nothing."""
    await registered(client, ADA)
    await appoint(ADA["email"])
    client.cookies.set("admin_session", "chosen", domain="service.local", path="/admin")

    answer = await _log_in(client)

    assert re.search(r"^admin_session=(?!chosen)\S+;", answer.headers["set-cookie"], re.MULTILINE)
    assert (await client.get("/admin/")).status_code == 200
    client.cookies.clear()
    assert (await client.get("/admin/", headers={"cookie": "admin_session=chosen"})).status_code == 303


async def test_attempts_to_log_in_are_counted(settings: Settings) -> None:
    """Those from one address together, whoever is meant; the page says how long to wait, to admins too."""
    async with serving(settings.model_copy(update={"login_rate": "3/minute"})) as client:
        await registered(client, ADA)
        await appoint(ADA["email"])
        await _log_in(client, GRACE)
        await _log_in(client, {"email": "no e-mail", "pw": "x"})
        answer = await _log_in(client)

    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= 60
    assert "Too many requests" in answer.text
    assert 'name="password"' in answer.text
    assert "admin_session" not in client.cookies


async def test_attempts_from_everywhere_count_for_the_account(settings: Settings) -> None:
    """Another address does not help."""
    app = create_app(settings.model_copy(update={"login_rate": "2/minute"}))
    async with running(app) as client:
        await registered(client, ADA)
        await _log_in(client, ADA | {"pw": "wrong"})
        transport = httpx.ASGITransport(app, client=("192.0.2.7", 40000))
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as elsewhere:
            answer = await _log_in(elsewhere)

    assert answer.status_code == 429


async def test_a_body_is_as_short_as_everywhere(settings: Settings) -> None:
    """Told or counted, one that is too long is not read."""
    async with serving(settings.model_copy(update={"max_body_bytes": 1000})) as client:
        form = {"csrftoken": await _token(client), "username": "ada", "password": "x" * 1000}
        told = await client.post("/admin/login", data=form)
        counted = await client.post(
            "/admin/login",
            content=_in_pieces(urlencode(form).encode()),
            headers={"content-type": "application/x-www-form-urlencoded"},
        )

    assert [told.status_code, counted.status_code] == [413, 413]


async def _in_pieces(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 400):
        yield body[start : start + 400]


@pytest.mark.parametrize("pw", [ADA["pw"], "wrong", "", "x" * 5000, "\x00"])
async def test_users_who_are_no_admins_do_not_get_in(client: httpx.AsyncClient, pw: str) -> None:
    """A right password and a wrong one get the same answer."""
    await registered(client, ADA)

    answer = await _log_in(client, ADA | {"pw": pw})

    assert answer.status_code == 400
    assert "The e-mail or the password is wrong." in answer.text
    assert "admin_session" not in client.cookies


@pytest.mark.parametrize("end", ["dismissed", "blocked", "new password"])
async def test_a_session_ends_with_its_reason(client: httpx.AsyncClient, end: str) -> None:
    """Whoever is no admin any more, is blocked or has a new password is asked to log in at the next click."""
    ada = await _admin(client)

    match end:
        case "dismissed":
            await Admins.filter_by(user_id=ada.id).delete()
        case "blocked":
            await ada.update(status=UserStatus.blocked)
        case _:
            await ada.update(pw="another")

    assert (await client.get("/admin/users/list")).status_code == 303


async def test_a_forged_cookie_is_nobody(client: httpx.AsyncClient) -> None:
    """A changed cookie has no session."""
    await _admin(client)
    genuine = client.cookies["admin_session"]
    client.cookies.clear()

    answer = await client.get("/admin/users/list", headers={"cookie": f"admin_session={genuine[:-2]}xx"})

    assert answer.status_code == 303


async def test_another_site_cannot_act(client: httpx.AsyncClient) -> None:
    """Without the token of a page nothing is done, log-in and log-out included."""
    await _admin(client)
    grace = await Users.create(email="grace@example.com")

    answers = [
        await client.post(f"/admin/_api/users/row-action?name=block&pk={grace.id}"),
        await client.post("/admin/login", data={"username": "x", "password": "y"}),
        await client.post("/admin/logout"),
    ]

    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert (await Users.get(grace.id)).status is UserStatus.active


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://other.service"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site", "origin": "http://service"},
    ],
    ids=lambda headers: "-".join(headers.values()),
)
async def test_a_token_is_of_no_use_elsewhere(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    """A page of another origin that got hold of one is refused all the same; a page of ours is not."""
    await _admin(client)
    grace = await Users.create(email="grace@example.com")

    refused = await _act(client, f"users/row-action?name=block&pk={grace.id}", headers)
    assert (await Users.get(grace.id)).status is UserStatus.active
    ours = {"origin": "http://service", "sec-fetch-site": "same-origin"}
    done = await _act(client, f"users/row-action?name=block&pk={grace.id}", ours)

    assert (refused.status_code, done.status_code) == (403, 200)


async def test_no_secret_is_shown(settings: Settings) -> None:
    """Neither password hashes nor keys' secrets nor what notifications say are on any page, or in the log."""
    async with serving(settings) as client:
        ada = await _admin(client)
        await ApiKeys.create(user_id=ada.id, access_key="AK1", secret=b"hunter2-secret")
        values = {"channel": "email", "payload": {"text": "hunter2-payload"}, "fingerprint": "hunter2-print"}
        await Notifications.create({"user_id": ada.id, **values})
        answers = [
            await client.get(f"/admin/{key}/{page}")
            for key in ("users", "api-keys", "notifications")
            for page in ("list", "detail?pk=1")
        ]
        await _log_in(client, GRACE)

    pages = "".join(answer.text for answer in answers)
    assert {answer.status_code for answer in answers} == {200}
    assert "AK1" in pages
    assert [word for word in ("hunter2", "$argon2", "fingerprint") if word in pages] == []
    assert [text for text in (ADA["email"], ADA["pw"], GRACE["email"]) if text in everything_logged(settings)] == []


async def test_only_dead_notifications_are_tried_again(client_on_backend: httpx.AsyncClient) -> None:
    """They wait anew, with all their attempts; others stay as they are."""
    ada = await _admin(client_on_backend)
    values: dict[str, object] = {"user_id": ada.id, "channel": "email", "payload": {}, "fingerprint": "-"}
    dead = await Notifications.create({**values, "status": Delivery.dead, "attempts": 5})
    sent = await Notifications.create({**values, "status": Delivery.sent, "attempts": 1})

    answer = await _act(client_on_backend, f"notifications/action?name=retry&pks={dead.id}&pks={sent.id}&pks=x")

    dead, sent = await Notifications.get(dead.id), await Notifications.get(sent.id)
    assert answer.status_code in {200, 303}
    assert (dead.status, dead.attempts, sent.status) == (Delivery.queued, 0, Delivery.sent)
    assert await try_again([dead.id]) == 0


async def test_a_blocked_user_is_out(client_on_backend: httpx.AsyncClient) -> None:
    """At once and everywhere: tokens are refused and revoked. Unblocked, the user may log in again."""
    client = client_on_backend
    await _admin(client)
    headers = await registered(client, GRACE)
    grace = await Users.filter_by(email=GRACE["email"]).one()
    await RefreshTokens.create(user_id=grace.id, family="f", digest="d", expires_at=utc_now())

    await _act(client, f"users/row-action?name=block&pk={grace.id}")

    assert (await client.get("/api/v1/users/me", headers=headers)).status_code == 401
    assert await RefreshTokens.filter_by(user_id=grace.id, revoked_at=None).count() == 0
    await _act(client, f"users/row-action?name=unblock&pk={grace.id}")
    assert (await client.get("/api/v1/users/me", headers=headers)).status_code == 401
    assert (await client.post("/api/v1/auth/login/email", json=GRACE)).status_code == 200


async def test_keys_of_a_blocked_user_open_nothing_at_once(client: httpx.AsyncClient) -> None:
    """Although the service knew a moment ago that they do; those of a user who is let in again do at once, too."""
    await _admin(client)
    headers = await registered(client, GRACE)
    key = await Key.of(client, headers)
    grace = await Users.filter_by(email=GRACE["email"]).one()

    answers = [await key.call(client)]
    for action in ("block", "unblock"):
        await _act(client, f"users/row-action?name={action}&pk={grace.id}")
        answers.append(await key.call(client))

    assert [answer.status_code for answer in answers] == [200, 401, 200]


async def test_a_dead_notification_is_tried_again_by_its_button(client: httpx.AsyncClient) -> None:
    """Only a dead one has the button, and once."""
    ada = await _admin(client)
    values: dict[str, object] = {"user_id": ada.id, "channel": "email", "payload": {}, "fingerprint": "-"}
    later = utc_now() + timedelta(hours=1)
    dead = await Notifications.create({**values, "status": Delivery.dead, "attempts": 5})
    sent = await Notifications.create({**values, "status": Delivery.sent, "due_at": later})

    answers = [await _act(client, f"notifications/row-action?name=retry_one&pk={row.id}") for row in (dead, sent)]

    assert [answer.status_code for answer in answers] == [200, 400]
    assert [(await Notifications.get(row.id)).status is row.status for row in (dead, sent)] == [False, True]


async def test_nobody_blocks_themselves(client: httpx.AsyncClient) -> None:
    """The last admin would be out."""
    ada = await _admin(client)

    answer = await _act(client, f"users/row-action?name=block&pk={ada.id}")

    assert answer.status_code == 400
    assert "your own account" in answer.text
    assert (await Users.get(ada.id)).status is UserStatus.active


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("users/create", 403),
        ("users/edit?pk=2", 403),
        ("_api/users/import", 403),
        ("_api/users/inline-edit?pk=2&field=name", 403),
        ("_api/users/action?name=export&pks=2", 400),
        ("_api/users/action?name=delete&pks=2", 400),
        ("_api/users/row-action?name=delete&pk=2", 400),
        ("_api/users/row-action?name=edit&pk=2", 400),
    ],
)
async def test_nothing_is_written_or_carried_away(client: httpx.AsyncClient, path: str, status: int) -> None:
    """There are no forms, no exports and no imports, whoever asks for them."""
    await _admin(client)
    grace = await Users.create(email="grace@example.com")
    token = client.cookies["starlette_admin_csrftoken"]

    answer = await client.post(f"/admin/{path}", data={"name": "Mallory"}, headers={"X-CSRFToken": token})

    assert answer.status_code == status
    assert grace.email not in answer.text
    assert (await Users.get(grace.id)).name is None


ODD = {
    "users/detail?pk=abc": 404,
    "users/detail?pk=99999999999999999999": 404,
    "users/detail": 404,
    "users/list?q=%00": 200,
    "users/list?page=x&page_size=-1&sort=pw__asc&sort=x": 400,
    "users/list?page=99999999999999999999": 400,
    "users/list?filter=%7B": 400,
    "users/list?filter=pw__startswith=x": 400,
    "users/list?filter=status__eq=nonsense": 200,
    "users/list?filter=created_at__after=0001-01-01T00:00%2B23:59": 400,
    "nothing/list": 404,
}


async def test_odd_requests_get_clean_answers(client_on_backend: httpx.AsyncClient) -> None:
    """What somebody typed is never the service's fault."""
    await _admin(client_on_backend)

    answers = {path: await client_on_backend.get(f"/admin/{path}") for path in ODD}

    assert {path: answer.status_code for path, answer in answers.items()} == ODD
    assert all("<html" in answer.text for answer in answers.values())


async def test_a_number_beyond_all_numbers_gets_a_clean_answer(client_on_backend: httpx.AsyncClient) -> None:
    """No attempts are that many; MySQL's drivers cannot send infinity, and say so."""
    await _admin(client_on_backend)

    answer = await client_on_backend.get("/admin/notifications/list?filter=attempts__eq=1e400")

    assert answer.status_code == (400 if db.dialect == "mysql" else 200)
    assert "<html" in answer.text


@pytest.mark.parametrize("pk", ["abc", "99999999999999999999", "4711", ""])
@pytest.mark.parametrize("action", ["users/row-action?name=block", "notifications/row-action?name=retry_one"])
async def test_acting_on_no_row_does_nothing(client: httpx.AsyncClient, action: str, pk: str) -> None:
    """A word says so."""
    await _admin(client)

    answer = await _act(client, f"{action}&pk={pk}")

    assert (answer.status_code, "msg" in answer.json()) == (400, True)


async def test_pages_cannot_be_framed_or_kept(client: httpx.AsyncClient) -> None:
    """Headers say so, on the log-in page too."""
    answer = await client.get("/admin/login")

    assert (answer.headers["x-frame-options"], answer.headers["cache-control"]) == ("DENY", "no-store")
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


async def test_a_file_of_the_pages_asks_nobody(settings: Settings) -> None:
    """The database has no work with it, and the log names all files by one path."""
    async with serving(settings) as client:
        await _admin(client)
        answer = await client.get("/admin/static/admin.css")

    (line,) = [line for line in lines(settings, "app") if "static" in line.get("path", "")]
    assert answer.headers["content-type"].startswith("text/css")
    assert (line["path"], line["queries"]) == ("/admin/static/{path}", 0)


async def test_a_user_can_be_blocked_once(client: httpx.AsyncClient) -> None:
    """The second of two admins is told that the status has changed."""
    ada = await _admin(client)
    grace = await Users.create(email="grace@example.com")

    assert await block(grace.id, KnownKeys(), by=ada.id)
    assert not await block(grace.id, KnownKeys(), by=ada.id)


def test_the_first_admin_is_made_by_a_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`python -m notification.admin add ada@example.com`; a user who has not registered is a line and exit code 1."""
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'service.db'}")
    runner = CliRunner()

    async def prepare() -> None:
        async with serving(settings_for(tmp_path)) as client:
            await registered(client, ADA)

    asyncio.run(prepare())

    made = runner.invoke(commands, ["add", "ADA@example.com"])
    unknown = runner.invoke(commands, ["add", "grace@example.com"])

    assert (made.exit_code, made.output) == (0, "user 1 may now log in at /admin\n")
    assert (unknown.exit_code, "register first" in unknown.output) == (1, True)
