"""The rows of a file, each with its line number and its fault."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from rescind.errors.reported import ReportedError
from rescind.intake.values import RowError

UNDECODED = re.compile("[\udc80-\udcff]")
"""The characters that ``surrogateescape`` makes of bytes that are not UTF-8."""
NOT_UTF8 = "is not UTF-8: save the file as UTF-8 and submit it again"


class FileError(ReportedError, ValueError):
    """The whole file cannot be used; the text is a sentence for the user."""

    problem = "file-wrong"


class NoTableError(FileError):
    """The file has no header of which any column is known, or is not a text."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a file is read; a file that has more is refused."""

    unpacked: int | None = None
    """Bytes after unpacking; ``None`` is the limit for a user's own files."""
    lines: int = 1_048_576
    """Lines of a text or of a sheet; Excel's sheets have no more."""


@dataclass(frozen=True, slots=True)
class Row:
    """One cancellation of a file, or ``wrong``: why it could not be read."""

    line: int
    entry: object = None
    wrong: str | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A file's rows, which are read lazily, and the number of its lines."""

    lines: int
    rows: Iterator[Row]
    header: Sequence[str] = ()
    """The columns of a table, as ``Columns.header`` names them."""
    turkish: bool = False
    """Whether the file was read as Windows-1254."""


class Columns(Protocol):
    """The columns that a CSV file may have, and the entries that its rows become."""

    def known(self, cell: str) -> bool:
        """Whether a cell of the header names a known column."""

    def header(self, cells: Sequence[str], name: str) -> list[str]:
        """The columns' names; raises ``FileError`` if they cannot be used."""

    def entry(self, header: Sequence[str], cells: Sequence[str]) -> dict[str, Any]:
        """The entry of one row; raises ``RowError``."""

    def check_rows(self, lines: Sequence[str], name: str) -> None:
        """Raises ``FileError`` if there are too few ``lines`` below the header."""


def cut_off(lines: Sequence[str], number: int) -> str:
    """A remark if the line is the last one and has no line end, else empty."""
    if number == len(lines) and not lines[-1].endswith(("\n", "\r")):
        return "; it is the last line, and seems to be cut off"
    return ""


def check_lines(count: int, name: str, limits: Limits) -> None:
    """Raises ``FileError`` for a file with more lines than ``limits`` allow."""
    if count > limits.lines:
        raise FileError(f"{name} has more than {limits.lines:,} lines: split it")


def utf8(text: str) -> str:
    """``text``; raises ``RowError`` if it had bytes that are not UTF-8."""
    if UNDECODED.search(text):
        raise RowError(NOT_UTF8)
    return text


def with_defaults(rows: Iterable[Row], **given: str | None) -> Iterator[Row]:
    """``rows``; a row without one of these fields gets the given value."""
    values = {name: value for name, value in given.items() if value is not None}
    for row in rows:
        entry = row.entry
        if isinstance(entry, dict):
            lacking = {name: v for name, v in values.items() if not entry.get(name)}
            yield Row(row.line, {**entry, **lacking}, row.wrong) if lacking else row
        else:
            yield row
