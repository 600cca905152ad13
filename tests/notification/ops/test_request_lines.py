"""What the line of a request says: the route, who asked, and what the database did for it."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from notification.app import create_app
from notification.models import Users, db
from notification.settings import Settings
from tests.notification.tools.service import ADA, everything_logged, lines, registered, running, serving, settings_for

ME = "/api/v1/users/me"


def _requests(settings: Settings) -> list[dict[str, Any]]:
    return [line for line in lines(settings, "app") if "path" in line]


async def test_a_line_says_who_and_what_the_database_did(settings: Settings) -> None:
    """User, masked e-mail, client, statements and their time are on the line of the request that they belong to."""
    async with serving(settings) as client:
        ada = await registered(client, ADA)
        await client.patch(ME, json={"name": "Ada"}, headers=ada)
        await client.get("/health")

    _, change, health = _requests(settings)
    assert (change["user_id"], change["email"], change["client"]) == (1, "a***@example.com", "127.0.0.1")
    assert (change["queries"], change["database_ms"] >= 0) == (2, True)
    assert health["queries"] == 0
    assert {"user_id", "email", "api_key_id"}.isdisjoint(health)


async def test_a_path_is_told_as_that_of_its_route(settings: Settings) -> None:
    """What a caller puts into a path is not written, not even where it does not fit; a mounted part is told too."""
    app = create_app(settings)
    mounted = create_app(settings)

    @app.get("/letters/{secret}")
    @mounted.get("/letters/{secret}")
    async def letter(secret: int) -> int:
        return secret

    app.mount("/inner", mounted)
    async with running(app) as client:
        for path in ("/letters/7", "/letters/hunter2", "/inner/letters/7"):
            await client.get(path)
        await client.post("/letters/hunter2")

    told = [line["path"] for line in _requests(settings)]
    assert told.count("/letters/{secret}") == 4
    assert told.count("/inner/letters/{secret}") == 1
    assert "hunter2" not in everything_logged(settings)


async def test_an_unknown_path_is_cut(settings: Settings) -> None:
    """Nobody fills the disk with paths that lead nowhere."""
    async with serving(settings) as client:
        await client.get("/" + "x" * 5000)

    (line,) = _requests(settings)
    assert len(line["path"]) == 200


async def test_requests_at_once_count_their_own_statements(settings: Settings) -> None:
    """A statement counts for the request whose task sent it, in a task that it began too."""
    app = create_app(settings)

    @app.get("/times/{number}")
    async def times(number: int) -> None:
        for _ in range(number):
            await Users.filter_by(name=None).count()

    async with running(app) as client:
        await client.get("/times/0")
        await asyncio.gather(*(client.get(f"/times/{number}") for number in (3, 1, 2)))

    assert sorted(line["queries"] for line in _requests(settings)) == [0, 1, 2, 3]


async def test_a_slow_statement_is_a_warning(tmp_path: Path, database_url: str) -> None:
    """Its text without values, its duration and the request's id are in the `db` log; a refused one counts too."""
    settings = settings_for(tmp_path, database_url=database_url, slow_query_ms=1)
    app = create_app(settings)
    slept = {"sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 90000) "
                       "SELECT max(i) FROM n WHERE :word <> 'x'",
             "postgresql": "SELECT pg_sleep(0.01), CAST(:word AS text)"}  # fmt: skip

    @app.get("/slow")
    async def slow() -> None:
        async with db.transaction() as session:
            await session.execute(text(slept.get(db.dialect, "SELECT sleep(0.01), :word")), {"word": "hunter2"})

    async with running(app) as client:
        assert (await client.get("/slow", headers={"x-request-id": "r-slow"})).status_code == 200

    found = [one for one in lines(settings, "db") if one.get("request_id") == "r-slow"]
    (line,) = [one for one in found if "SELECT" in one["sql"]]  # a BEGIN may wait for a lock
    assert (line["level"], line["message"], line["duration_ms"] >= 1) == ("WARNING", "slow statement", True)
    assert "hunter2" not in everything_logged(settings)


async def test_a_refused_statement_counts(settings: Settings) -> None:
    """What the database refused took a statement as well."""
    async with serving(settings) as client:
        ada = await registered(client, ADA)
        grace = await registered(client, {"email": "grace@example.com", "pw": "a moth"})
        await client.patch(ME, json={"phone_number": "010-1234"}, headers=ada)
        await client.patch(ME, json={"phone_number": "010-1234"}, headers=grace)

    *_, refused = _requests(settings)
    assert (refused["status"], refused["queries"]) == (409, 2)


@pytest.mark.parametrize("limit", [0, 3_600_000])
async def test_no_statement_is_slow(settings: Settings, limit: int) -> None:
    """0 turns the warnings off; a statement below the limit is none."""
    async with serving(settings.model_copy(update={"slow_query_ms": limit})) as client:
        await registered(client, ADA)

    assert [line for line in lines(settings, "db") if line["message"] == "slow statement"] == []


async def test_a_caller_writes_no_fields_of_its_own(settings: Settings) -> None:
    """Quotes in a path stay inside their text."""
    async with serving(settings) as client:
        await client.get('/x","level":"ERROR')

    (line,) = _requests(settings)
    assert (line["level"], line["path"]) == ("INFO", '/x","level":"ERROR')
