"""What stands at `/`: a page for browsers, one line for everybody else."""

import asyncio
import os
import re
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from activerow.types import utc_now
from notification.app import create_app
from notification.models import Base, Notifications, Users, db
from notification.settings import Settings
from tests.notification.service import running

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

    links = re.findall(r'href="([^"]+)"', page)
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


def _chromium() -> str:
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    reason = "no Chromium was found: pages are not looked at in a browser"
    if os.environ.get("ACTIVEROW_REQUIRE_BACKENDS") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def _dom(browser: str, address: str, profile: Path) -> str:
    """What the document is after Chromium has laid it out in a window of 500 pixels, its smallest."""
    options = "--no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-component-update"
    command = [browser, "--headless", *options.split(), "--disable-sync", f"--user-data-dir={profile}"]
    shown = subprocess.run(
        [*command, "--window-size=500,800", "--dump-dom", address],
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    return shown.stdout


async def test_a_real_browser_shows_it(client: httpx.AsyncClient, tmp_path: Path) -> None:
    """Chromium lays the page out on a small screen, with nothing wider than it."""
    page = (await client.get("/", headers={"accept": BROWSER})).text
    probe = "<script>document.title = `wide: ${document.documentElement.scrollWidth > innerWidth}`</script>"
    file = tmp_path / "status.html"
    file.write_text(page.replace("</body>", f"{probe}</body>"), encoding="utf-8")

    shown = await asyncio.to_thread(_dom, _chromium(), file.as_uri(), tmp_path / "profile")

    assert "<title>wide: false</title>" in shown
    assert "All is well." in shown
