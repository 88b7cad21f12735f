"""Cells as spreadsheets and pandas leave them, and the values that they stand for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from rescind.intake.files.file_rows import cut_off
from rescind.intake.values import RowError

AS_FORMULA = re.compile(r'="((?:[^"]|"")*)"')
"""``="86210010463"``, which keeps Excel from making a number of a text."""
AS_FLOAT = re.compile(r"([0-9]+)[.,]0+")
"""``86210010463.0``, in which a whole number is left when its column became floats."""
EXACT = 2**53
"""From here on a float is no certain whole number."""


def bare(cell: str, *, quoted: bool = True) -> str:
    """The text in a cell, without what keeps a spreadsheet from changing it. Where
    ``quoted``, that may be an apostrophe before it."""
    text = cell.strip()
    if found := AS_FORMULA.fullmatch(text):
        return found[1].replace('""', '"').strip()
    return text[1:].strip() if quoted and text.startswith("'") else text


def whole_text(text: str) -> str:
    """An order's number as it was before its column became floats."""
    found = AS_FLOAT.fullmatch(text)
    return found[1] if found else text


def whole(value: Any) -> Any:
    """``value`` with each float in it that is a whole number as that."""
    if isinstance(value, float) and value.is_integer() and abs(value) < EXACT:
        return int(value)
    if isinstance(value, list):
        return [whole(one) for one in value]
    if isinstance(value, dict):
        return {name: whole(one) for name, one in value.items()}
    return value


def order_of(value: Any) -> Any:
    """An order's number as it was before it, or its column, became floats."""
    return whole_text(bare(value)) if isinstance(value, str) else whole(value)


def without_trailing(cells: Sequence[str]) -> list[str]:
    """``cells`` without empty ones at their end."""
    size = len(cells)
    while size and not cells[size - 1].strip():
        size -= 1
    return list(cells[:size])


def fitting(
    cells: Sequence[str], columns: int, lines: Sequence[str] = (), end: int = 0
) -> list[str]:
    """The cells of so many columns; raises ``RowError`` if there are fewer, or more
    that are not empty. In a text, the record ends before the line ``end``."""
    found = list(cells[:columns])
    if len(found) < columns or without_trailing(cells[columns:]):
        cut = cut_off(lines, end) if lines else ""
        raise RowError(f"has {len(cells)} columns, and the header {columns}{cut}")
    return found
