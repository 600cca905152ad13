"""The admin pages as an admin sees them: in a real browser, by clicks."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Page, expect

from activerow.types import utc_now
from notification.models import ApiKeys, Delivery, Notifications, Users, UserStatus
from notification.settings import Settings
from notification.use_cases.administration import appoint
from tests.notification.tools.service import ADA, GRACE, listening, registered, settings_for
from tests.tools.chromium import Browse, Look, in_browser

pytestmark = in_browser


@asynccontextmanager
async def _site(settings: Settings) -> AsyncGenerator[str]:
    """The address of a service with two users, of whom Ada is an admin, a key, and a notification of each status."""
    async with listening(settings) as address:
        async with httpx.AsyncClient(base_url=address) as client:
            await registered(client, ADA)
            await registered(client, GRACE)
        ada = await appoint(ADA["email"])
        assert ada
        await ada.update(name="Ada Lovelace")
        failed = "550 5.1.1 <nobody@example.com>: unknown in virtual mailbox table"
        key = await ApiKeys.create(user_id=ada.id, access_key="Yk3vM0qkW1vTq8mZ0T6mXr2n", secret=b"s", memo="orders")
        for status in Delivery:
            await Notifications.create(
                user_id=ada.id,
                api_key_id=key.id,
                channel="email",
                payload={"to": ["nobody@example.com"], "subject": "Your order", "body": "It is on its way."},
                fingerprint="-",
                status=status,
                last_error=failed if status is Delivery.dead else None,
                due_at=utc_now() + timedelta(hours=1),
                claimed_until=utc_now() + timedelta(hours=1),
            )
        yield address


async def _log_in(page: Page, who: dict[str, str]) -> None:
    await page.get_by_label("E-mail").fill(who["email"])
    await page.get_by_label("Password").fill(who["pw"])
    await page.get_by_role("button", name="Log in").click()


async def _act(page: Page, row: str, action: str) -> None:
    """Click an action of the row with this text, and confirm it."""
    await page.get_by_role("row", name=row).get_by_label(action, exact=True).click()
    await page.locator("#modal-action").get_by_role("button", name=action).click()


async def test_an_admin_does_the_days_work(settings: Settings, browse: Browse, look: Look) -> None:
    """Logs in, where others are told no, tries a dead notification again, blocks a user, and logs out."""
    async with _site(settings) as address, browse(address) as page:
        await page.goto("/admin/users/list")
        await _log_in(page, GRACE)
        await expect(page.get_by_role("alert")).to_contain_text("The e-mail or the password is wrong.")
        await look(page, "admin-login")
        await page.goto("/admin/users/list")
        await _log_in(page, ADA)
        await expect(page).to_have_title("Users")

        await page.get_by_role("link", name="Overview").click()
        await look(page, "admin-overview")
        await page.get_by_role("link", name="Could not be delivered").click()
        await expect(page.locator("tbody tr")).to_have_count(1)
        await _act(page, "dead", "Try again")
        await expect(page.get_by_role("alert")).to_contain_text("Queued again.")
        assert not await Notifications.filter_by(status=Delivery.dead).exists()

        await page.goto("/admin/users/list")
        await _act(page, GRACE["email"], "Block")
        await expect(page.get_by_role("row", name=GRACE["email"])).to_contain_text("blocked")
        await look(page, "admin-users")
        assert (await Users.filter_by(email=GRACE["email"]).one()).status is UserStatus.blocked

        await page.get_by_role("link", name="Open user menu").click()
        await page.get_by_role("button", name="Logout").locator("visible=true").click()
        await expect(page.get_by_label("Password")).to_be_visible()


async def test_rows_are_found_by_the_pages_own_forms(settings: Settings, browse: Browse, look: Look) -> None:
    """By text, by filters that are put together with clicks, and opened by a click."""
    async with _site(settings) as address, browse(address) as page:
        await page.goto("/admin/notifications/list")
        await _log_in(page, ADA)
        await look(page, "admin-notifications")

        await page.get_by_role("searchbox").fill("MAILBOX")
        await page.get_by_role("searchbox").press("Enter")
        await expect(page.locator("tbody tr")).to_have_count(1)
        await page.goto("/admin/notifications/list")
        await page.get_by_role("button", name="Filters").click()
        await page.get_by_label("Field").select_option("Status")
        await page.get_by_label("Value", exact=True).locator("visible=true").select_option("failed")
        await look(page, "admin-filters")
        await page.get_by_role("button", name="Apply filters").click()
        await expect(page.locator("tbody tr")).to_have_count(1)

        await page.get_by_role("cell", name="failed").click()
        await expect(page.get_by_role("row", name="Created")).to_contain_text("(UTC)")
        await look(page, "admin-notification")
        await page.goto("/admin/api-keys/list?q=nobody")
        await expect(page.get_by_text("Nothing fits the search")).to_be_visible()
        await look(page, "admin-nothing")


@pytest.mark.backends("asyncpg")
async def test_the_pages_are_there_on_a_server(database_url: str, tmp_path: Path, browse: Browse) -> None:
    """With the rows of a database that is none of SQLite's."""
    settings = settings_for(tmp_path, database_url=database_url)
    async with _site(settings) as address, browse(address) as page:
        await page.goto("/admin/notifications/list?filter=user__of=ada")
        await _log_in(page, ADA)

        await expect(page.locator("tbody tr")).to_have_count(len(Delivery))
