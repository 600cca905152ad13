"""The admin pages: who gets in, what they show and do, and what they never show."""

import asyncio
import re
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from activerow.types import utc_now
from notification.admin.__main__ import commands
from notification.models import Admins, ApiKeys, Delivery, Notifications, RefreshTokens, Users, UserStatus
from notification.settings import Settings
from notification.use_cases.administration import appoint, block, try_again
from tests.notification.service import ADA, GRACE, everything_logged, registered, serving, settings_for

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


async def _act(client: httpx.AsyncClient, path: str) -> httpx.Response:
    token = client.cookies["starlette_admin_csrftoken"]
    return await client.post(f"/admin/_api/{path}", headers={"X-CSRFToken": token})


@pytest.mark.parametrize("path", ["/", "/users/list", "/users/detail?pk=1", "/notifications/list", "/api-keys/list"])
async def test_strangers_are_sent_to_the_log_in_page(client: httpx.AsyncClient, path: str) -> None:
    """No page is shown without a session."""
    answer = await client.get(f"/admin{path}")

    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/admin/login")


async def test_an_admin_gets_in(client_on_backend: httpx.AsyncClient) -> None:
    """The pages are there on every backend, with search, filters and sorting."""
    client = client_on_backend
    await _admin(client)

    for path in ("/", "/users/list?q=ada&sort=email__asc", "/notifications/list", "/api-keys/list?q=x"):
        assert (await client.get(f"/admin{path}")).status_code == 200
    assert "ada@example.com" in (await client.get("/admin/users/list?q=ada")).text


async def test_the_cookie_is_kept_from_scripts_and_other_sites(tmp_path: Path) -> None:
    """Signed, HttpOnly, for /admin and this site alone; in production over HTTPS alone."""
    async with serving(settings_for(tmp_path, environment="production")) as client:
        await registered(client, ADA)
        await appoint(ADA["email"])
        answer = await _log_in(client)

    (cookie,) = [c for c in answer.headers.get_list("set-cookie") if c.startswith("admin_session=")]
    assert {"httponly", "samesite=strict", "secure", "path=/admin"} <= {p.strip().lower() for p in cookie.split(";")}


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


async def test_no_secret_is_shown(client: httpx.AsyncClient, settings: Settings) -> None:
    """Neither password hashes nor keys' secrets nor what notifications say are on any page."""
    ada = await _admin(client)
    await ApiKeys.create(user_id=ada.id, access_key="AK1", secret=b"hunter2-secret")
    values = {"channel": "email", "payload": {"text": "hunter2-payload"}, "fingerprint": "hunter2-print"}
    await Notifications.create({"user_id": ada.id, **values})

    pages = [
        (await client.get(f"/admin/{key}/{page}")).text
        for key in ("users", "api-keys", "notifications")
        for page in ("list", "detail?pk=1", "detail/1")
    ]

    assert "AK1" in "".join(pages)
    assert [word for word in ("hunter2", "$argon2", "fingerprint") if word in "".join(pages)] == []
    assert ADA["email"] not in everything_logged(settings)


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
    """At once and everywhere: tokens are refused and revoked. Unblocking lets the user in again."""
    client = client_on_backend
    await _admin(client)
    headers = await registered(client, GRACE)
    grace = await Users.filter_by(email=GRACE["email"]).one()
    await RefreshTokens.create(user_id=grace.id, family="f", digest="d", expires_at=utc_now())

    await _act(client, f"users/row-action?name=block&pk={grace.id}")

    assert (await client.get("/api/v1/users/me", headers=headers)).status_code == 401
    assert await RefreshTokens.filter_by(user_id=grace.id, revoked_at=None).count() == 0
    await _act(client, f"users/row-action?name=unblock&pk={grace.id}")
    assert (await client.get("/api/v1/users/me", headers=headers)).status_code == 200


async def test_nobody_blocks_themselves(client: httpx.AsyncClient) -> None:
    """The last admin would be out."""
    ada = await _admin(client)

    answer = await _act(client, f"users/row-action?name=block&pk={ada.id}")

    assert answer.status_code == 400
    assert "your own account" in answer.text
    assert (await Users.get(ada.id)).status is UserStatus.active


@pytest.mark.parametrize(
    "path",
    ["users/create", "users/edit?pk=1", "_api/users/export", "users/import"],
)
async def test_nothing_is_written_or_carried_away(client: httpx.AsyncClient, path: str) -> None:
    """There are no forms, no exports and no imports."""
    await _admin(client)

    answer = await client.get(f"/admin/{path}")

    assert answer.status_code in {403, 404, 405}


@pytest.mark.parametrize(
    "path",
    [
        "users/detail?pk=abc",
        "users/detail?pk=99999999999999999999",
        "users/list?q=%00",
        "users/list?page=x&page_size=-1&sort=pw__asc&sort=x",
        "users/list?filter=%7B",
        "nothing/list",
    ],
)
async def test_odd_requests_get_clean_answers(client_on_backend: httpx.AsyncClient, path: str) -> None:
    """Never a 500 for what somebody typed."""
    await _admin(client_on_backend)

    answer = await client_on_backend.get(f"/admin/{path}")

    assert answer.status_code < 500
    assert "Traceback" not in answer.text


async def test_pages_cannot_be_framed_or_kept(client: httpx.AsyncClient) -> None:
    """Headers say so, on the log-in page too."""
    answer = await client.get("/admin/login")

    assert (answer.headers["x-frame-options"], answer.headers["cache-control"]) == ("DENY", "no-store")
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


async def test_a_user_can_be_blocked_once(client: httpx.AsyncClient) -> None:
    """The second of two admins is told that the status has changed."""
    ada = await _admin(client)
    grace = await Users.create(email="grace@example.com")

    assert await block(grace.id, by=ada.id)
    assert not await block(grace.id, by=ada.id)


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
