"""Runs the peers in turns: each in a process of its own, in another order each round.

So that a busy machine is as bad for each.
"""

import json
import random
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import IO, Any, cast

from benchmarks.known import Known
from benchmarks.peer import Dialect
from benchmarks.rows import ACCOUNTS
from benchmarks.stores import Keeper, Store
from benchmarks.tasks import MOST_ROWS, REQUESTS, ROWS, UNITS, Task

_MOST_SECONDS = 300  # of one worker


@dataclass(frozen=True)
class Job:
    """One peer on one database, and the tasks that it is to do in one process."""

    peer: Known
    dialect: Dialect
    module: str
    tasks: tuple[str, ...]
    accounts: int


@dataclass
class Found:
    """What one process has found."""

    peer: str
    database: str
    round: int
    seconds: dict[str, float] = field(default_factory=dict[str, float])
    bytes: dict[str, int] = field(default_factory=dict[str, int])
    start: dict[str, float] = field(default_factory=dict[str, float])
    errors: dict[str, str] = field(default_factory=dict[str, str])


def jobs(peers: Iterable[Known], dialects: Iterable[Dialect], tasks: list[Task]) -> list[Job]:
    """What is to be run in each round."""
    by_unit = {task.name for task in (*UNITS, *REQUESTS)}
    by_rows = {task.name for task in ROWS}
    names = [task.name for task in tasks]
    made: list[Job] = []
    for peer in peers:
        for dialect in dialects:
            if dialect not in peer.dialects:
                continue
            plain = tuple(name for name in names if name not in by_unit | by_rows)
            module = peer.module.format(dialect=dialect)
            parts = [(module, plain, ACCOUNTS), (module, tuple(n for n in names if n in by_rows), MOST_ROWS)]
            if peer.also:
                parts.append((peer.also, tuple(name for name in names if name in by_unit), ACCOUNTS))
            made += [Job(peer, dialect, module, some, accounts) for module, some, accounts in parts if some]
    return made


def run(
    jobs: list[Job], stores: dict[Dialect, Store], rounds: int, seconds: float, tell: Callable[[str, bool], None]
) -> Iterator[Found]:
    """Run each job in each round; `tell` hears what is being done, and when a job is over."""
    for number in range(rounds):
        for job in random.sample(jobs, len(jobs)):
            store = stores[job.dialect]
            target = store.make(f"activerow_bench_{job.peer.name.replace('-', '_')}", job.accounts)
            found = Found(job.peer.name, job.dialect, number)
            work = {
                "module": job.module,
                "options": dict(job.peer.options),
                "target": vars(target),
                "tasks": list(job.tasks),
                "seconds": seconds,
            }
            where = f"round {number + 1}, {job.dialect}, {job.peer.name}"
            _converse(
                work,
                Keeper(store, target, job.accounts),
                found,
                partial(_tell_of, tell, where),
            )
            store.drop(target)
            tell(where, True)
            yield found


def _tell_of(tell: Callable[[str, bool], None], where: str, task: str) -> None:
    tell(f"{where}: {task}", False)


def _converse(work: dict[str, Any], keeper: Keeper, found: Found, tell: Callable[[str], None]) -> None:
    """Let a worker do its work, and answer what it asks."""
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.worker", json.dumps(work)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        limit = threading.Timer(_MOST_SECONDS, process.kill)
        limit.start()
        complaints: list[str] = []
        reading = threading.Thread(target=lambda: complaints.append(cast("IO[str]", process.stderr).read()))
        reading.start()
        for line in cast("IO[str]", process.stdout):
            if not line.startswith("{"):
                continue
            said: dict[str, Any] = json.loads(line)
            if "ask" in said:
                answer = keeper.answers[said["ask"]](said["number"])
                cast("IO[str]", process.stdin).write(json.dumps(answer) + "\n")
                cast("IO[str]", process.stdin).flush()
            else:
                _note(said, found, tell)
        reading.join()
        limit.cancel()
    if process.returncode:
        found.errors["worker"] = f"ended with {process.returncode}: {''.join(complaints).strip()[-500:]}"


def _note(said: dict[str, Any], found: Found, tell: Callable[[str], None]) -> None:
    if "start" in said:
        found.start = said["start"]
    elif "error" in said:
        found.errors[said["task"]] = said["error"]
    elif "median" in said:
        found.seconds[said["task"]] = said["median"]
        if said["bytes"] is not None:
            found.bytes[said["task"]] = said["bytes"]
    else:
        tell(said["task"])
