"""Reads CSV of spreadsheets and programs, record by record."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence

from rescind.intake.files.cells import fitting, without_trailing
from rescind.intake.files.file_rows import (
    Columns,
    Document,
    NoTableError,
    Row,
    cut_off,
    utf8,
)
from rescind.intake.values import RowError

DELIMITERS = (",", ";", "\t")
SEPARATOR = re.compile(r'"?sep=([^"\w\s]|\t)"?', re.IGNORECASE)
"""A first line that tells Excel which character separates the cells."""
LONGEST_RECORD = 200
"""The most lines of a quoted record; a quote that is open longer has no end."""


def read_csv(lines: Sequence[str], first: int, name: str, columns: Columns) -> Document:
    """The rows below the header, which is in the line ``first``."""

    def known(delimiter: str) -> int:
        cells = lines[first].strip().split(delimiter)
        return sum(columns.known(cell.strip('"')) for cell in cells)

    said = SEPARATOR.fullmatch(lines[first].strip("\r\n "))
    if said:
        first = next((n for n in range(first + 1, len(lines)) if lines[n].strip()), 0)
    delimiter = said[1] if said else max(DELIMITERS, key=known)
    cells = _cells([lines[first]], delimiter, name)
    header = columns.header(without_trailing(cells), name)
    columns.check_rows(lines[first + 1 :], name)
    rows = _csv_rows(lines, first + 1, delimiter, header, columns)
    return Document(len(lines), rows, header)


def _cells(record: list[str], delimiter: str, name: str) -> list[str]:
    try:
        (found,) = csv.reader(record, delimiter=delimiter, strict=True)
    except (csv.Error, ValueError):
        raise NoTableError(f"{name}: its header cannot be read as CSV") from None
    return found


def _csv_rows(
    lines: Sequence[str],
    start: int,
    delimiter: str,
    header: Sequence[str],
    columns: Columns,
) -> Iterator[Row]:
    at = start
    while at < len(lines):
        if not lines[at].strip():
            at += 1
            continue
        end = _record_end(lines, at)
        try:
            cells = _record(lines, at, end, delimiter, len(header))
            if any(cell.strip() for cell in cells):
                yield Row(at + 1, columns.entry(header, cells))
            at = end
        except RowError as error:
            yield Row(at + 1, wrong=str(error))
            # After a stray quote, the next line may be a valid row.
            at += 1


def _record_end(lines: Sequence[str], at: int) -> int:
    """The line after the record that begins at ``at``, or ``at`` if it has no end."""
    quotes = 0
    for end in range(at, min(at + LONGEST_RECORD, len(lines))):
        quotes += lines[end].count('"')
        if quotes % 2 == 0:
            return end + 1
    return at


def _record(
    lines: Sequence[str], at: int, end: int, delimiter: str, columns: int
) -> list[str]:
    if end == at:
        raise RowError(f'has a quote (") that is never closed{cut_off(lines, at + 1)}')
    record = [utf8(line) for line in lines[at:end]]
    try:
        rows = list(csv.reader(record, delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise RowError(f"cannot be read as CSV: {error}") from None
    if len(rows) != 1:
        raise RowError('has a quote (") inside a value: double it, and quote the value')
    return fitting(rows[0], columns, lines, end)
