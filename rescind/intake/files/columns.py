"""The columns of a file of cancellations, and the entry that a row becomes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rescind.intake.files.cells import bare, order_of, references_of, whole
from rescind.intake.files.column_names import RESULTS, column_named
from rescind.intake.files.file_rows import NOT_UTF8, UNDECODED, FileError, NoTableError
from rescind.intake.files.nearest_column import letters_of, nearest_column
from rescind.intake.validation import FIELDS
from rescind.intake.values import RowError, param_value, provider_in_any_case, read_json

REQUIRED = ("provider", "order")
OBJECTS = ("params", "metadata")
PREFIXES = {"param.": "params", "metadata.": "metadata"}
"""Prefixes of columns such as ``param.reason_id`` and ``metadata.shop_order``."""


class Cancellations:
    """The columns of cancellations: one for each field, with its name."""

    def known(self, cell: str) -> bool:
        return _is_column(column_named(cell))

    def header(self, cells: Sequence[str], name: str) -> list[str]:
        header = [column_named(cell) for cell in cells]
        _check_header(header, name)
        return header

    def entry(self, header: Sequence[str], cells: Sequence[str]) -> dict[str, Any]:
        return _entry(header, cells)

    def check_rows(self, lines: Sequence[str], name: str) -> None:
        if not any(line.strip() for line in lines):
            raise FileError(
                f"{name} has a header and no rows: there is nothing to submit"
            )


def _is_column(name: str) -> bool:
    if name in FIELDS or name in RESULTS:
        return True
    return any(name.startswith(p) and len(name) > len(p) for p in PREFIXES)


def _check_header(header: Sequence[str], name: str) -> None:
    known = ", ".join([*FIELDS, *(f"{prefix}NAME" for prefix in PREFIXES)])
    check_decoded(header, name)
    missing = [column for column in REQUIRED if column not in header]
    if missing:
        kind = FileError if any(map(_is_column, header)) else NoTableError
        raise kind(
            f"{name}: its first line must name the columns, and lacks"
            f" {', '.join(missing)}; the columns are {known}"
        )
    unknown = {n: one for n, one in enumerate(header, 1) if not _is_column(one)}
    if unknown:
        shown = [f"{one[:40]!r} ({letters_of(n)})" for n, one in unknown.items()]
        raise FileError(
            f"{name}: no such column: {', '.join(shown[:10])}"
            f"{_meant([*unknown.values()])}. Correct its name, or remove it: a column"
            " that is not known may be a mistyped deadline, so it is not skipped. The"
            f" columns are {known}"
        )
    check_distinct(header, name)


def _meant(unknown: Sequence[str]) -> str:
    """The known columns whose names are nearest to these."""
    near = [name for one in unknown[:10] if (name := nearest_column(one))]
    return f" (did you mean {', '.join(dict.fromkeys(near))}?)" if near else ""


def check_decoded(header: Sequence[str], name: str) -> None:
    if UNDECODED.search("".join(header)):
        raise NoTableError(f"{name}: its header {NOT_UTF8}")


def check_distinct(header: Sequence[str], name: str) -> None:
    twice = sorted({column for column in header if header.count(column) > 1})
    if twice:
        raise FileError(f"{name}: its header names {', '.join(twice)} twice")


def _entry(header: Sequence[str], cells: Sequence[str]) -> dict[str, Any]:
    texts = (
        (name, bare(cell, free_text=name.startswith("metadata")))
        for name, cell in zip(header, cells, strict=True)
    )
    given = {name: text for name, text in texts if text and name not in RESULTS}
    entry: dict[str, Any] = {}
    for name, text in given.items():
        entry[name] = read_json(text, name) if name in OBJECTS else text
    if "provider" in entry:
        entry["provider"] = provider_in_any_case(entry["provider"])
    if "after" in entry:
        entry["after"] = references_of(entry["after"])
    if "order" in entry:
        entry["order"] = order_of(entry["order"])
    if "params" in entry:
        entry["params"] = whole(entry["params"])
    for name in [name for name in entry if name not in FIELDS]:
        _nest(entry, name, entry.pop(name))
    return entry


def _nest(entry: dict[str, Any], column: str, text: str) -> None:
    """Move a column such as ``param.reason_id`` into ``params`` or ``metadata``."""
    prefix = f"{column.partition('.')[0]}."
    where, name = PREFIXES[prefix], column[len(prefix) :]
    values = entry.setdefault(where, {})
    if not isinstance(values, dict):
        raise RowError(f"{where} must be an object with named values")
    if name in values:
        raise RowError(f"{where} and {column} both give {name}")
    is_param = where == "params"
    value = param_value(entry.get("provider"), name, text) if is_param else text
    values[name] = whole(value)


def whole_entry(entry: Any) -> Any:
    """An entry of JSON Lines, with integers for the floats that pandas may write, and
    the provider as it is called here."""
    if not isinstance(entry, dict):
        return entry
    named = entry.keys() & {"order", "params"}
    known = {name: whole(entry[name]) for name in named}
    if "provider" in entry:
        known["provider"] = provider_in_any_case(entry["provider"])
    return {**entry, **known}
