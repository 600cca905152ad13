"""Placing boxes in columns, so that what refers stands to the right of what it refers to, and lines meet no box.

The layered method of Sugiyama, Tagawa and Toda (1981), in its simple form: columns by the longest path, a place held in
every column that a line crosses, and the order within a column by the mean place of the neighbours (barycentre).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

Node = str
Edge = tuple[Node, Node]
"""Who refers, and to whom."""

_ROUNDS: Final = 8


@dataclass(slots=True)
class Layout:
    """Where the boxes stand.

    Attributes:
        columns: The nodes of each column, from the left and from the top; places held for lines among them.
        waypoints: For each edge the places it runs through, from the one referred to.
    """

    columns: list[list[Node]] = field(default_factory=list[list[Node]])
    waypoints: dict[Edge, list[Node]] = field(default_factory=dict[Edge, list[Node]])


def arrange(nodes: Sequence[Node], edges: Iterable[Edge]) -> Layout:
    """Columns for `nodes`, in which every edge runs from right to left where there is no circle."""
    wanted = [(child, parent) for child, parent in dict.fromkeys(edges) if child != parent]
    levels = _levels(nodes, wanted)
    layout = Layout([[] for _ in range(max(levels.values(), default=0) + 1)])
    for node in nodes:
        layout.columns[levels[node]].append(node)
    links: list[Edge] = []
    for child, parent in wanted:
        places = [parent]
        for level in range(levels[parent] + 1, levels[child]):
            held = f"\0{child}\0{parent}\0{level}"
            layout.columns[level].append(held)
            places.append(held)
        places.append(child)
        layout.waypoints[child, parent] = places
        links += list(zip(places[1:], places[:-1], strict=True))
    _order(layout.columns, links)
    return layout


def is_box(node: Node) -> bool:
    """The node is a box, rather than a place held for a line."""
    return not node.startswith("\0")


def _levels(nodes: Iterable[Node], edges: Iterable[Edge]) -> dict[Node, int]:
    parents: dict[Node, list[Node]] = {}
    for child, parent in edges:
        parents.setdefault(child, []).append(parent)
    levels: dict[Node, int] = {}
    entered: set[Node] = set()

    def level_of(node: Node) -> int:
        if node not in levels:
            entered.add(node)
            # Of a circle, the edge that closes it is left out of the count.
            above = [level_of(parent) for parent in parents.get(node, ()) if parent in levels or parent not in entered]
            levels[node] = max(above, default=-1) + 1
        return levels[node]

    for node in nodes:
        level_of(node)
    return levels


def _order(columns: list[list[Node]], links: Iterable[Edge]) -> None:
    neighbours: dict[Node, list[Node]] = {}
    for left, right in links:
        neighbours.setdefault(left, []).append(right)
        neighbours.setdefault(right, []).append(left)
    for turn in range(_ROUNDS):
        for column in columns if turn % 2 == 0 else reversed(columns):
            places = _places(columns)
            column.sort(key=lambda node: _mean(node, neighbours, places))


def _places(columns: Iterable[Sequence[Node]]) -> dict[Node, float]:
    return {node: (at + 0.5) / len(column) for column in columns for at, node in enumerate(column)}


def _mean(node: Node, neighbours: Mapping[Node, Sequence[Node]], places: Mapping[Node, float]) -> float:
    around = [places[other] for other in neighbours.get(node, ())]
    return sum(around) / len(around) if around else places[node]
