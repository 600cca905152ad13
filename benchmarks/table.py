"""What was measured as Markdown."""

from collections.abc import Iterator
from typing import Any

from benchmarks.figures import DATABASES, Figures, rounds
from benchmarks.known import BASE, PEERS
from benchmarks.tasks import GROUPS

_TITLES = {
    "calls": "Lone calls",
    "units": "In units of work",
    "requests": "Requests",
    "scaling": "Many tasks",
    "rows": "Objects of one read",
}
_HEADS = {peer.name: peer.title for peer in PEERS}


def markdown(results: dict[str, Any], peers: list[str] | None = None) -> str:
    """Tables of speed-ups over the hand-written code; of `peers` alone, if they are named."""
    figures = Figures(results["runs"])
    parts: list[str] = []
    for database in figures.databases():
        for group in GROUPS:
            if figures.tasks(database, group):
                parts.append(f"### {_TITLES[group]}: {DATABASES[database]}\n")
                parts += [*_speedups(figures, database, group, peers), ""]
        if figures.tasks(database, "rows"):
            parts += [f"### Bytes an object: {DATABASES[database]}\n", *_memory(figures, database, peers), ""]
        parts += [f"### Milliseconds to the first row: {DATABASES[database]}\n", *_starts(figures, database, peers), ""]
    return "\n".join([*parts, *_notes(results, figures)])


def _speedups(figures: Figures, database: str, group: str, wanted: list[str] | None) -> Iterator[str]:
    shown = [peer for peer in _shown(figures, database, wanted) if peer != BASE]
    yield from _head("task", [f"{_HEADS[BASE]}, µs", *(_HEADS[peer] for peer in shown)])
    for task in figures.tasks(database, group):
        base = figures.seconds(database, task.name, BASE)
        cells = [_number(base and base * 1e6)]
        ratios = [figures.speedup(database, task.name, peer) for peer in shown]
        yield _row(task.title, [*cells, *(_ratio(ratio) for ratio in ratios)])
    means = [figures.overall(database, group, peer) for peer in shown]
    yield _row("geometric mean", ["", *(_ratio(mean and mean[0]) for mean in means)])


def _memory(figures: Figures, database: str, wanted: list[str] | None) -> Iterator[str]:
    shown = _shown(figures, database, wanted)
    yield from _head("read", [_HEADS[peer] for peer in shown])
    for task in figures.tasks(database, "rows"):
        kept = [figures.bytes(database, task.name, peer) for peer in shown]
        yield _row(task.title, [_number(size and size / (task.size or 1)) for size in kept])


def _starts(figures: Figures, database: str, wanted: list[str] | None) -> Iterator[str]:
    shown = _shown(figures, database, wanted)
    yield from _head("part", [_HEADS[peer] for peer in shown])
    for part in ("import", "open", "first get"):
        times = [figures.start(database, part, peer) for peer in shown]
        yield _row(part, [_number(time and time * 1e3) for time in times])


def _notes(results: dict[str, Any], figures: Figures) -> Iterator[str]:
    machine = results["machine"]
    yield (
        f"{rounds(results['runs'])} rounds on {machine['processor']} ({machine['cores']} cores), {machine['system']}, "
        f"Python {machine['python']}. {', '.join(f'{name} {number}' for name, number in results['servers'].items())}; "
        f"{', '.join(f'{name} {number}' for name, number in results['versions'].items())}."
    )
    yield from (f"\nLeft out: {peer}, {reason}." for peer, reason in results["left_out"].items())
    yield from (f"\nFailed: {error}" for error in figures.errors())


def _shown(figures: Figures, database: str, wanted: list[str] | None) -> list[str]:
    return [peer for peer in figures.peers(database) if wanted is None or peer in wanted]


def _head(first: str, titles: list[str]) -> Iterator[str]:
    yield _row(first, titles)
    yield _row("---", ["---:"] * len(titles))


def _row(first: str, cells: list[str]) -> str:
    return f"| {' | '.join([first, *cells])} |"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"


def _ratio(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}" if value < 10 else f"{value:.1f}"
