"""Excel workbooks (.xlsx): their first sheet, as the texts that its CSV would hold."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from itertools import islice

from openpyxl import load_workbook

from rescind.intake.files.cells import fitting, without_trailing
from rescind.intake.files.file_rows import Columns, Document, FileError, Row
from rescind.intake.files.packed import AS_CSV, bounded_zip
from rescind.intake.values import RowError

MOST_ROWS = 1_048_576
"""Rows of a sheet that Excel has."""
MOST_COLUMNS = 200
"""Columns that are looked at."""
EXACT = 10**15
"""From here on Excel keeps no number whole: it has 15 digits."""


def read_workbook(data: bytes, name: str, columns: Columns) -> Document:
    """The first sheet's rows; raises ``FileError`` where nothing can be used."""
    rows = _rows(data, name)
    first = next((n for n, row in enumerate(rows) if any(row)), None)
    if first is None:
        raise FileError(f"{name} is empty: its first sheet has nothing to submit")
    header = columns.header(without_trailing(rows[first]), name)
    columns.check_rows(["".join(row) for row in rows[first + 1 :]], name)
    return Document(len(rows), _entries(rows, first + 1, header, columns))


def _rows(data: bytes, name: str) -> list[list[str]]:
    packed = bounded_zip(data, name)
    try:
        with warnings.catch_warnings():
            # It warns of styles and extensions, which are no matter here.
            warnings.simplefilter("ignore")
            book = load_workbook(packed, read_only=True, data_only=True)
            sheet = book.worksheets[0]
            limits = {"max_row": MOST_ROWS, "max_col": MOST_COLUMNS}
            found = sheet.iter_rows(values_only=True, **limits)
            texts = (map(_text, row) for row in islice(found, MOST_ROWS))
            return [without_trailing(list(row)) for row in texts]
    except Exception as error:  # (a library that raises whatever its XML holds)
        raise FileError(f"{name} is a broken Excel workbook: {AS_CSV}") from error


def _entries(
    rows: Sequence[Sequence[str]], start: int, header: Sequence[str], columns: Columns
) -> Iterator[Row]:
    for number, row in enumerate(rows[start:], start + 1):
        if not any(cell.strip() for cell in row):
            continue
        try:
            padded = [*row, *[""] * (len(header) - len(row))]
            yield Row(number, columns.entry(header, fitting(padded, len(header))))
        except RowError as error:
            yield Row(number, wrong=str(error))


def _text(cell: object) -> str:
    """What a CSV of the sheet would hold."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, int | float):
        return _number(cell)
    if isinstance(cell, datetime | date | time):
        return cell.isoformat()
    return str(cell)


def _number(value: float) -> str:
    if abs(value) >= EXACT:
        # What it was before Excel rounded it is not in the file any more.
        return f"{value:.14E}"
    return str(int(value)) if value == int(value) else repr(value)
