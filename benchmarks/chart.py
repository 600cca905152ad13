"""What was measured as a picture: how many times the hand-written code's speed, a bar for each peer."""

from typing import Any
from xml.sax.saxutils import escape

from benchmarks.figures import DATABASES, Figures
from benchmarks.known import BASE, PEERS

_WIDTH, _NAMES, _LINE, _GAP = 860, 210, 22, 46
_STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #24292f }
  .title { font-weight: 600; font-size: 15px } .small { font-size: 12px; fill: #57606a }
  .other { fill: #8c959f } .ours { fill: #0969da } .limit { fill: #d0d7de }
  .line { stroke: #57606a; stroke-dasharray: 3 3 }
  .strong { font-weight: 600 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .small { fill: #9198a1 } .other { fill: #6e7681 } .ours { fill: #4493f8 }
    .limit { fill: #3d444d } .line { stroke: #9198a1 }
  }"""


def svg(results: dict[str, Any]) -> str:
    """A chart of the lone calls, a part for each database; readable on light and on dark."""
    figures = Figures(results["runs"])
    titles = {peer.name: peer.title for peer in PEERS}
    parts: list[str] = []
    top = 0
    for database in figures.databases():
        means = {peer: found for peer in figures.peers(database) if (found := figures.overall(database, "calls", peer))}
        if not means:
            continue
        ordered = sorted(means, key=lambda peer: -means[peer][0])
        most = max(mean for mean, _ in means.values())
        all_tasks = len(figures.tasks(database, "calls"))
        parts.append(f'<text class="title" x="0" y="{top + 18}">{DATABASES[database]}</text>')
        parts.append(
            f'<text class="small" x="{_NAMES}" y="{top + 18}">'
            "times the speed of hand-written SQLAlchemy ORM, geometric mean over the tasks</text>"
        )
        one = _NAMES + _length(1, most)
        below = top + 30 + _LINE * len(ordered)
        for number, peer in enumerate(ordered):
            mean, tasks = means[peer]
            y = top + 30 + number * _LINE
            note = "" if tasks == all_tasks else f" ({tasks} of {all_tasks} tasks)"
            kind = {"activerow": "ours", "driver": "limit", BASE: "limit"}.get(peer, "other")
            strong = ' class="strong"' if kind == "ours" else ""
            parts.append(f'<text{strong} x="{_NAMES - 8}" y="{y + 14}" text-anchor="end">{escape(titles[peer])}</text>')
            parts.append(
                f'<rect class="{kind}" x="{_NAMES}" y="{y + 2}" width="{_length(mean, most):.1f}" height="16" rx="2"/>'
            )
            parts.append(
                f'<text{strong} x="{_NAMES + _length(mean, most) + 6:.1f}" y="{y + 14}">{mean:.2f}'
                f'<tspan class="small">{note}</tspan></text>'
            )
        parts.append(f'<line class="line" x1="{one:.1f}" x2="{one:.1f}" y1="{top + 28}" y2="{below}"/>')
        top = below + _GAP - 20
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {max(top, 1)}" role="img" '
        f'aria-label="Speed beside other libraries">\n<style>{_STYLE}\n</style>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _length(value: float, most: float) -> float:
    return (_WIDTH - _NAMES - 150) * value / most
