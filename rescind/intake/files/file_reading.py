"""Reads a file's rows: CSV with a header, JSON Lines or an Excel workbook.

Each may be compressed with gzip.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from rescind.intake.files.columns import Cancellations, whole_entry
from rescind.intake.files.delimited import read_csv
from rescind.intake.files.file_rows import (
    Columns,
    Document,
    FileError,
    Limits,
    NoTableError,
    Row,
    check_lines,
    cut_off,
    utf8,
)
from rescind.intake.files.legacy_encoding import as_utf8
from rescind.intake.files.packed import AS_CSV, is_workbook, unpacked
from rescind.intake.values import RowError, read_json

NO_TABLES = (b"%PDF-", b"\x89PNG", b"\xff\xd8\xff")
"""First bytes of a PDF, and of pictures: PNG and JPEG."""

UTF_16 = ("\udcff\udcfe", "\udcfe\udcff")
"""First characters of UTF-16, after ``surrogateescape``."""
JSON_LINES = (".jsonl", ".ndjson")
WORKBOOKS = (".xlsx", ".xlsm")


def load(name: str) -> Document:
    """The rows of the file ``name``, or of standard input for ``-``; ``FileError``."""
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except FileNotFoundError:
        raise FileError(f"{name} does not exist") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise FileError(f"{name} cannot be read: {why}") from None
    return parse_written(data, "standard input" if name == "-" else name)


def parse_written(data: bytes, name: str, limits: Limits | None = None) -> Document:
    """The rows of a file that a person wrote: it may be in Windows-1254, too.

    Raises ``FileError`` if none of it can be used.
    """
    text, turkish = as_utf8(data)
    return replace(parse(text, name, limits=limits), turkish=turkish)


def parse(
    data: bytes,
    name: str,
    columns: Columns | None = None,
    limits: Limits | None = None,
) -> Document:
    """The rows of ``data``; raises ``FileError`` if none of it can be used.

    ``columns`` are by default those of cancellations.
    """
    limits = limits or Limits()
    data = unpacked(data, name, limits.unpacked)
    if is_workbook(data, name):
        # Imported only for workbooks: the import is slow.
        from rescind.intake.files.workbook import read_workbook

        return read_workbook(data, name, columns or Cancellations(), limits)
    if data.startswith(NO_TABLES):
        raise FileError(
            f"{name} is a PDF or a picture, not a table: submit an .xlsx workbook,"
            f" CSV or JSON Lines"
        )
    text = data.decode("utf-8-sig", "surrogateescape")
    lines = list(io.StringIO(text, newline=""))
    check_lines(len(lines), name, limits)
    try:
        return _document(lines, name, columns or Cancellations())
    except NoTableError:
        # What the file should be is shown by its name alone.
        ending = name.lower().removesuffix(".gz")
        if ending.endswith(JSON_LINES) and "\x00" not in text:
            return Document(len(lines), _json_rows(lines))
        if ending.endswith(WORKBOOKS):
            raise FileError(f"{name} is a broken Excel workbook: {AS_CSV}") from None
        raise


def _document(lines: Sequence[str], name: str, columns: Columns) -> Document:
    first = next((n for n, line in enumerate(lines) if line.strip()), None)
    if first is None:
        raise FileError(f"{name} is empty: there is nothing to submit")
    if lines[0].startswith(UTF_16) or "\x00" in lines[first]:
        raise NoTableError(f"{name} is UTF-16, or is not a text: save it as UTF-8")
    if lines[first].lstrip().startswith("{"):
        return Document(len(lines), _json_rows(lines))
    if lines[first].lstrip().startswith("["):
        raise FileError(
            f"{name} holds a JSON array: write one object on each line instead,"
            f" such as with `jq -c '.[]'`"
        )
    return read_csv(lines, first, name, columns)


def _json_rows(lines: Sequence[str]) -> Iterator[Row]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield Row(number, whole_entry(read_json(utf8(line), "it")))
        except RowError as error:
            yield Row(number, wrong=f"{error}{cut_off(lines, number)}")
