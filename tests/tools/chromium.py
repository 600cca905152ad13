"""A real browser for tests of pages: the Chromium of the system, one for each process that runs tests.

A browser belongs to one event loop, so tests that use it are marked `@in_browser` and run in that of the session.
`--screenshots FOLDER` keeps pictures of the pages that are looked at.
"""

import os
import shutil
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Literal

import pytest
import pytest_asyncio
from playwright.async_api import Browser, ConsoleMessage, Page, Request, Response, ViewportSize, async_playwright

SIZES: dict[str, ViewportSize] = {"desktop": {"width": 1280, "height": 800}, "phone": {"width": 390, "height": 844}}
in_browser = pytest.mark.asyncio(loop_scope="session")

Browse = Callable[..., AbstractAsyncContextManager[Page]]
Look = Callable[[Page, str], Awaitable[None]]

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_OPTIONS = ("--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update")
_MISSING = f"no {' or '.join(_NAMES)} was found: pages are NOT looked at in a browser here"
_LOGGED_BY_CHROMIUM = "Failed to load resource: the server responded"  # of what `_Watch.answered` judges


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--screenshots", type=Path, metavar="FOLDER", help="keep pictures of pages in this folder")


def pytest_configure() -> None:
    if os.environ.get("ACTIVEROW_REQUIRE_BACKENDS") == "1" and _executable() is None:
        raise pytest.UsageError(f"ACTIVEROW_REQUIRE_BACKENDS=1, but {_MISSING}")


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _executable() is None:
        terminalreporter.write_line(_MISSING, yellow=True)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """The browser of this process."""
    path = _executable()
    if path is None:
        pytest.skip(_MISSING)
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(
            executable_path=path, args=_OPTIONS, chromium_sandbox=os.geteuid() != 0
        )
        yield launched
        await launched.close()


@pytest.fixture
def browse(chromium: Browser) -> Browse:
    """Opens pages of a site: `async with browse("http://127.0.0.1:8000") as page:`. Nobody is logged in there yet.

    In the end the test fails when something was asked of another host, was not found, or was complained about in the
    console of the browser.
    """

    @asynccontextmanager
    async def browse(origin: str, colors: Literal["light", "dark"] = "light") -> AsyncGenerator[Page]:
        context = await chromium.new_context(base_url=origin, viewport=SIZES["desktop"], color_scheme=colors)
        context.set_default_timeout(10_000)
        page, watch = await context.new_page(), _Watch(origin)
        page.on("request", watch.asked)
        page.on("response", watch.answered)
        page.on("console", watch.logged)
        page.on("pageerror", lambda error: watch.faults.append(str(error)))
        try:
            yield page
        finally:
            await context.close()
        assert watch.faults == []

    return browse


@pytest.fixture
def look(pytestconfig: pytest.Config) -> Look:
    """Looks at a page, on a screen and on a phone: nothing is wider than the window."""
    folder: Path | None = pytestconfig.getoption("--screenshots")

    async def look(page: Page, name: str) -> None:
        for device, size in reversed(SIZES.items()):
            await page.set_viewport_size(size)
            if folder:
                await page.screenshot(path=folder / f"{name}-{device}.png", animations="disabled")
            too_wide = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert too_wide <= 0, f"{name} is {too_wide} pixels wider than a {device}"

    return look


class _Watch:
    """What goes wrong while pages are shown."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.faults: list[str] = []

    def asked(self, request: Request) -> None:
        if not request.url.startswith((self.origin, "data:")):
            self.faults.append(f"asked elsewhere: {request.url}")

    def answered(self, response: Response) -> None:
        wanted_by_the_test = response.request.resource_type in {"document", "fetch", "xhr"}
        if response.status >= 400 and not wanted_by_the_test:
            self.faults.append(f"{response.status}: {response.url}")

    def logged(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not message.text.startswith(_LOGGED_BY_CHROMIUM):
            self.faults.append(message.text)


def _executable() -> str | None:
    return next(filter(None, map(shutil.which, _NAMES)), None)
