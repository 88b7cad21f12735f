"""Reads rows of files and feeds: CSV with any header, JSON Lines, or JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from rescind.intake.files.columns import check_decoded, check_distinct
from rescind.intake.files.file_reading import parse
from rescind.intake.files.file_rows import FileError
from rescind.intake.files.packed import unpacked
from rescind.intake.values import RowError, read_json
from rescind.schedules.rule_secrets import Secret
from rescind.schedules.source_rows import LARGEST, Row, SourceError, Written

Format = Literal["csv", "jsonl", "json"]
NOT_THERE = object()


class FileSource(Written):
    """A ``file``, and its format if its content does not show it."""

    file: str = Field(min_length=1)
    format: Format | None = None
    items: str | None = None

    def secrets(self) -> list[Secret]:
        return []

    def read(self, most: int) -> list[Row]:
        return table(_content(self.file), self.file, self.format, self.items, most)


def _content(name: str) -> bytes:
    try:
        with Path(name).open("rb") as file:
            data = file.read(LARGEST + 1)
    except FileNotFoundError:
        raise SourceError(f"the file {name} does not exist", passing=True) from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "its name is wrong"
        raise SourceError(f"the file {name} cannot be read: {why}") from None
    if len(data) > LARGEST:
        raise SourceError(f"the file {name} is larger than {LARGEST >> 20} MB")
    return data


def table(
    data: bytes, name: str, form: Format | None, items: str | None, most: int
) -> list[Row]:
    """The first rows of ``data``; raises ``SourceError`` if one cannot be read."""
    try:
        rows = _document(data, items) if form == "json" else _lines(data, name, form)
        return list(islice(rows, most))
    except (FileError, RowError) as error:
        begins = "" if isinstance(error, FileError) else f"{name}: "
        raise SourceError(f"{begins}{error}") from None


def _lines(data: bytes, name: str, form: Format | None) -> Iterator[Row]:
    data = unpacked(data, name)
    if form == "jsonl" and not data.strip():
        return
    is_json = data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{"
    if form is not None and is_json != (form == "jsonl") and data.strip():
        kind = "JSON Lines" if form == "jsonl" else "CSV with a header"
        raise FileError(f"{name} is not {kind}, as its format says")
    for row in parse(data, name, AnyColumns()).rows:
        where = f"line {row.line}"
        if row.wrong is not None:
            raise FileError(f"{name}, {where}: {row.wrong}")
        yield Row(where, _object(row.entry, where), typed=is_json)


def _object(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise RowError(f"{where} is not an object with named values")
    return value


class AnyColumns:
    """Columns of any names, without repetition."""

    def known(self, cell: str) -> bool:
        return bool(cell.strip())

    def header(self, cells: Sequence[str], name: str) -> list[str]:
        header = [cell.strip() for cell in cells]
        check_decoded(header, name)
        check_distinct(header, name)
        return header

    def entry(self, header: Sequence[str], cells: Sequence[str]) -> dict[str, Any]:
        texts = (cell.strip() or None for cell in cells)
        return dict(zip(header, texts, strict=True))

    def check_rows(self, lines: Sequence[str], name: str) -> None:
        """Accept a file without rows: there may be nothing to cancel."""


# --- one JSON document ------------------------------------------------------------


def _document(data: bytes, items: str | None) -> Iterator[Row]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise RowError("it is not UTF-8") from None
    found = read_json(text, "it")
    if items is not None:
        found = value_at(found, items)
    if not isinstance(found, list):
        where = "it" if items is None else f"its {items}"
        hint = "; items names where the list is" if items is None else ""
        raise RowError(f"{where} is not a list{hint}")
    for number, one in enumerate(found, 1):
        where = f"entry {number}"
        yield Row(where, _object(one, where))


def value_at(found: object, path: str) -> Any:
    """The value at a path such as ``data.orders``, or ``NOT_THERE``."""
    if isinstance(found, dict) and path in found:
        return found[path]
    for step in path.split("."):
        if not isinstance(found, dict) or step not in found:
            return NOT_THERE
        found = found[step]
    return found
