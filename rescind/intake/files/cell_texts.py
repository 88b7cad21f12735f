"""The texts of a workbook's cells, as a CSV of the sheet would have them."""

from __future__ import annotations

import re
from datetime import date, datetime, time
from typing import Protocol

EXACT = 10**15
"""From this number on, Excel keeps no exact whole numbers: it has 15 digits."""
_NO_PART = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]')
"""What is no part of a date in a number format: texts, a language, a condition."""
_TIME_PART = re.compile("[hs]", re.IGNORECASE)


class Cell(Protocol):
    """What is read of a cell of openpyxl."""

    @property
    def value(self) -> object: ...

    @property
    def number_format(self) -> str | None: ...


def cell_text(cell: Cell) -> str:
    """The text that a CSV of the sheet would have."""
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, datetime) and _shows_a_day(value, cell):
        return value.date().isoformat()
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return str(value)


def _shows_a_day(value: datetime, cell: Cell) -> bool:
    """Whether its cell shows a day, without the midnight at which it begins."""
    if value.time() != time():
        return False
    return not _TIME_PART.search(_NO_PART.sub("", cell.number_format or ""))


def _number(value: float) -> str:
    if abs(value) >= EXACT:
        # The file no longer has the digits that Excel rounded.
        return f"{value:.14E}"
    return str(int(value)) if value == int(value) else repr(value)
