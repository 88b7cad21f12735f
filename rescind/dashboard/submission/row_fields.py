"""What a row of an uploaded file says, for its preview and its result.

All columns of the file are shown but those that may hold personal data.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from providers.registry import BY_NAME
from rescind.dashboard.translation import N_
from rescind.provider.text import plain_text, storable

LONGEST = 200
MOST_OTHERS = 20
"""The most params and metadata of a row that are shown."""
NAMED = ("provider", "account", "order", "key", "group", "not_before", "cancel_before")
"""The fields that have a column of their own."""
LABELS = {
    "line": N_("Line"),
    "provider": N_("Provider"),
    "account": N_("Account"),
    "order": N_("Order"),
    "key": N_("Key"),
    "group": N_("Group"),
    "not_before": N_("Not before"),
    "cancel_before": N_("Cancel before"),
    "others": N_("Other columns"),
    "verdict": N_("Result"),
    "why": N_("Why"),
    "state": N_("State"),
    "id": N_("Id"),
}
OPTIONAL = ("key", "group", "not_before", "cancel_before", "others")
"""The columns that are shown only if the file gives them."""

Fields = dict[str, str]


def fields_of(entry: object) -> Fields:
    """The texts of a row by column; no param that may be personal data."""
    if not isinstance(entry, Mapping):
        return {}
    found = {name: _text(entry.get(name)) for name in NAMED}
    others = [f"{name}={value}" for name, value in _others(entry)]
    found["others"] = ", ".join(others[:MOST_OTHERS])
    return {name: text for name, text in found.items() if text}


def _others(entry: Mapping[Any, Any]) -> Iterator[tuple[str, str]]:
    for name, value in _items(entry.get("params")):
        if not _is_personal(entry.get("provider"), name):
            yield f"param.{name}", value
    for name, value in _items(entry.get("metadata")):
        yield f"metadata.{name}", value
    for name, value in _items(entry):
        if name not in (*NAMED, "params", "metadata"):
            yield name, value


def _items(values: object) -> Iterator[tuple[str, str]]:
    if isinstance(values, Mapping):
        yield from ((_text(name), _text(value)) for name, value in values.items())


def _is_personal(provider: object, name: str) -> bool:
    known = BY_NAME.get(provider) if isinstance(provider, str) else None
    # Nobody knows which params of an unknown provider are personal.
    return known is None or name in known.sealed_params


def _text(value: object) -> str:
    if isinstance(value, dict):
        value = ", ".join(f"{name}={_text(one)}" for name, one in value.items())
    elif isinstance(value, list):
        value = ", ".join(map(_text, value))
    text = plain_text(value)
    if text is None and isinstance(value, bool):
        text = str(value).lower()
    return storable("…" if text is None and value is not None else text or "")[:LONGEST]


def columns_in(rows: Iterable[Fields]) -> list[str]:
    """The optional columns that any of the rows has."""
    given = {name for row in rows for name in row}
    return [name for name in OPTIONAL if name in given]
