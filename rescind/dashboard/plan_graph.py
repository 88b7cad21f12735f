"""Computes the graph of a plan's steps, in SVG units; a template draws it.

Steps stand in levels, from top to bottom: each below all those that it waits for. A
line that passes a level has a place of its own there, so it crosses no step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 208, 56
"""The size of a step."""
PASSING = 24
"""The width of the place of a line that passes a level."""
ACROSS, DOWN, MARGIN = 28, 52, 4
"""The space between two places side by side, between two levels, and at the edge."""
LONGEST = 21
"""Characters of a step's name that fit."""

Point = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Node:
    """A step's place: the upper left corner."""

    step: str
    x: int
    y: int

    @property
    def label(self) -> str:
        short = len(self.step) <= LONGEST
        return self.step if short else f"{self.step[: LONGEST - 1]}…"


@dataclass(frozen=True, slots=True)
class Edge:
    """A line from a step down to one that waits for it."""

    before: str
    after: str
    points: Sequence[Point]

    @property
    def path(self) -> str:
        """The line for the attribute ``d``: a curve between each two points."""
        (x, y), *others = self.points
        told = [f"M{x} {y}"]
        for to_x, to_y in others:
            half = (y + to_y) // 2
            told.append(f"C{x} {half} {to_x} {half} {to_x} {to_y}")
            x, y = to_x, to_y
        return " ".join(told)


@dataclass(frozen=True, slots=True)
class PlanGraph:
    """Everything that the template draws."""

    nodes: Sequence[Node]
    edges: Sequence[Edge]
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class _Place:
    """A place in a level: of a step, or of a line to ``target`` that passes it."""

    step: str
    target: str = ""

    @property
    def width(self) -> int:
        return PASSING if self.target else WIDTH


def graph_of(after: Mapping[str, Sequence[str]]) -> PlanGraph:
    """The graph of steps in their order, each with the names of those that it waits
    for, which come before it."""
    level = _levels(after)
    rows: list[list[_Place]] = [[] for _ in range(1 + max(level.values(), default=-1))]
    for step in after:
        rows[level[step]].append(_Place(step))
    for step, before in after.items():
        for one in before:
            for between in range(level[one] + 1, level[step]):
                rows[between].append(_Place(one, step))
    widest = max(map(_wide, rows), default=0)
    places = _places(rows, widest)
    nodes = [Node(step, *places[_Place(step)]) for step in after]
    edges = [_edge(one, step, level, places) for step in after for one in after[step]]
    height = len(rows) * (HEIGHT + DOWN) - DOWN if rows else 0
    return PlanGraph(nodes, edges, widest + 2 * MARGIN, height + 2 * MARGIN)


def _levels(after: Mapping[str, Sequence[str]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for step, before in after.items():
        found[step] = 1 + max((found[one] for one in before), default=-1)
    return found


def _wide(row: Sequence[_Place]) -> int:
    return sum(one.width for one in row) + ACROSS * (len(row) - 1)


def _places(rows: Sequence[Sequence[_Place]], widest: int) -> dict[_Place, Point]:
    """The upper left corner of each place; each level is in the middle."""
    found: dict[_Place, Point] = {}
    for number, row in enumerate(rows):
        x = MARGIN + (widest - _wide(row)) // 2
        for one in row:
            # A line has one place in each level that it passes.
            key = _Place(one.step, f"{number} {one.target}") if one.target else one
            found[key] = (x, MARGIN + number * (HEIGHT + DOWN))
            x += one.width + ACROSS
    return found


def _edge(
    before: str,
    after: str,
    level: Mapping[str, int],
    places: Mapping[_Place, Point],
) -> Edge:
    x, y = places[_Place(before)]
    points = [(x + WIDTH // 2, y + HEIGHT)]
    for number in range(level[before] + 1, level[after]):
        x, y = places[_Place(before, f"{number} {after}")]
        points += [(x + PASSING // 2, y), (x + PASSING // 2, y + HEIGHT)]
    x, y = places[_Place(after)]
    return Edge(before, after, [*points, (x + WIDTH // 2, y)])
