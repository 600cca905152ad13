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
from notification.delivery.brokers import broker_at
from notification.delivery.queue import Queue
from notification.errors import NotReadyError
from notification.models import Base, Notifications, Users, db
from notification.settings import Settings
from notification.use_cases.readiness import BEHIND, Readiness, ask_queue
from tests.notification.test_process import address_of, started_service
from tests.notification.tools.redis_server import free_port, redis_server
from tests.notification.tools.service import ADA, everything_logged, lines, registered, running, settings_for
from tests.notification.tools.workers import broker_server


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


async def test_however_many_ask_the_probes_are_asked_once() -> None:
    """At the same time, and for a moment afterwards: whoever asks for it cannot use it as load."""
    asked: list[float] = []

    async def probe() -> None:
        asked.append(time.monotonic())
        await asyncio.sleep(0.01)

    readiness = Readiness({"a": probe}, kept=0.1)
    await asyncio.gather(*(readiness.check() for _ in range(50)))
    await readiness.check()
    assert len(asked) == 1

    await asyncio.sleep(0.15)
    await readiness.check()
    assert len(asked) == 2


async def test_what_went_away_is_noticed_and_so_is_its_return(tmp_path: Path) -> None:
    """Broker and Redis are asked where they are configured; the answer names them, and no URL with a password."""
    port = free_port()
    url = f"redis://:hunter2@127.0.0.1:{port}"
    settings = settings_for(tmp_path, broker_url=f"{url}/0", redis_url=f"{url}/1", login_rate="5/minute")
    async with running(create_app(settings)) as client:
        gone = await client.get("/ready")
        with redis_server(tmp_path, port, password="hunter2"):
            back = await _changed(client, 503)
        gone_again = await _changed(client, 200)

    problem = gone.json()
    assert (gone.status_code, problem["detail"]) == (503, "No answer from: broker, redis.")
    assert (back.status_code, back.json()["checks"]) == (200, {"database": True, "broker": True, "redis": True})
    assert gone_again.json()["detail"] == problem["detail"]
    assert "hunter2" not in gone.text + everything_logged(settings)


async def _changed(client: httpx.AsyncClient, status: int) -> httpx.Response:
    """The first answer with another status."""
    async with asyncio.timeout(20):
        while (answer := await client.get("/ready")).status_code == status:
            await asyncio.sleep(0.1)
    return answer


async def test_a_silent_broker_is_not_waited_for(tmp_path: Path) -> None:
    """One that takes connections and says nothing is as good as none, after two seconds."""
    held: list[asyncio.StreamWriter] = []
    silent = await asyncio.start_server(lambda _, writer: held.append(writer), "127.0.0.1", 0)
    url = f"redis://127.0.0.1:{silent.sockets[0].getsockname()[1]}/0"
    async with silent, running(create_app(settings_for(tmp_path, broker_url=url))) as client:
        began = time.monotonic()
        answer = await client.get("/ready")
        seconds = time.monotonic() - began
        for writer in held:
            writer.close()

    assert (answer.status_code, answer.json()["detail"]) == (503, "No answer from: broker.")
    assert seconds < 10


@pytest.mark.parametrize("kind", ["redis", "nats", "amqp"])
async def test_every_kind_of_broker_answers(kind: str, tmp_path: Path) -> None:
    """And a queue that is closed does not."""
    with broker_server(kind, tmp_path) as url:
        queue = Queue(broker_at(url, "notification"), _ignored)
        await queue.open(working=False)
        await queue.ask()
        await queue.close()

    with pytest.raises(ConnectionError):
        await queue.ask()


async def _ignored(_: int) -> None:
    raise AssertionError("nothing is delivered here")


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
        b"POST /api/v1/auth/register/email HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
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
