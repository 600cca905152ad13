"""The process of one peer: checks what each task does, warms up, measures.

`python -m benchmarks.worker '{"module": ...}'` (see `Work`) prints what it found, a line of JSON for each piece, and
asks the process that started it for what it must not do itself (see `stores`): a line with `ask`, answered by a line on
its standard input.
"""

import asyncio
import gc
import importlib
import json
import statistics
import sys
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks.checks import checked, written
from benchmarks.peer import Peer, Target
from benchmarks.tasks import Task, chosen

_TURN = 20  # calls in one transaction, where a task is about calls inside of one
_TOO_LONG = 1.5  # seconds, of one call


@dataclass(frozen=True)
class Work:
    """What a worker is told."""

    module: str
    options: dict[str, Any]
    target: dict[str, Any]
    tasks: list[str]
    seconds: float


async def main(work: Work) -> None:
    """Do the tasks, one after the other."""
    started = time.perf_counter()
    peer: Peer = importlib.import_module(f"benchmarks.peers.{work.module}").This(**work.options)
    imported = time.perf_counter()
    await peer.open(Target(**work.target))
    opened = time.perf_counter()
    if get := getattr(peer, "get", None):
        await get(0)
    _say(start={"import": imported - started, "open": opened - imported, "first get": time.perf_counter() - opened})
    for task in chosen(work.tasks):
        if (call := getattr(peer, task.call, None)) is None:
            continue
        _say(task=task.name)
        try:
            await _measure(peer, task, call, work.seconds)
        except Exception as error:  # noqa: BLE001 - whatever a peer raises is a figure that is not there, and named
            _say(task=task.name, error=f"{type(error).__name__}: {str(error)[:300]}")
        if task.writes:
            _ask("put_back")
    await peer.close()


async def _measure(peer: Peer, task: Task, call: Callable[..., Awaitable[object]], seconds: float) -> None:
    if task.size is not None:
        call = partial(_sized, call, task.size)
    if task.name == "load_delete":
        peer.doomed = _ask("doomed", task.most + task.warm + 1)
    await _check(peer, task, call)
    number = 1
    async with _around(peer, task):
        for number in range(1, task.warm + 1):
            await call(number)
    gc.collect()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while (time.perf_counter() < end or len(times) < task.least) and len(times) < task.most:
        async with _around(peer, task):
            for _ in range(_TURN if task.inside else 1):
                number += 1
                before = time.perf_counter()
                await call(number)
                times.append(time.perf_counter() - before)
        if times[-1] > _TOO_LONG:
            break
    memory = await _memory(call, number + 1) if task.call == "first_rows" else None
    _say(task=task.name, median=statistics.median(times), calls=len(times), bytes=memory)


async def _sized(call: Callable[[int, int], Awaitable[object]], size: int, number: int) -> object:
    return await call(number, size)


async def _check(peer: Peer, task: Task, call: Callable[[int], Awaitable[object]]) -> None:
    """One call, of which is known what it has to do."""
    before = _ask("state") if task.writes else None
    async with _around(peer, task):
        result = await call(0)
    checked(peer, task, result)
    if before is not None:
        written(task, before, _ask("state"))


async def _memory(call: Callable[[int], Awaitable[object]], number: int) -> int:
    """The bytes that the result of a call keeps."""
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    result = await call(number)
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del result
    return after - before


def _around(peer: Peer, task: Task) -> AbstractAsyncContextManager[object]:
    return peer.transaction() if task.inside else nullcontext()  # type: ignore[attr-defined]


def _say(**said: object) -> None:
    print(json.dumps(said), flush=True)


def _ask(what: str, number: int = 0) -> Any:
    _say(ask=what, number=number)
    return json.loads(sys.stdin.readline())


if __name__ == "__main__":
    asyncio.run(main(Work(**json.loads(sys.argv[1]))))
    sys.stdout.flush()
