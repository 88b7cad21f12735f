"""Files of cancellations: CSV with a header, or JSON Lines.

A row that cannot be read never stops the others: it is handed on with its line and
what is wrong with it. Nothing is guessed: neither an encoding nor a missing column.
"""

from __future__ import annotations

import csv
import io
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from worker.cli.values import RowError, param_value, read_json
from worker.entries import FIELDS

REQUIRED = ("provider", "order")
OBJECTS = ("params", "metadata")
PREFIXES = {"param.": "params", "metadata.": "metadata"}
"""Columns such as ``param.reason_id`` and ``metadata.shop_order``."""
DELIMITERS = (",", ";", "\t")
LONGEST_RECORD = 200
"""Lines of one quoted CSV record; a quote that is open for longer was never closed."""
UNDECODED = re.compile("[\udc80-\udcff]")
"""What bytes that are not UTF-8 were decoded into."""
NOT_UTF8 = "is not UTF-8: save the file as UTF-8 and submit it again"


class FileError(ValueError):
    """The file as a whole cannot be used: a sentence for whoever submitted it."""


@dataclass(frozen=True, slots=True)
class Row:
    """One cancellation of a file, or ``wrong``: why it could not be read."""

    line: int
    entry: object = None
    wrong: str | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A file's rows, read as they are asked for, and how many lines it has."""

    lines: int
    rows: Iterator[Row]


def load(name: str) -> Document:
    """The file of that name, ``-`` being standard input; may raise ``FileError``."""
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except FileNotFoundError:
        raise FileError(f"{name} does not exist") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise FileError(f"{name} cannot be read: {why}") from None
    return parse(data, "standard input" if name == "-" else name)


class Columns(Protocol):
    """What the columns of a CSV file may be, and what a row of them is."""

    def known(self, cell: str) -> bool:
        """Whether a cell of the header is what it might be."""

    def header(self, cells: Sequence[str], name: str) -> list[str]:
        """The columns' names; raises ``FileError`` where they cannot be used."""

    def entry(self, header: Sequence[str], cells: Sequence[str]) -> dict[str, Any]:
        """One row; raises ``RowError``."""

    def check_rows(self, lines: Sequence[str], name: str) -> None:
        """Raises ``FileError`` where there are too few ``lines`` below the header."""


def parse(data: bytes, name: str, columns: Columns | None = None) -> Document:
    """``data`` as rows; raises ``FileError`` where nothing of it can be used.

    The columns are those of cancellations, unless they are said to be others.
    """
    text = data.decode("utf-8-sig", "surrogateescape")
    lines = list(io.StringIO(text, newline=""))
    first = next((n for n, line in enumerate(lines) if line.strip()), None)
    if first is None:
        raise FileError(f"{name} is empty: there is nothing to submit")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or "\x00" in lines[first]:
        raise FileError(f"{name} is UTF-16 or no text at all: save it as UTF-8")
    if lines[first].lstrip().startswith("{"):
        return Document(len(lines), _json_rows(lines))
    if lines[first].lstrip().startswith("["):
        raise FileError(
            f"{name} holds a JSON array: write one object on each line instead,"
            f" such as with `jq -c '.[]'`"
        )
    return read_csv(lines, first, name, columns or Cancellations())


def _json_rows(lines: Sequence[str]) -> Iterator[Row]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield Row(number, read_json(_utf8(line), "it"))
        except RowError as error:
            yield Row(number, wrong=f"{error}{_cut_off(lines, number)}")


def _cut_off(lines: Sequence[str], number: int) -> str:
    if number == len(lines) and not lines[-1].endswith(("\n", "\r")):
        return "; it is the last line, and seems to be cut off"
    return ""


def _utf8(text: str) -> str:
    """``text``, unless it held bytes that are not UTF-8."""
    if UNDECODED.search(text):
        raise RowError(NOT_UTF8)
    return text


# --- CSV --------------------------------------------------------------------------


class Cancellations:
    """A column for each field of a cancellation, by its name."""

    def known(self, cell: str) -> bool:
        return _is_column(_column(cell))

    def header(self, cells: Sequence[str], name: str) -> list[str]:
        header = [_column(cell) for cell in cells]
        _check_header(header, name)
        return header

    def entry(self, header: Sequence[str], cells: Sequence[str]) -> dict[str, Any]:
        return _entry(header, cells)

    def check_rows(self, lines: Sequence[str], name: str) -> None:
        if not any(line.strip() for line in lines):
            raise FileError(
                f"{name} has a header and no rows: there is nothing to submit"
            )


def read_csv(lines: Sequence[str], first: int, name: str, columns: Columns) -> Document:
    """The rows below the header, which is the line ``first``."""

    def known(delimiter: str) -> int:
        cells = lines[first].strip().split(delimiter)
        return sum(columns.known(cell.strip('"')) for cell in cells)

    delimiter = max(DELIMITERS, key=known)
    header = columns.header(_cells([lines[first]], delimiter, name), name)
    columns.check_rows(lines[first + 1 :], name)
    rows = _csv_rows(lines, first + 1, delimiter, header, columns)
    return Document(len(lines), rows)


def _cells(record: list[str], delimiter: str, name: str) -> list[str]:
    try:
        (found,) = csv.reader(record, delimiter=delimiter, strict=True)
    except (csv.Error, ValueError):
        raise FileError(f"{name}: its header cannot be read as CSV") from None
    return found


def _column(cell: str) -> str:
    """A column's name; capitals matter only in a parameter's own name."""
    text = cell.strip()
    before, dot, after = text.partition(".")
    return f"{before.lower()}{dot}{after}"


def _is_column(name: str) -> bool:
    if name in FIELDS:
        return True
    return any(name.startswith(p) and len(name) > len(p) for p in PREFIXES)


def _check_header(header: Sequence[str], name: str) -> None:
    known = f"{', '.join(FIELDS)}, param.NAME and metadata.NAME"
    check_decoded(header, name)
    missing = [column for column in REQUIRED if column not in header]
    if missing:
        raise FileError(
            f"{name}: its first line must name the columns, and lacks"
            f" {' and '.join(missing)}; they are {known}"
        )
    unknown = [repr(column[:40]) for column in header if not _is_column(column)]
    if unknown:
        raise FileError(
            f"{name}: no such column: {', '.join(unknown[:10])}; they are {known}"
        )
    check_distinct(header, name)


def check_decoded(header: Sequence[str], name: str) -> None:
    if UNDECODED.search("".join(header)):
        raise FileError(f"{name}: its header {NOT_UTF8}")


def check_distinct(header: Sequence[str], name: str) -> None:
    twice = sorted({column for column in header if header.count(column) > 1})
    if twice:
        raise FileError(f"{name}: its header names {', '.join(twice)} twice")


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
            # After a stray quote the very next line may be a good row.
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
        raise RowError(f'has a quote (") that is never closed{_cut_off(lines, at + 1)}')
    record = [_utf8(line) for line in lines[at:end]]
    try:
        rows = list(csv.reader(record, delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise RowError(f"cannot be read as CSV: {error}") from None
    if len(rows) != 1:
        raise RowError('has a quote (") inside a value: double it, and quote the value')
    if len(rows[0]) != columns:
        raise RowError(
            f"has {len(rows[0])} columns, and the header {columns}"
            f"{_cut_off(lines, end)}"
        )
    return rows[0]


def _entry(header: Sequence[str], cells: Sequence[str]) -> dict[str, Any]:
    given = {
        name: cell.strip()
        for name, cell in zip(header, cells, strict=True)
        if cell.strip()
    }
    entry: dict[str, Any] = {}
    for name, text in given.items():
        entry[name] = read_json(text, name) if name in OBJECTS else text
    for name in [name for name in entry if name not in FIELDS]:
        _nest(entry, name, entry.pop(name))
    return entry


def _nest(entry: dict[str, Any], column: str, text: str) -> None:
    """Move a column such as ``param.reason_id`` to where it belongs."""
    prefix = f"{column.partition('.')[0]}."
    where, name = PREFIXES[prefix], column[len(prefix) :]
    values = entry.setdefault(where, {})
    if not isinstance(values, dict):
        raise RowError(f"{where} must be an object with named values")
    if name in values:
        raise RowError(f"{where} and {column} both give {name}")
    is_param = where == "params"
    values[name] = param_value(entry.get("provider"), name, text) if is_param else text
