"""What is remembered about keys."""

import asyncio

import httpx

from notification.security.known_keys import KnownKey, KnownKeys
from tests.notification.tools.service import ADA, KEYS, Key, registered


class Shelf:
    """Keys to look for; counts who looks."""

    def __init__(self) -> None:
        self.looked: list[str] = []
        self.memo = "first"

    async def look(self, access_key: str) -> KnownKey | None:
        """The key, unless its name is `nobody`."""
        self.looked.append(access_key)
        if access_key == "nobody":
            return None
        return KnownKey(1, 1, access_key, self.memo, "", usable=True, networks=(), sealed=b"")


async def test_a_key_is_looked_for_once_in_a_while() -> None:
    """Until the time is over; that there is none is remembered too."""
    now, shelf = [0.0], Shelf()
    known = KnownKeys(5, clock=lambda: now[0])

    for now[0] in (0.0, 4.9, 5.1):
        await known.get("one", shelf.look)
        await known.get("nobody", shelf.look)

    assert shelf.looked == ["one", "nobody", "one", "nobody"]


async def test_only_so_many_are_remembered() -> None:
    """Those that were used last; unknown names cannot fill the memory."""
    shelf = Shelf()
    known = KnownKeys(5, size=2, clock=lambda: 0.0)

    for name in ("one", "two", "one", "three", "one", "two"):
        await known.get(name, shelf.look)

    assert shelf.looked == ["one", "two", "three", "two"]


async def test_a_change_while_looking_is_not_overwritten() -> None:
    """What was read before a change may be older than the change."""
    shelf, looking, go_on = Shelf(), asyncio.Event(), asyncio.Event()
    known = KnownKeys(5, clock=lambda: 0.0)

    async def slow(access_key: str) -> KnownKey | None:
        found = await shelf.look(access_key)
        looking.set()
        await go_on.wait()
        return found

    reader = asyncio.create_task(known.get("one", slow))
    await looking.wait()
    shelf.memo = "second"
    known.forget("one")
    go_on.set()
    await reader

    found = await known.get("one", shelf.look)
    assert found is not None
    assert found.memo == "second"


async def test_a_change_counts_at_once(client_on_backend: httpx.AsyncClient) -> None:
    """A key that was used a moment ago is refused as soon as it is stopped, and its new memo is told."""
    ada = await registered(client_on_backend, ADA)
    key = await Key.of(client_on_backend, ada)
    path = f"{KEYS}/{key.id}"
    await key.call(client_on_backend)

    await client_on_backend.patch(path, json={"memo": "new", "status": "stopped"}, headers=ada)
    stopped = await key.call(client_on_backend)
    await client_on_backend.patch(path, json={"status": "active"}, headers=ada)
    active = await key.call(client_on_backend)

    assert (stopped.status_code, active.json()["memo"]) == (401, "new")


def test_the_sealed_secret_is_not_shown() -> None:
    """Not even that."""
    assert "sealed" not in repr(KnownKey(1, 1, "x", None, "", usable=True, networks=(), sealed=b"hunter2"))
