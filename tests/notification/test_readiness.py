"""Whether the service is ready, and how it stops."""

import asyncio
import contextlib
import signal
import socket
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from activerow.types import utc_now
from notification.app import create_app
from notification.errors import NotReadyError
from notification.models import Base, Notifications, Users, db
from notification.settings import Settings
from notification.use_cases.readiness import BEHIND, Readiness, ask_queue
from tests.notification.service import ADA, lines, registered, running
from tests.notification.test_process import address_of, started_service


async def test_it_is_ready_when_the_database_answers(client_on_backend: httpx.AsyncClient) -> None:
    """One small query proves the connection and the tables."""
    answer = await client_on_backend.get("/ready")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "checks": {"database": True}})


async def test_it_is_not_ready_without_its_tables(settings: Settings) -> None:
    """The answer is a problem which names what does not answer; the reason is in the log. It is alive all the same."""
    async with running(create_app(settings)) as client:
        async with db.transaction() as session:
            await (await session.connection()).run_sync(Base.metadata.drop_all)
        answer = await client.get("/ready")
        alive = await client.get("/health")

    problem = answer.json()
    assert (answer.status_code, problem["type"], problem["code"]) == (503, "not_ready", "5030040")
    assert problem["detail"] == "No answer from: database."
    assert "no such table" not in answer.text
    assert alive.status_code == 200
    assert [line["status"] for line in lines(settings, "db") if "status" in line] == [503]


async def test_a_silent_dependency_is_not_waited_for() -> None:
    """All are asked at the same time, and the silent and the unreachable are named."""

    async def answer() -> None:
        return None

    async def refuse() -> None:
        raise ConnectionRefusedError

    readiness = Readiness({"a": answer, "broker": asyncio.Event().wait, "redis": refuse}, seconds=0.01)

    assert await readiness.look() == {"a": True, "broker": False, "redis": False}
    with pytest.raises(NotReadyError, match="broker, redis"):
        await readiness.check()


async def test_the_queue_is_behind_when_something_is_long_due(client: httpx.AsyncClient) -> None:
    """What is due since a moment ago is no reason to worry, nor is what was sent."""
    await registered(client, ADA)
    user = await Users.filter_by(email=ADA["email"]).one()
    values: dict[str, Any] = {"user_id": user.id, "channel": "email", "payload": {}, "fingerprint": "-"}
    await Notifications.create(**values)
    await Notifications.create(**values, status="sent", due_at=utc_now() - 2 * BEHIND)
    await ask_queue()

    await Notifications.create(**values, due_at=utc_now() - 2 * BEHIND)

    with pytest.raises(NotReadyError, match="five minutes"):
        await ask_queue()


def test_a_request_in_flight_gets_its_answer(tmp_path: Path) -> None:
    """Told to stop while a request is on its way, the service takes no further ones, answers, and closes its pool."""
    body = b'{"email": "ada@example.com", "pw": "correct horse"}'
    head = (
        b"POST /api/v1/auth/register/email HTTP/1.1\r\nHost: service\r\nContent-Type: application/json\r\n"
        b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body)
    )
    with started_service(tmp_path) as (service, line):
        url = httpx.URL(address_of(line))
        with socket.create_connection((url.host, url.port or 0), timeout=30) as connection:
            connection.sendall(head)
            assert connection.recv(4096).startswith(b"HTTP/1.1 100")  # the route waits for its body
            service.send_signal(signal.SIGTERM)
            _until_closed(url)
            connection.sendall(body)
            answer = connection.recv(4096)
        code = service.wait(timeout=30)

    assert answer.startswith(b"HTTP/1.1 201")
    assert code in {0, -signal.SIGTERM}
    assert "disconnected from" in (tmp_path / "logs" / "db" / "db.log").read_text()
    assert "Traceback" not in (tmp_path / "stderr").read_text()


def _until_closed(url: httpx.URL) -> None:
    with contextlib.suppress(ConnectionRefusedError):
        for _ in range(500):
            socket.create_connection((url.host, url.port or 0), timeout=5).close()
            time.sleep(0.01)
