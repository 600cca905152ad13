"""What stands at `/`: a page for browsers, one line for everybody else."""

import re
from datetime import timedelta

import httpx
import pytest

from activerow.types import utc_now
from notification.app import create_app
from notification.models import Base, Notifications, Users, db
from notification.settings import Settings
from tests.notification.tools.service import listening, running
from tests.tools.chromium import Browse, Look, in_browser

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
LINE = re.compile(r"Notification API \(UTC: \d{4}\.\d\d\.\d\d \d\d:\d\d:\d\d\)")


@pytest.mark.parametrize(
    "accept",
    ["*/*", "text/plain", "application/json", "text/html;q=0", "text/plain, text/html;q=0.5", "text/html;q=x", ""],
)
async def test_everybody_else_gets_the_line(client: httpx.AsyncClient, accept: str) -> None:
    """curl and programs read exactly one line, and no database is asked."""
    answer = await client.get("/", headers={"accept": accept})

    assert LINE.fullmatch(answer.text)
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert "Accept" in answer.headers["vary"]


async def test_a_browser_gets_the_page(client: httpx.AsyncClient) -> None:
    """It says that all is well, and what kind of page it is; no script can run in it."""
    answer = await client.get("/", headers={"accept": BROWSER})

    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "All is well." in answer.text
    assert "Version 0.1.0" in answer.text
    assert "<script" not in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none';")


async def test_links_of_the_page_lead_somewhere(client: httpx.AsyncClient) -> None:
    """Each of them is answered."""
    page = (await client.get("/", headers={"accept": BROWSER})).text

    links = re.findall(r'<a href="([^"]+)"', page)
    assert "docs" in links
    assert [(await client.get(f"/{link}")).status_code for link in links] == [200] * len(links)


async def test_the_page_says_that_the_queue_is_behind(client: httpx.AsyncClient) -> None:
    """A notification that has been due for long is something to look after."""
    user = await Users.create(email="ada@example.com")
    due = utc_now() - timedelta(hours=1)
    await Notifications.create(user_id=user.id, channel="email", payload={}, fingerprint="-", due_at=due)

    page = (await client.get("/", headers={"accept": BROWSER})).text

    assert "is behind" in page
    assert "Something is wrong" in page


async def test_the_page_is_there_without_a_database(settings: Settings) -> None:
    """It says what does not answer, and not why."""
    async with running(create_app(settings)) as client:
        async with db.transaction() as session:
            await (await session.connection()).run_sync(Base.metadata.drop_all)
        answer = await client.get("/", headers={"accept": BROWSER})

    assert answer.status_code == 200
    assert "does not answer" in answer.text
    assert "unknown" in answer.text
    assert "no such table" not in answer.text


@in_browser
async def test_a_real_browser_shows_it(settings: Settings, browse: Browse, look: Look) -> None:
    """By day and by night, on a screen and on a phone."""
    async with listening(settings) as address:
        for colors in ("light", "dark"):
            async with browse(address, colors) as page:
                await page.goto("/")
                await look(page, f"status-{colors}")
                ground = await page.evaluate("getComputedStyle(document.body).backgroundColor")

                assert await page.get_by_role("status").inner_text() == "All is well."
                assert ground == {"light": "rgb(246, 247, 249)", "dark": "rgb(18, 21, 27)"}[colors]
