"""`python -m benchmarks`: measure, and write JSON, a table and a chart."""

import argparse
import json
import os
import platform
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from rich.console import Console
from rich.markdown import Markdown
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from benchmarks.chart import svg
from benchmarks.known import BASE, PEERS, Known, versions
from benchmarks.peer import Dialect
from benchmarks.rounds import jobs, run
from benchmarks.stores import MySQLStore, PostgreSQLStore, SQLiteStore, Store
from benchmarks.table import markdown
from benchmarks.tasks import GROUPS, chosen
from tests.tools.backends.run import Run
from tests.tools.backends.servers import ADMIN_URL_VARIABLES, missing

_WORDS = {"sqlite": "sqlite", "pg": "postgresql", "postgresql": "postgresql", "mariadb": "mysql", "mysql": "mysql"}
_CONSOLE = Console()


def main(arguments: argparse.Namespace) -> None:
    """Measure what is asked for, and write it down."""
    tasks = chosen(arguments.tasks)
    left_out: dict[str, str] = {}
    peers = _peers(arguments.peers, left_out)
    with _stores(arguments.databases, left_out) as stores:
        work = jobs(peers, stores, tasks)
        with _progress(len(work) * arguments.rounds) as tell:
            runs = [vars(found) for found in run(work, stores, arguments.rounds, arguments.seconds, tell)]
        results: dict[str, Any] = {
            "machine": _machine(),
            "servers": {name: store.version() for name, store in stores.items()},
            "versions": versions(),
            "left_out": left_out,
            "seconds_of_each_task": arguments.seconds,
            "runs": runs,
        }
    arguments.out.mkdir(parents=True, exist_ok=True)
    table = markdown(results)
    Path(arguments.out, "results.json").write_text(json.dumps(results, indent=1) + "\n")
    Path(arguments.out, "table.md").write_text(table + "\n")
    Path(arguments.out, "chart.svg").write_text(svg(results))
    _CONSOLE.print(Markdown(table))
    _CONSOLE.print(f"{arguments.out}: results.json, table.md, chart.svg")


def _peers(words: list[str], left_out: dict[str, str]) -> list[Known]:
    """The hand-written code, and the peers that are asked for and installed."""
    known = [peer.name for peer in PEERS]
    if unknown := [word for word in words if word not in known]:
        raise SystemExit(f"no peer is called {unknown[0]!r}; there are {', '.join(known)}")
    asked = [peer for peer in PEERS if not words or peer.name in {*words, BASE}]
    for peer in asked:
        if package := peer.missing():
            left_out[peer.name] = f"{package} is not installed for Python {platform.python_version()}"
            _CONSOLE.print(f"left out: {peer.name}, {left_out[peer.name]}")
    return [peer for peer in asked if peer.name not in left_out]


@contextmanager
def _stores(words: list[str], left_out: dict[str, str]) -> Generator[dict[Dialect, Store]]:
    """The databases that are asked for and can be had; servers that were started for it end with it."""
    dialects: list[Dialect] = [cast("Dialect", _WORDS[word]) for word in words]
    run = Run.begin()
    memory = Path("/dev/shm")  # noqa: S108 - a folder with a name of its own is made in it
    with tempfile.TemporaryDirectory(
        prefix="activerow-bench-", dir=memory if os.access(memory, os.W_OK) else None
    ) as folder:
        stores: dict[Dialect, Store] = {}
        try:
            for dialect in dialects:
                if reason := missing(dialect):
                    left_out[dialect] = reason
                    _CONSOLE.print(f"left out: {dialect}, {reason}")
                elif dialect == "sqlite":
                    stores[dialect] = SQLiteStore(Path(folder))
                else:
                    kind = PostgreSQLStore if dialect == "postgresql" else MySQLStore
                    stores[dialect] = kind(run.admin_url(dialect))
            yield stores
        finally:
            for store in stores.values():
                store.close()
            run.end()


@contextmanager
def _progress(total: int) -> Generator[Callable[[str, bool], None]]:
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(TextColumn("{task.description}"), *columns, console=_CONSOLE) as progress:
        bar = progress.add_task("starting", total=total)

        def tell(what: str, over: bool) -> None:
            progress.update(bar, description=what, advance=int(over))

        yield tell


def _machine() -> dict[str, Any]:
    models = [line.partition(":")[2].strip() for line in _cpuinfo() if line.startswith("model name")]
    return {
        "processor": models[0] if models else platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


def _words(text: str) -> list[str]:
    return [word for word in text.replace(",", " ").split() if word]


def _databases(text: str) -> list[str]:
    words = _words(text)
    if unknown := [word for word in words if word not in _WORDS]:
        raise argparse.ArgumentTypeError(f"no database is called {unknown[0]!r}; there are {', '.join(_WORDS)}")
    return words


def _tasks(text: str) -> list[str]:
    try:
        chosen(words := _words(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return words


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("benchmarks", description="Measure activerow beside other ways to a database.")
    servers = " and ".join(ADMIN_URL_VARIABLES.values())
    parser.add_argument("--rounds", type=int, default=5, help="how often each peer has its turn (5)")
    parser.add_argument("--seconds", type=float, default=0.15, help="how long each task is timed in a round (0.15)")
    parser.add_argument(
        "--tasks", type=_tasks, default=["calls"], help=f"names, or groups: {', '.join(GROUPS)} (calls)"
    )
    parser.add_argument(
        "--peers", type=_words, default=[], help=f"all, or of: {', '.join(peer.name for peer in PEERS)}"
    )
    parser.add_argument(
        "--databases",
        type=_databases,
        default=["sqlite", "postgresql", "mariadb"],
        help=f"of sqlite, postgresql, mariadb; private servers are started unless {servers} name some (all)",
    )
    parser.add_argument("--out", type=Path, default=Path("build/benchmarks"), help="the folder for what is written")
    return parser


if __name__ == "__main__":
    main(_parser().parse_args())
