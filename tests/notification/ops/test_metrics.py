"""Numbers for Prometheus, and who may read them."""

import asyncio
from pathlib import Path

import httpx
import pytest

from notification.models import Notifications, Users
from tests.notification.tools.service import serving, settings_for

TOKEN = {"authorization": "Bearer a token for numbers"}


async def test_requests_and_the_queue_are_counted(tmp_path: Path, database_url: str) -> None:
    """By method, route and status; paths that lead nowhere and methods that nobody knows share one label."""
    settings = settings_for(tmp_path, database_url=database_url, metrics_token="a token for numbers")
    async with serving(settings) as client:
        user = await Users.create(email="ada@example.com")
        await Notifications.create(user_id=user.id, channel="email", payload={}, fingerprint="-", status="dead")
        await client.get("/health")
        await client.request("HACK", "/nowhere/1")
        await client.get("/ready")
        numbers = (await client.get("/metrics", headers=TOKEN)).text.splitlines()
        async with asyncio.timeout(10):  # what looks after the outbox has a connection now and then
            while "notification_pool_checked_out 0.0" not in numbers:
                numbers = (await client.get("/metrics", headers=TOKEN)).text.splitlines()

    assert 'notification_request_seconds_count{method="GET",path="/health",status="200"} 1.0' in numbers
    assert 'notification_request_seconds_count{method="unknown",path="unknown",status="404"} 1.0' in numbers
    assert 'notification_queries_total{method="GET",path="/ready",status="200"} 1.0' in numbers
    assert 'notification_queue{status="dead"} 1.0' in numbers
    assert "nowhere" not in "".join(numbers)


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer "}, {"authorization": "Bearer wrong"}])
async def test_nobody_else_reads_them(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    """Without the setting, an empty token does not open the door either."""
    answer = await client.get("/metrics", headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (403, "4030041")
