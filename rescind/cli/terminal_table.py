"""Draws a table in the width of the terminal; names that are copied stay whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

WHOLE = frozenset({"id", "lane", "order", "key", "name", "rule", "run", "provider"})
"""The columns that are never folded: their cells are copied into commands."""
NARROWEST = 12
"""A column of other text may be folded to this width."""
GAP = 2
INDENT = "    "

Style = Callable[[str], str]
"""Returns the style of a cell's text."""


def draw(columns: Sequence[str], rows: Sequence[Sequence[str]], style: Style) -> None:
    """Print the table; if it is too wide, each row as a few lines."""
    console = Console()
    if _least(columns, rows) > console.width:
        for row in rows:
            for line in _lines(columns, row, console.width, style):
                console.print(line, soft_wrap=len(line) > console.width)
        return
    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        drawn.add_column(name, overflow="fold", no_wrap=name in WHOLE)
    for row in rows:
        drawn.add_row(*(Text(cell, style=style(cell)) for cell in row))
    console.print(drawn)


def _least(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """The width below which the table cannot be drawn."""
    total = GAP * (len(columns) - 1)
    for name, *cells in zip(columns, *rows, strict=True):
        natural = max(map(len, (name, *cells)))
        total += natural if name in WHOLE else min(natural, NARROWEST)
    return total


def _lines(
    columns: Sequence[str], row: Sequence[str], width: int, style: Style
) -> Iterator[Text]:
    """The row's cells, each with its column's name, in lines of at most ``width``."""
    line = Text()
    for name, cell in zip(columns, row, strict=True):
        if not cell:
            continue
        labelled = Text(f"{name} ", "dim") + Text(cell, style(cell))
        if not line:
            line = Text() + Text(cell, style(cell) or "bold")
        elif len(line) + GAP + len(labelled) <= width:
            line = line + Text(" " * GAP) + labelled
        else:
            yield line
            line = Text(INDENT) + labelled
    yield line
