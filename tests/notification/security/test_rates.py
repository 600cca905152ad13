"""How often somebody may ask."""

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest

from notification.errors import RateLimitedError
from notification.networks import address_of
from notification.security.rates import Rates, rate_of
from tests.notification.tools.redis_server import free_port, redis_server


class _Closing:
    """Rates that are closed at the end of the block."""

    def __init__(self, service: str = "2/minute", redis_url: str = "", pause: float = 5.0) -> None:
        self.rates = Rates(login="2/minute", service=service, redis_url=redis_url, pause=pause)

    async def __aenter__(self) -> Rates:
        return self.rates

    async def __aexit__(self, *_: Any) -> None:
        await self.rates.close()


async def _accepted(rates: Rates, times: int, key_id: int = 1) -> int:
    """How many of so many calls at once are accepted."""
    done = await asyncio.gather(*(rates.count_call_by(key_id) for _ in range(times)), return_exceptions=True)
    assert all(error is None or isinstance(error, RateLimitedError) for error in done)
    return done.count(None)


async def test_one_too_many_is_told_when_to_come_back() -> None:
    """In whole seconds, until the oldest request no longer counts."""
    rates = Rates(login="", service="1/minute")
    await rates.count_call_by(1)

    with pytest.raises(RateLimitedError) as caught:
        await rates.count_call_by(1)

    assert caught.value.retry_after in {59, 60}


async def test_every_limit_of_a_rate_counts() -> None:
    """A second one for longer times."""
    rates = Rates(login="", service="2/second;3/hour")

    assert await _accepted(rates, 5) == 2
    assert [limit.amount for limit in rate_of("2/second;3/hour")] == [2, 3]


async def test_without_a_limit_nothing_is_counted() -> None:
    """An empty setting."""
    assert await _accepted(Rates(login="", service=""), 50) == 50


async def test_a_neighbourhood_of_ipv6_is_one_caller() -> None:
    """Everybody has at least a /64 of addresses to go round."""
    rates = Rates(login="1/minute", service="")
    await rates.count_log_in_from(address_of("2001:db8::1"))

    with pytest.raises(RateLimitedError):
        await rates.count_log_in_from(address_of("2001:db8::ffff:1"))
    await rates.count_log_in_from(address_of("2001:db8:0:1::1"))


async def test_with_redis_all_processes_count_together(tmp_path: Path) -> None:
    """What one has accepted counts for the other."""
    with redis_server(tmp_path) as (url, _):
        async with (
            _Closing(service="5/minute", redis_url=url) as one,
            _Closing(service="5/minute", redis_url=url) as other,
        ):
            accepted = await asyncio.gather(_accepted(one, 10), _accepted(other, 10))

    assert sum(accepted) == 5


async def test_redis_knows_no_accounts(tmp_path: Path) -> None:
    """Its keys hold digests of e-mails."""
    with redis_server(tmp_path) as (url, _):
        async with _Closing(redis_url=url) as rates:
            await rates.count_log_in_to("ada@example.com")
        dumped = await asyncio.create_subprocess_exec("redis-cli", "-u", url, "--scan", stdout=asyncio.subprocess.PIPE)
        keys, _ = await dumped.communicate()

    assert keys.startswith(b"notification")
    assert b"ada" not in keys


async def test_without_redis_the_process_counts_alone(caplog: pytest.LogCaptureFixture) -> None:
    """Nobody is locked out, nobody gets in without being counted, and one line says so."""
    url = f"redis://:hunter2@127.0.0.1:{free_port()}/0"

    with caplog.at_level(logging.WARNING, "notification.app"):
        async with _Closing(redis_url=url) as rates:
            accepted = await _accepted(rates, 1) + await _accepted(rates, 9)

    assert accepted == 2
    assert len(caplog.records) == 1
    assert "hunter2" not in caplog.text


async def test_redis_may_die_and_come_back(tmp_path: Path) -> None:
    """Requests are served meanwhile, and counted together again afterwards."""
    with redis_server(tmp_path) as (url, port):
        async with _Closing(redis_url=url) as rates:
            assert await _accepted(rates, 1) == 1
    async with _Closing(redis_url=url, pause=0.0) as rates:
        assert await _accepted(rates, 3) == 2
        with redis_server(tmp_path, port) as (url, _):
            assert await _accepted(rates, 3) == 2
