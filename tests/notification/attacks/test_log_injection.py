"""Lines in the log that the service did not write, and texts that make a terminal or a reader of JSON do something."""

from typing import Any

from notification.app import create_app
from notification.settings import Settings
from tests.notification.tools.service import ADA, everything_logged, lines, raw, registered, running

FORGED = '{"level": "ERROR", "logger": "notification.app", "message": "forged"}'
EVIL = [
    f"x\n{FORGED}",
    f"x\r\n{FORGED}",
    f"x\u2028{FORGED}\u2029",
    f"x\u0085{FORGED}",
    "\x1b]0;forged\x07\x1b[2J\x1b[31mforged",
    '", "level": "ERROR", "x": "',
    "\x00\x08\x7f\x9b31m",
    "\u202eforged",
    "%s %d {0} {message}",
]


def _scopes(evil: str) -> dict[str, dict[str, Any]]:
    """Every part of a request that a caller writes."""
    octets = evil.encode()
    header = {name: {"headers": [(name.encode(), octets)]} for name in
              ("x-request-id", "user-agent", "referer", "x-forwarded-for", "forwarded", "authorization", "cookie",
               "host", "accept", "content-type", "idempotency-key", "secret", "origin", evil.lower())}  # fmt: skip
    return header | {
        "path": {"path": f"/{evil}"},
        "api path": {"path": f"/api/v1/{evil}"},
        "signed path": {"path": f"/api/v1/services/{evil}", "query_string": octets},
        "query": {"query_string": octets},
        "method": {"method": evil},
        "client": {"client": (evil, 1)},
        "root": {"root_path": f"/{evil}"},
    }


async def test_what_a_caller_writes_stays_one_text_of_one_line(settings: Settings) -> None:
    """Path, method, query, address and every header: each line is one JSON object in ASCII, and the service's own."""
    app = create_app(settings.model_copy(update={"trusted_proxies": ("192.0.2.7/32",)}))
    asked = 0
    async with running(app):
        for scope in (scope for evil in EVIL for scope in _scopes(evil).values()):
            asked += 1
            await raw(app, scope.pop("path", "/health"), scope.pop("headers", []), **scope)

    text, told = everything_logged(settings), lines(settings, "app")
    assert text.isascii()
    assert not any(ord(letter) < 32 or ord(letter) == 127 for letter in text.replace("\n", ""))
    assert all(line["level"] == "INFO" and line["message"] != "forged" for line in told)
    assert len([line for line in told if "status" in line]) == asked


async def test_nor_do_bodies_and_errors_write_lines(settings: Settings) -> None:
    """E-mail, password, fields, and an error whose text and class quote them."""
    app = create_app(settings)

    @app.post("/fails")
    async def fails(body: dict[str, str]) -> None:
        raise type(body["text"].replace("\0", ""), (RuntimeError,), {})(body["text"])

    async with running(app) as client:
        ada = await registered(client, ADA)
        for evil in EVIL:
            await client.post("/api/v1/auth/login/email", json={"email": evil, "pw": evil})
            await client.patch("/api/v1/users/me", json={evil: evil, "name": evil}, headers=ada)
            await client.patch("/api/v1/users/me", json={"name": f"x{evil}"}, headers=ada)
            assert (await client.post("/fails", json={"text": evil})).status_code == 500

    told = lines(settings, "app")
    assert everything_logged(settings).isascii()
    assert all(line["message"] != "forged" for line in told)
    assert len([line for line in told if line["level"] == "ERROR"]) == len(EVIL)
