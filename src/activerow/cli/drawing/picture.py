"""Tables and what they refer to, as an SVG picture."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from xml.sax.saxutils import escape

from sqlalchemy import Column, Table

from activerow.cli.drawing.layout import arrange, is_box
from activerow.cli.drawing.references import Reference, references

# Pixels. Letters of the font are 0.6 of its size wide, whichever monospaced font there is.
_SIZE: Final = 12
_LETTER: Final = _SIZE * 0.62
_LINE: Final = 20
_HEAD: Final = 26
_PADDING: Final = 10
_BETWEEN_COLUMNS: Final = 110
_BETWEEN_BOXES: Final = 28
_LANE: Final = 8
_MARGIN: Final = 20

_STYLE: Final = f"""
  text {{ font: {_SIZE}px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #1f2937 }}
  .name {{ font-weight: bold; fill: #ffffff }}
  .type {{ fill: #6b7280 }}
  .key {{ font-weight: bold }}
  .box {{ fill: #ffffff; stroke: #334155 }}
  .head {{ fill: #334155 }}
  .rule {{ stroke: #e5e7eb }}
  .line {{ fill: none; stroke: #64748b; stroke-width: 1.4 }}
"""


@dataclass(frozen=True, slots=True)
class _Box:
    table: Table
    x: float
    y: float
    width: float

    @property
    def height(self) -> float:
        return _HEAD + _LINE * len(self.table.columns) + 4

    def row(self, column: str) -> float:
        """The middle of a column's line."""
        names = [known.name for known in self.table.columns]
        return self.y + _HEAD + _LINE * (names.index(column) + 0.5)


@dataclass(frozen=True, slots=True)
class _Point:
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class _Lane:
    """Where a line passes between the boxes of a column."""

    y: float
    left: float
    right: float


def svg(tables: Iterable[Table]) -> str:
    """The picture, as the text of an SVG file."""
    known = {table.name: table for table in tables}
    found = [reference for reference in references(known.values()) if reference.parent in known]
    layout = arrange(list(known), [(reference.child, reference.parent) for reference in found])
    boxes, places = _placed(layout.columns, known)
    loops: dict[str, int] = {}
    parts: list[str] = []
    for reference in found:
        way = layout.waypoints.get((reference.child, reference.parent), [])
        if reference.child == reference.parent:
            loops[reference.child] = loops.get(reference.child, 0) + 1
        parts.append(_line(reference, boxes, [places[node] for node in way[1:-1]], loops.get(reference.child, 0)))
    parts += [_drawn(box) for box in boxes.values()]
    width = max((box.x + box.width for box in boxes.values()), default=0) + _MARGIN + 30
    bottoms = [*(box.y + box.height for box in boxes.values()), *(lane.y for lane in places.values())]
    height = max(bottoms, default=0) + _MARGIN
    size = f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}"'
    ground = '<rect width="100%" height="100%" fill="#f8fafc"/>'
    body = "\n".join(parts)
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>\n<style>{_STYLE}</style>\n{ground}\n{body}\n</svg>\n'


def _width(table: Table) -> float:
    names = max(len(column.name) for column in table.columns) if len(table.columns) else 0
    kinds = max(len(kind_of(column)) for column in table.columns) if len(table.columns) else 0
    return max(len(table.name) + 2, names + kinds + 3) * _LETTER + 2 * _PADDING


def kind_of(column: Column[Any]) -> str:
    """A column's type and whether it may be empty, in few letters."""
    kind = str(column.type).lower().replace("timestamp with time zone", "timestamptz")
    return kind if column.primary_key or not column.nullable else f"{kind}?"


def _placed(columns: Sequence[Sequence[str]], tables: Mapping[str, Table]) -> tuple[dict[str, _Box], dict[str, _Lane]]:
    heights = {name: _HEAD + _LINE * len(table.columns) + 4 for name, table in tables.items()}
    totals = [
        sum(heights[node] if is_box(node) else _LANE for node in column) + _BETWEEN_BOXES * (len(column) - 1)
        for column in columns
    ]
    boxes: dict[str, _Box] = {}
    places: dict[str, _Lane] = {}
    x: float = _MARGIN
    for column, total in zip(columns, totals, strict=True):
        y = _MARGIN + (max(totals) - total) / 2
        width = max((_width(tables[node]) for node in column if is_box(node)), default=0)
        for node in column:
            if is_box(node):
                boxes[node] = _Box(tables[node], x, y, _width(tables[node]))
            else:
                places[node] = _Lane(y + _LANE / 2, x, x + width)
            y += (heights[node] if is_box(node) else _LANE) + _BETWEEN_BOXES
        x += width + _BETWEEN_COLUMNS
    return boxes, places


def _line(reference: Reference, boxes: Mapping[str, _Box], way: Sequence[_Lane], loop: int) -> str:
    child, parent = boxes[reference.child], boxes[reference.parent]
    start_y, end_y = parent.row(reference.remote[0]), child.row(reference.local[0])
    if child.x <= parent.x + parent.width:
        # In one column, or around a circle: out on the right side and back.
        right = max(child.x + child.width, parent.x + parent.width) + 14 + 10 * loop
        out, back = _Point(parent.x + parent.width, start_y), _Point(child.x + child.width, end_y)
        path = f"M{out.x:.1f},{out.y:.1f} H{right:.1f} V{back.y:.1f} H{back.x:.1f}"
        return _marked(path, out, back, reference, side=1)
    start, end = _Point(parent.x + parent.width, start_y), _Point(child.x, end_y)
    path = f"M{start.x:.1f},{start.y:.1f}"
    before = start
    for lane in way:
        path += f"{_curve(before, _Point(lane.left, lane.y))} H{lane.right:.1f}"
        before = _Point(lane.right, lane.y)
    path += _curve(before, end)
    return _marked(path, start, end, reference, side=-1)


def _curve(before: _Point, after: _Point) -> str:
    bend = (after.x - before.x) / 2
    return f" C{before.x + bend:.1f},{before.y:.1f} {after.x - bend:.1f},{after.y:.1f} {after.x:.1f},{after.y:.1f}"


def _marked(path: str, start: _Point, end: _Point, reference: Reference, *, side: int) -> str:
    """The line with a bar (and a ring, where it may be absent) at the one, and a crow's foot at the many."""
    bar = start.x + 8
    marks = f"M{bar:.1f},{start.y - 5:.1f} v10"
    ring = f'<circle class="line" cx="{start.x + 15:.1f}" cy="{start.y:.1f}" r="4"/>' if reference.optional else ""
    tip = end.x + side * 12
    if reference.single:
        marks += f" M{end.x + side * 8:.1f},{end.y - 5:.1f} v10"
    else:
        marks += (
            f" M{tip:.1f},{end.y:.1f} L{end.x:.1f},{end.y - 6:.1f} M{tip:.1f},{end.y:.1f} L{end.x:.1f},{end.y + 6:.1f}"
        )
    label = escape(f"{reference.child}.{', '.join(reference.local)} to {reference.parent}")
    return f'<g><title>{label}</title><path class="line" d="{path}"/><path class="line" d="{marks}"/>{ring}</g>'


def _drawn(box: _Box) -> str:
    left, top, inner = box.x, box.y, box.width - 10
    size = f'width="{box.width:.1f}" height="{box.height:.1f}"'
    head = f"M{left:.1f},{top + _HEAD:.1f} v-{_HEAD - 5} a5,5 0 0 1 5,-5 h{inner:.1f} a5,5 0 0 1 5,5 v{_HEAD - 5} z"
    lines = [
        f'<rect class="box" x="{left:.1f}" y="{top:.1f}" {size} rx="5"/>',
        f'<path class="head" d="{head}"/>',
        f'<text class="name" x="{left + _PADDING:.1f}" y="{top + 17:.1f}">{escape(box.table.name)}</text>',
    ]
    for number, column in enumerate(box.table.columns):
        top = box.y + _HEAD + _LINE * number
        if number:
            lines.append(f'<path class="rule" d="M{box.x + 1:.1f},{top:.1f} h{box.width - 2:.1f}"/>')
        style = ' class="key"' if column.primary_key else ""
        right = box.x + box.width - _PADDING
        lines.append(f'<text{style} x="{box.x + _PADDING:.1f}" y="{top + 14:.1f}">{escape(column.name)}</text>')
        lines.append(
            f'<text class="type" text-anchor="end" x="{right:.1f}" y="{top + 14:.1f}">{escape(kind_of(column))}</text>'
        )
    return "\n".join(lines)
