"""What the OpenAPI document says is what the service does, whatever is sent."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from notification.app import create_app
from tests.notification.tools.fuzz_callers import Credentials, Knowledge
from tests.notification.tools.fuzz_service import Json, People, fuzzed_settings, served
from tests.notification.tools.fuzzing import Findings, config, fuzz
from tests.notification.tools.social_server import SocialServer, social_server
from tests.notification.tools.workers import redis_server

# Requests are made up by the hundred, which takes seconds, and minutes on a machine that is busy.
pytestmark = [pytest.mark.backends("sqlite", "asyncpg"), pytest.mark.timeout(600)]


@contextmanager
def _service(folder: Path, database_url: str) -> Generator[tuple[Json, str, SocialServer]]:
    """The document of a service that runs, where it is, and the provider by which its users log in."""
    with redis_server(folder) as broker, social_server() as social:
        app = create_app(fuzzed_settings(folder, database_url, broker, social.url))
        with served(app) as address:
            yield app.openapi(), address, social


def _as_everybody(folder: Path, database_url: str, *phases: str, examples: int, seed: int | None = None) -> Findings:
    with (
        _service(folder, database_url) as (document, address, social),
        httpx.Client(base_url=address, timeout=60) as client,
    ):
        people = People(client, social)
        with Knowledge(people).told():
            return fuzz(document, address, config(*phases, examples=examples, seed=seed), Credentials(people))


def _as_nobody(folder: Path, database_url: str, *phases: str, examples: int) -> tuple[Json, Findings]:
    with _service(folder, database_url) as (document, address, _):
        return document, fuzz(document, address, config(*phases, examples=examples, anonymous=True))


def test_every_answer_is_documented(database_url: str, tmp_path: Path) -> None:
    """No 5xx, no status, type, header or body that the document does not have; and each operation did its work."""
    findings = _as_everybody(tmp_path, database_url, "examples", "fuzzing", examples=3)

    assert not findings.faults, "\n\n".join(findings.faults)
    assert findings.without_success == set()
    assert len(findings.answers) == 31
    assert findings.requests > 120


@pytest.mark.backends("sqlite")
def test_nobody_comes_in(database_url: str, tmp_path: Path) -> None:
    """Without a token or a signature no protected operation answers anything but that it wants one."""
    document, findings = _as_nobody(tmp_path, database_url, "fuzzing", examples=1)

    protected = {
        f"{method.upper()} {path}"
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if operation.get("security")
    }
    assert not findings.faults, "\n\n".join(findings.faults)
    assert {status for label in protected for status in findings.answers[label]} == {400, 401}
    assert findings.without_success >= protected


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", [1, 2])
def test_every_answer_is_documented_in_the_long_run(database_url: str, tmp_path: Path, seed: int) -> None:
    """The same with thousands of requests: every boundary of every schema, and one request after what another made."""
    findings = _as_everybody(
        tmp_path, database_url, "examples", "coverage", "fuzzing", "stateful", examples=100, seed=seed
    )

    assert not findings.faults, "\n\n".join(findings.faults)
    assert findings.without_success == set()
    assert findings.requests > 3_000
