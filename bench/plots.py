"""Results as SVG: horizontal bars, one group for each case."""

from __future__ import annotations

import math
from collections.abc import Iterator
from html import escape

from bench.markdown_tables import number
from bench.results import US, Result, Row

WIDTH, LEFT, RIGHT = 760, 200, 130
BAR, GAP, HEAD = 18, 6, 30
OURS, OTHERS, INK, WHISKER = "#0b6e4f", "#9aa5b1", "#1f2933", "#52606d"
STYLE = "font-family:system-ui,sans-serif;font-size:12px"


def bars(result: Result) -> str:
    """The whole picture. Each unit has its own scale."""
    drawn: list[str] = []
    y = HEAD + GAP
    for case in dict.fromkeys((row.case, row.unit) for row in result.rows):
        rows = [row for row in result.rows if (row.case, row.unit) == case]
        drawn.append(_text(8, y + 13, f"{case[0]} ({case[1]})", weight="bold"))
        y += BAR + GAP
        longest = max(row.spread[1] for row in result.rows if row.unit == case[1])
        for row in rows:
            drawn += _bar(row, y, longest, result.scale)
            y += BAR + GAP
        y += GAP
    title = _text(8, 20, result.title, weight="bold", size=15)
    return "\n".join([_opening(y, result.title), title, *drawn, "</svg>", ""])


def _opening(height: int, title: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"'
        f' width="{WIDTH}" height="{height}" role="img" style="{STYLE}">\n'
        f"<title>{escape(title)}</title>\n"
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>'
    )


def _bar(row: Row, y: int, longest: float, scale: str) -> Iterator[str]:
    length = _length(row.median, longest, scale)
    colour = OURS if row.who.startswith(US) else OTHERS
    yield _text(LEFT - 8, y + 13, row.who, anchor="end")
    yield (
        f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR}"'
        f' fill="{colour}"/>'
    )
    least, most = (_length(value, longest, scale) for value in row.spread)
    if most > least:
        middle = y + BAR // 2
        yield (
            f'<path d="M{LEFT + least:.1f} {middle}H{LEFT + most:.1f}"'
            f' stroke="{WHISKER}" stroke-width="2"/>'
        )
    yield _text(LEFT + max(length, most) + 6, y + 13, number(row.median))


def _length(value: float, longest: float, scale: str) -> float:
    room = WIDTH - LEFT - RIGHT
    if longest <= 0:
        return 0.0
    if scale == "log":
        return room * math.log10(1 + max(value, 0)) / math.log10(1 + longest)
    return room * value / longest


def _text(
    x: float,
    y: float,
    words: str,
    *,
    anchor: str = "start",
    weight: str = "normal",
    size: int = 12,
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{INK}" text-anchor="{anchor}"'
        f' font-weight="{weight}" font-size="{size}">{escape(words)}</text>'
    )
