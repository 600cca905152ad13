"""Medians of what was measured, and ratios to the hand-written code of the same round."""

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from benchmarks.known import BASE, PEERS
from benchmarks.tasks import GROUPS, Task

DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "mysql": "MariaDB"}


@dataclass(frozen=True)
class Figures:
    """What a run has found, by database, task and peer."""

    runs: list[dict[str, Any]]

    def databases(self) -> list[str]:
        """The databases of the run."""
        seen = {run["database"] for run in self.runs}
        return [name for name in DATABASES if name in seen]

    def peers(self, database: str) -> list[str]:
        """The peers that did something there."""
        seen = {run["peer"] for run in self.runs if run["database"] == database and run["seconds"]}
        return [peer.name for peer in PEERS if peer.name in seen]

    def tasks(self, database: str, group: str) -> list[Task]:
        """The tasks of the group that were done there."""
        seen = {task for run in self.runs if run["database"] == database for task in run["seconds"]}
        return [task for task in GROUPS[group] if task.name in seen]

    def seconds(self, database: str, task: str, peer: str) -> float | None:
        """The median over the rounds."""
        times = self._by_round(database, task, peer, "seconds")
        return statistics.median(times.values()) if times else None

    def bytes(self, database: str, task: str, peer: str) -> float | None:
        """What the result of a call keeps."""
        kept = self._by_round(database, task, peer, "bytes")
        return statistics.median(kept.values()) if kept else None

    def start(self, database: str, part: str, peer: str) -> float | None:
        """A part of the time from an empty process to the first row."""
        times = self._by_round(database, part, peer, "start")
        return statistics.median(times.values()) if times else None

    def speedup(self, database: str, task: str, peer: str) -> float | None:
        """How many times the hand-written code's speed: the median of the ratios of each round."""
        base, times = (self._by_round(database, task, name, "seconds") for name in (BASE, peer))
        ratios = [base[number] / its for number, its in times.items() if number in base]
        return statistics.median(ratios) if ratios else None

    def overall(self, database: str, group: str, peer: str) -> tuple[float, int] | None:
        """The geometric mean of the speed-ups, and of how many tasks."""
        found = [self.speedup(database, task.name, peer) for task in self.tasks(database, group)]
        ratios = [ratio for ratio in found if ratio]
        return (math.exp(statistics.fmean(map(math.log, ratios))), len(ratios)) if ratios else None

    def errors(self) -> list[str]:
        """What a peer failed in, once each."""
        seen: dict[tuple[str, str, str], str] = {}
        for run in self.runs:
            for task, error in run["errors"].items():
                seen.setdefault((run["peer"], run["database"], task), error)
        return [f"{peer} on {database}, {task}: {error}" for (peer, database, task), error in sorted(seen.items())]

    def _by_round(self, database: str, task: str, peer: str, what: str) -> dict[int, float]:
        found: dict[int, float] = {}
        for run in self.runs:
            if run["database"] == database and run["peer"] == peer and task in run[what]:
                found[run["round"]] = run[what][task]
        return found


def rounds(runs: Iterable[dict[str, Any]]) -> int:
    """In how many rounds the runs were made."""
    by_job: dict[tuple[str, str], set[int]] = defaultdict(set)
    for run in runs:
        by_job[run["peer"], run["database"]].add(run["round"])
    return max(map(len, by_job.values()), default=0)
