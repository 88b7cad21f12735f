"""Draws one panel as HTML: numbers, a table, or lines over time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from html import escape
from itertools import pairwise
from typing import Any

from bench.monitoring.panel_queries import Panel, Prometheus, Series
from bench.monitoring.panel_values import PALETTE, colour, with_unit, written

NO_DATA = '<p class="none">No data</p>'
LEFT, BOTTOM = 52, 18
"""Pixels for the labels of the axes."""
LINES = 4
"""Horizontal lines of a grid, at most."""
STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
Size = tuple[float, float]
Scale = Callable[[float, float], str]
Point = tuple[float, float, float]
"""A time, and the values between which the area lies."""


def stat(panel: Panel, found: Sequence[Series], _: Size) -> str:
    """One coloured field for each series."""
    mode = panel["options"]["textMode"]
    return "".join(_field(panel, one, mode) for one in found) or NO_DATA


def _field(panel: Panel, one: Series, mode: str) -> str:
    value = one.points[-1][1]
    name = f"<span>{escape(one.name)}</span>" if "name" in mode else ""
    number = f"<b>{escape(written(panel, value))}</b>" if "value" in mode else ""
    style = f"background:{colour(panel, value)}"
    return f'<div class="stat {mode}" style="{style}">{name}{number}</div>'


def table(panel: Panel, found: Sequence[Series], _: Size) -> str:
    """One row for each series, with the columns that are not taken out."""
    options = _organized(panel)
    hidden, renamed = options["excludeByName"], options["renameByName"]
    place = options["indexByName"]
    columns = sorted(
        {name for one in found for name in one.labels} - hidden.keys(),
        key=lambda name: (place.get(name, len(place)), name),
    )
    if not found:
        return NO_DATA
    head = "".join(f"<th>{escape(renamed.get(name, name))}</th>" for name in columns)
    rows = (
        "".join(f"<td>{escape(one.labels.get(name, ''))}</td>" for name in columns)
        for one in found
    )
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _organized(panel: Panel) -> dict[str, dict[str, Any]]:
    for one in panel["transformations"]:
        if one["id"] == "organize":
            return dict(one["options"])
    return {"excludeByName": {}, "renameByName": {}, "indexByName": {}}


def timeseries(asked: Prometheus) -> Callable[[Panel, Sequence[Series], Size], str]:
    """Draws lines over the time of the picture, with a legend below them."""

    def draw(panel: Panel, found: Sequence[Series], size: Size) -> str:
        if not found:
            return NO_DATA
        lines = [[(at, 0.0, value) for at, value in one.points] for one in found]
        lines = _stacked(lines) if _is_stacked(panel) else lines
        top = max((value for line in lines for _, _, value in line), default=0.0)
        step = _step(top)
        limit = step * max(1, -(-top // step))
        scale = _scale(asked, limit, size)
        drawn = [*_grid(panel, asked, step, limit, size)]
        drawn += _areas(panel, lines, scale, asked.step)
        svg = (
            f'<svg width="{size[0]:.0f}" height="{size[1]:.0f}">{"".join(drawn)}</svg>'
        )
        return svg + _legend(found)

    return draw


def _is_stacked(panel: Panel) -> bool:
    custom = panel["fieldConfig"]["defaults"]["custom"]
    return bool(custom["stacking"]["mode"] == "normal")


def _stacked(lines: Sequence[Sequence[Point]]) -> list[list[Point]]:
    """Each line on top of those before it."""
    below: dict[float, float] = {}
    stacked = []
    for line in lines:
        own = [(at, below.get(at, 0.0), value) for at, _, value in line]
        stacked.append([(at, under, under + value) for at, under, value in own])
        below |= {at: value for at, _, value in stacked[-1]}
    return stacked


def _step(top: float) -> float:
    """A round step with which ``LINES`` lines reach ``top``."""
    if not top > 0:
        return 1.0
    size = 1.0
    while size * STEPS[-1] * LINES < top:
        size *= 10
    while size * LINES >= top:
        size /= 10
    return next(size * step for step in STEPS if size * step * LINES >= top)


def _scale(asked: Prometheus, limit: float, size: Size) -> Scale:
    width, height = size[0] - LEFT, size[1] - BOTTOM

    def point(at: float, value: float) -> str:
        x = LEFT + width * (at - asked.began) / (asked.ended - asked.began)
        return f"{x:.1f},{height - (height - 6) * value / limit:.1f}"

    return point


def _grid(
    panel: Panel, asked: Prometheus, step: float, limit: float, size: Size
) -> Iterator[str]:
    unit = panel["fieldConfig"]["defaults"].get("unit", "short")
    scale = _scale(asked, limit, size)
    for n in range(round(limit / step) + 1):
        y = scale(asked.began, n * step).partition(",")[2]
        yield f'<path d="M{LEFT} {y}H{size[0]:.0f}" class="grid"/>'
        words = with_unit(n * step, unit)
        yield f'<text x="{LEFT - 4}" y="{y}" dy="4" class="y">{words}</text>'
    for part in range(4):
        at = asked.began + (asked.ended - asked.began) * part / 4
        x = scale(at, 0).partition(",")[0]
        minutes, seconds = divmod(round(at - asked.began), 60)
        words = f"{minutes}:{seconds:02}"
        yield f'<text x="{x}" y="{size[1] - 4:.0f}" class="x">{words}</text>'


def _areas(
    panel: Panel, lines: Sequence[Sequence[Point]], scale: Scale, every: float
) -> Iterator[str]:
    fill = panel["fieldConfig"]["defaults"]["custom"]["fillOpacity"] / 100
    for n, line in enumerate(lines):
        tint = PALETTE[n % len(PALETTE)]
        for part in _parts(line, every):
            points = " ".join(scale(at, value) for at, _, value in part)
            below = " ".join(scale(at, under) for at, under, _ in reversed(part))
            area = f'<polygon points="{points} {below}" fill="{tint}"'
            yield f'{area} fill-opacity="{fill}"/>'
            yield f'<polyline points="{points}" stroke="{tint}" class="line"/>'


def _parts(line: Sequence[Point], every: float) -> Iterator[list[Point]]:
    """The parts of a line: where points are missing, Grafana draws none."""
    gaps = (after[0] - before[0] > every * 1.5 for before, after in pairwise(line))
    cuts = [n for n, gap in enumerate(gaps, 1) if gap]
    for first, last in pairwise((0, *cuts, len(line))):
        yield list(line[first:last])


def _legend(found: Sequence[Series]) -> str:
    names = (
        f'<li><i style="background:{PALETTE[n % len(PALETTE)]}"></i>{escape(one.name)}'
        for n, one in enumerate(found)
    )
    return f"<ul>{''.join(names)}</ul>"
