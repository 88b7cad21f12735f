"""Undoes the changes that spreadsheets and pandas make to cells."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from rescind.intake.files.file_rows import cut_off
from rescind.intake.values import RowError

AS_FORMULA = re.compile(r'="((?:[^"]|"")*)"')
"""``="86210010463"``, which stops Excel from converting a text to a number."""
AS_TEXT = re.compile(r"'[=+\-@]")
"""``'+905551234567``, which stops a spreadsheet from running a text as a formula."""
AS_FLOAT = re.compile(r"([0-9]+)[.,]0+")
"""``86210010463.0``, a whole number after its column was converted to floats."""
_BETWEEN = re.compile(r"\s*[,;]\s*")
"""Between the references in a cell of ``after``."""
EXACT = 2**53
"""From this number on, a float may not be the exact whole number."""


def bare(cell: str, *, free_text: bool = False) -> str:
    """The text of a cell, without the marks that stop a spreadsheet from changing it.

    An apostrophe before the text is such a mark, too. A ``free_text`` may begin with
    one of its own: there, it is a mark only before what begins like a formula.
    """
    text = cell.strip()
    if found := AS_FORMULA.fullmatch(text):
        return found[1].replace('""', '"').strip()
    marked = AS_TEXT.match(text) if free_text else text.startswith("'")
    return text[1:].strip() if marked else text


def whole_text(text: str) -> str:
    """An order's number as it was before its column was converted to floats."""
    found = AS_FLOAT.fullmatch(text)
    return found[1] if found else text


def whole(value: Any) -> Any:
    """``value`` with every float that is a whole number converted to an integer."""
    if isinstance(value, float) and value.is_integer() and abs(value) < EXACT:
        return int(value)
    if isinstance(value, list):
        return [whole(one) for one in value]
    if isinstance(value, dict):
        return {name: whole(one) for name, one in value.items()}
    return value


def order_of(value: Any) -> Any:
    """An order's number as it was before it, or its column, was converted."""
    return whole_text(bare(value)) if isinstance(value, str) else whole(value)


def without_trailing(cells: Sequence[str]) -> list[str]:
    """``cells`` without the empty ones at the end."""
    size = len(cells)
    while size and not cells[size - 1].strip():
        size -= 1
    return list(cells[:size])


def fitting(
    cells: Sequence[str], columns: int, lines: Sequence[str] = (), end: int = 0
) -> list[str]:
    """The cells of ``columns`` columns.

    Raises ``RowError`` if there are fewer, or if further cells are not empty. ``lines``
    and ``end`` are the text's lines, and the line after the record.
    """
    found = list(cells[:columns])
    if len(found) < columns or without_trailing(cells[columns:]):
        cut = cut_off(lines, end) if lines else ""
        raise RowError(f"has {len(cells)} columns, and the header {columns}{cut}")
    return found


def references_of(value: Any) -> Any:
    """The references in a cell of ``after``; what is no text stays as it is."""
    if not isinstance(value, str):
        return value
    return [one for one in _BETWEEN.split(value) if one]
