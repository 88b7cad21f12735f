"""Reads the first sheet of Excel workbooks (.xlsx), as texts like those of its CSV."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from openpyxl import load_workbook

from rescind.intake.files.cell_texts import cell_text
from rescind.intake.files.cells import fitting, without_trailing
from rescind.intake.files.column_names import RESULTS
from rescind.intake.files.file_rows import (
    Columns,
    Document,
    FileError,
    Limits,
    Row,
    check_lines,
)
from rescind.intake.files.formulas import ADVICE, without_value
from rescind.intake.files.nearest_column import letters_of
from rescind.intake.files.packed import AS_CSV, bounded_zip
from rescind.intake.values import RowError

MOST_COLUMNS = 200
"""The most columns that are read."""


def read_workbook(data: bytes, name: str, columns: Columns, limits: Limits) -> Document:
    """The first sheet's rows; raises ``FileError`` if it cannot be used."""
    rows, unvalued = _rows(data, name, limits)
    first = next((n for n, row in enumerate(rows) if any(row) or n in unvalued), None)
    if first is None:
        raise FileError(f"{name} is empty: its first sheet has nothing to submit")
    if first in unvalued:
        raise FileError(f"{name}: its header {_formulas(first, unvalued[first])}")
    header = columns.header(without_trailing(rows[first]), name)
    lines = ("".join(row) for row in rows[first + 1 :])
    columns.check_rows([*lines, *(_formulas(*one) for one in unvalued.items())], name)
    found = _entries(rows, unvalued, first + 1, header, columns)
    return Document(len(rows), found, header)


def _rows(
    data: bytes, name: str, limits: Limits
) -> tuple[list[list[str]], dict[int, list[int]]]:
    """The texts of the rows; and by row, the columns of formulas without a value."""
    packed = bounded_zip(data, name, limits.unpacked)
    try:
        with warnings.catch_warnings():
            # openpyxl warns of styles and extensions, which do not matter here.
            warnings.simplefilter("ignore")
            book = load_workbook(packed, read_only=True, data_only=True)
            sheet = book.worksheets[0]
            # One row more than is allowed, which shows that the sheet has too many.
            last = limits.lines + 1
            found = sheet.iter_rows(max_row=last, max_col=MOST_COLUMNS)
            texts = (map(cell_text, row) for row in islice(found, last))
            rows = [without_trailing(list(row)) for row in texts]
            missing = without_value(packed, rows, MOST_COLUMNS)
    except Exception as error:  # (openpyxl raises any error for a broken XML)
        raise FileError(f"{name} is a broken Excel workbook: {AS_CSV}") from error
    check_lines(len(rows), name, limits)
    unvalued: dict[int, list[int]] = {}
    for row, column in sorted(missing):
        unvalued.setdefault(row, []).append(column)
    return rows, unvalued


def _formulas(row: int, columns: Sequence[int]) -> str:
    """What is wrong with a row that has formulas without a value in these columns."""
    cells = ", ".join(f"{letters_of(one + 1)}{row + 1}" for one in columns[:10])
    return f"has a formula without a value in {cells}: {ADVICE}"


def _entries(
    rows: Sequence[Sequence[str]],
    unvalued: Mapping[int, Sequence[int]],
    start: int,
    header: Sequence[str],
    columns: Columns,
) -> Iterator[Row]:
    # The columns that say what became of a row are not read.
    skipped = {place for place, name in enumerate(header) if name in RESULTS}
    for number, row in enumerate(rows[start:], start + 1):
        if lacking := [
            one for one in unvalued.get(number - 1, ()) if one not in skipped
        ]:
            yield Row(number, wrong=_formulas(number - 1, lacking))
            continue
        if not any(cell.strip() for cell in row):
            continue
        try:
            padded = [*row, *[""] * (len(header) - len(row))]
            yield Row(number, columns.entry(header, fitting(padded, len(header))))
        except RowError as error:
            yield Row(number, wrong=str(error))
