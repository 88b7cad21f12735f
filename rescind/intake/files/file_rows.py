"""What a file is read into: rows, each with its line, and what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from rescind.errors.reported import ReportedError
from rescind.intake.values import RowError

UNDECODED = re.compile("[\udc80-\udcff]")
"""What bytes that are not UTF-8 were decoded into."""
NOT_UTF8 = "is not UTF-8: save the file as UTF-8 and submit it again"


class FileError(ReportedError, ValueError):
    """The file as a whole cannot be used: a sentence for whoever submitted it."""

    problem = "file-wrong"


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


def cut_off(lines: Sequence[str], number: int) -> str:
    """What else is wrong with a line that is the last one, and has no end."""
    if number == len(lines) and not lines[-1].endswith(("\n", "\r")):
        return "; it is the last line, and seems to be cut off"
    return ""


def utf8(text: str) -> str:
    """``text``, unless it held bytes that are not UTF-8."""
    if UNDECODED.search(text):
        raise RowError(NOT_UTF8)
    return text
