"""Computes a chart of stacked bars, in SVG units; a template draws it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from rescind.ledger.states import State

LEFT, TOP, HEIGHT = 46, 8, 150
LEAST = 2.0
"""The least height at which a part of a bar is seen. A lower one has a mark below the
axis, too, so that one failure among thousands shows. All parts are true to scale."""
MARKS, MARK_STEP = TOP + HEIGHT + 2, 3
"""The top of the first mark of a bar, and from one mark to the next."""
WIDTH = 674
"""The width of all bars together."""
GAP = 0.28
"""The part of a bar's place that stays empty."""
LABELS = 10
"""Bars that have a time below them, at most."""


@dataclass(frozen=True, slots=True)
class Bar:
    """The part of a bar for one state, or its mark below the axis."""

    state: State
    x: float
    y: float
    height: float
    is_mark: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """The bars of one part of time."""

    start: datetime
    x: float
    width: float
    """The width of the whole place; the bars are narrower."""
    counts: Mapping[State, int]
    bars: Sequence[Bar]
    labelled: bool


@dataclass(frozen=True, slots=True)
class Chart:
    """Everything that the template draws."""

    columns: Sequence[Column]
    bar_width: float
    ticks: Sequence[tuple[float, int]]

    @classmethod
    def empty(cls) -> Chart:
        return cls((), 0.0, ())


def chart_of(
    parts: Sequence[tuple[datetime, Mapping[State, int]]], states: Sequence[State]
) -> Chart:
    """The chart of these parts; ``states`` are stacked from bottom to top."""
    place = WIDTH / len(parts)
    top = round_up(max(sum(counts.values()) for _, counts in parts))
    every = -(-len(parts) // LABELS)
    columns = [
        Column(
            start,
            round(LEFT + at * place, 2),
            round(place, 2),
            {s: counts[s] for s in states if counts.get(s)},
            bars_of(counts, states, LEFT + (at + GAP / 2) * place, top),
            at % every == every - 1,
        )
        for at, (start, counts) in enumerate(parts)
    ]
    return Chart(columns, round(place * (1 - GAP), 2), ticks_of(top))


def ticks_of(top: int) -> list[tuple[float, int]]:
    """The places of the scale's lines, each with its number."""
    values = (0, top // 2, top)
    return [(round(TOP + HEIGHT - v * HEIGHT / top, 2), v) for v in values]


def bars_of(
    counts: Mapping[State, int], states: Sequence[State], x: float, top: int
) -> list[Bar]:
    """The parts of one bar at ``x``, from bottom to top, and then its marks."""
    foot, found = float(TOP + HEIGHT), []
    for state in states:
        if number := counts.get(state, 0):
            height = number * HEIGHT / top
            foot -= height
            found.append(Bar(state, round(x, 2), round(foot, 2), round(height, 2)))
    low = [bar for bar in found if bar.height < LEAST]
    marks = [
        Bar(bar.state, bar.x, MARKS + at * MARK_STEP, LEAST, is_mark=True)
        for at, bar in enumerate(low)
    ]
    return found + marks


def round_up(value: int) -> int:
    """The next of 4, 10, 20, 40, 100, …, so that half of it is a whole number."""
    size = 1
    while True:
        for step in (4, 10, 20):
            if value <= step * size:
                return step * size
        size *= 10
