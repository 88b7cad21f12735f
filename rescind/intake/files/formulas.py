"""Finds the cells of a workbook that hold a formula, but no value of it.

A spreadsheet program writes the last value beside each formula. Most other programs
write the formula alone: its cell would be read as an empty one.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from openpyxl import load_workbook

FORMULA = re.compile(rb"<(?:\w+:)?f[ />]")
"""The element of a formula, in any part of a workbook."""
TEXT = "str"
"""The type of a cell whose formula gives a text, which may be empty."""
ADVICE = (
    "open the file in Excel or LibreOffice and save it, or write the values themselves,"
    " then submit it again"
)
Cell = tuple[int, int]
"""A row and a column, from 0 on."""


def without_value(
    packed: io.BytesIO, rows: Sequence[Sequence[str]], width: int
) -> set[Cell]:
    """The cells of the first sheet that hold a formula without a value.

    ``rows`` are the texts that were read of it. ``packed`` has uncompressed members.
    A workbook with a formula that openpyxl cannot read is taken as one without: its
    values were read before.
    """
    if not FORMULA.search(packed.getbuffer()):
        return set()
    try:
        return _without_value(packed, rows, width)
    except Exception:  # noqa: BLE001  (openpyxl raises any error for such a formula)
        return set()


def _without_value(
    packed: io.BytesIO, rows: Sequence[Sequence[str]], width: int
) -> set[Cell]:
    area = (len(rows), width)
    found = {
        place
        for place, cell in _cells(packed, *area, values=False)
        if cell.data_type == "f" and not _has_text(rows, place)
    }
    if not found:
        return set()
    texts = {
        place
        for place, cell in _cells(packed, *area, values=True)
        if place in found and cell.data_type == TEXT
    }
    return found - texts


def _cells(
    packed: io.BytesIO, height: int, width: int, *, values: bool
) -> Iterator[tuple[Cell, Any]]:
    """The cells with their places; with ``values``, the values of formulas."""
    book = load_workbook(packed, read_only=True, data_only=values)
    read = book.worksheets[0].iter_rows(max_row=height, max_col=width)
    for number, row in enumerate(islice(read, height)):
        yield from (((number, place), cell) for place, cell in enumerate(row))


def _has_text(rows: Sequence[Sequence[str]], place: Cell) -> bool:
    row = rows[place[0]]
    return place[1] < len(row) and row[place[1]] != ""
