"""A request to an application of this process, without a client's own cost."""

import json
from collections.abc import MutableMapping
from typing import Any

from fastapi import FastAPI

Message = MutableMapping[str, Any]


async def request(app: FastAPI, method: str, path: str, body: object = None) -> bytes:
    """The body of the answer.

    Raises:
        AssertionError: The answer is no success.
    """
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"content-type", b"application/json")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "state": {},
    }
    sent = b"" if body is None else json.dumps(body, default=str).encode()
    answers: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": sent, "more_body": False}

    async def send(message: Message) -> None:
        answers.append(message)

    await app(scope, receive, send)
    status, content = answers[0]["status"], b"".join(answer.get("body", b"") for answer in answers[1:])
    if not 200 <= status < 300:
        raise AssertionError(f"{method} {path} was answered with {status}: {content[:200]!r}")
    return content
