"""How long the service takes to say no: the same, whatever the reason.

A hash that is not computed would be missing from the time: a fiftieth of a second of argon2 beside a thousandth of
everything else. The samples of the kinds take turns, so that whatever else the machine does slows all of them.
"""

import time
from statistics import median

import httpx
import pytest

from notification.models import Users, UserStatus
from tests.notification.tools.service import ADA, registered

pytestmark = pytest.mark.full_hashes

LOGIN = "/api/v1/auth/login/email"
SAMPLES = 5
FACTOR = 2.5


async def _medians(client: httpx.AsyncClient, bodies: dict[str, dict[str, str]]) -> dict[str, float]:
    """The median time of each kind of attempt; the first round warms up and is not counted."""
    times: dict[str, list[float]] = {kind: [] for kind in bodies}
    for _ in range(SAMPLES + 1):
        for kind, body in bodies.items():
            began = time.perf_counter()
            answer = await client.post(LOGIN, json=body)
            times[kind].append(time.perf_counter() - began)
            assert answer.status_code == 401
    return {kind: median(taken[1:]) for kind, taken in times.items()}


async def test_every_refusal_takes_the_same_time(client: httpx.AsyncClient) -> None:
    """Unknown e-mail, wrong password, an account without a password, a blocked one with the right password."""
    for name in ("ada", "blocked"):
        await registered(client, {"email": f"{name}@example.com", "pw": ADA["pw"]})
    await Users.filter_by(email="blocked@example.com").update(status=UserStatus.blocked)
    await Users.create(email="social@example.com", sns_type="google")

    medians = await _medians(
        client,
        {
            "unknown": ADA | {"email": "nobody@example.com"},
            "wrong": ADA | {"pw": "wrong"},
            "social": ADA | {"email": "social@example.com"},
            "blocked": ADA | {"email": "blocked@example.com"},
        },
    )

    assert max(medians.values()) < FACTOR * min(medians.values()), medians
