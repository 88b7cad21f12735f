"""The cells of a file from which intake reads a given entry.

So a file that the page writes can be corrected and uploaded. It has all columns, also
those of personal data: it is made for the session that uploaded them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from rescind.dashboard.csv_export import cell
from rescind.intake.files.columns import Cancellations
from rescind.intake.files.file_rows import FileError
from rescind.intake.validation import FIELDS
from rescind.intake.values import RowError, param_value
from rescind.provider.text import plain_text

OBJECTS = {"params": "param", "metadata": "metadata"}
"""The fields that have a column for each of their values, and what its name begins
with."""


def cells_of(entry: object) -> dict[str, str]:
    """The texts of an entry by column; none for what is no entry.

    A field of JSON Lines that is not known has no column: no file may have one.
    """
    if not isinstance(entry, Mapping):
        return {}
    given = [name for name in FIELDS if name in entry]
    found = {name: _text(entry[name]) for name in given if name not in OBJECTS}
    for name in [name for name in given if name in OBJECTS]:
        found |= _object(str(found.get("provider", "")), name, entry[name])
    return {name: text for name, text in found.items() if text}


def _object(provider: str, field: str, value: object) -> dict[str, str]:
    """A column for each value, or one for all if those would be read as another."""
    if isinstance(value, Mapping):
        named = {
            f"{OBJECTS[field]}.{name}": _value(provider, field, str(name), one)
            for name, one in value.items()
        }
        if all(_read(provider, field, one) == value for one in _written(named)):
            return named
    return {field: _json(value)}


def _written(named: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """The cells as a workbook and as a CSV file have them."""
    yield dict(named)
    yield {name: cell(text) for name, text in named.items()}


def _read(provider: str, field: str, named: Mapping[str, str]) -> object:
    """What intake reads from these columns; nothing if they cannot be columns."""
    cells, columns = {"provider": provider, "order": "x", **named}, Cancellations()
    try:
        header = columns.header([*cells], "")
        return columns.entry(header, [*cells.values()]).get(field, {})
    except (RowError, FileError):
        return None


def _value(provider: str, field: str, name: str, value: object) -> str:
    if isinstance(value, str):
        kept = field != "params" or param_value(provider, name, value) == value
        return value if kept else _json(value)
    return _text(value) if field == "metadata" else _json(value)


def _text(value: object) -> str:
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ", ".join(value)
    return plain_text(value) or ("" if value is None else _json(value))


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
