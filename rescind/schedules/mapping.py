"""Converts rows to cancellations: each field is a column's value, or a constant."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from difflib import get_close_matches
from typing import Any
from uuid import UUID

from providers.registry import provider_named
from rescind.config.times import parse_time
from rescind.intake.files.cells import bare, order_of, references_of, whole
from rescind.intake.references import only_if_of
from rescind.intake.validation import FIELDS
from rescind.intake.values import RowError, param_value, read_json
from rescind.schedules.source_rows import Row, SourceError
from rescind.schedules.tabular import NOT_THERE, value_at

OBJECTS = ("params", "metadata")
CONSTANTS = frozenset(FIELDS) - {"order", "key", "ref"}
"""The fields that may be the same for all cancellations of a rule."""
OPTIONAL = "?"
"""The last character of the name of a column that not every row has."""
TEMPLATE = re.compile(r"\{(\w*)\}")
NAMES = ("date", "name")
"""The names that a group may have in braces."""
MOST_COLUMNS = 20
READ: Mapping[str, Callable[[Any], Any]] = {
    "order": order_of,
    "params": whole,
    "after": references_of,
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a rule converts a row to a cancellation."""

    columns: Mapping[str, str]
    """The column of each field, including ``params.x`` and ``metadata.x``."""
    constants: Mapping[str, Any] = field(default_factory=dict)

    def entry(self, row: Row, named: Mapping[str, str]) -> dict[str, Any]:
        """The cancellation of ``row``; raises ``SourceError`` if a column is missing.

        ``named`` has the values of the names in braces.
        """
        entry = dict(self.constants)
        entry |= {name: dict(entry[name]) for name in OBJECTS if name in entry}
        if "group" in entry:
            entry["group"] = filled(entry["group"], named)
        # The provider first: it decides which parameters are texts, not numbers.
        for target in sorted(self.columns, key=lambda one: "." in one):
            value = _plain(_column(row, self.columns[target]), row, target)
            if value is not None:
                _put(entry, target, value, row)
        return entry


def filled(group: str, named: Mapping[str, str]) -> str:
    return TEMPLATE.sub(lambda found: named[found[1]], group)


def _column(row: Row, column: str) -> Any:
    name = column.removesuffix(OPTIONAL)
    found = value_at(row.values, name)
    if found is not NOT_THERE:
        return found
    if name != column:
        return None
    has = ", ".join(str(one)[:40] for one in list(row.values)[:MOST_COLUMNS])
    raise SourceError(
        f"{row.where} has no column {name!r}, which map names; its columns are:"
        f" {has or 'none'}"
    )


def _put(entry: dict[str, Any], target: str, value: Any, row: Row) -> None:
    where, _, name = target.partition(".")
    if not name:
        found = _read(value, row, target)
        read = READ.get(target)
        entry[target] = read(found) if read else found
        return
    values = entry.setdefault(where, {})
    if not isinstance(values, dict):
        raise SourceError(f"{row.where}: {where} is not an object with named values")
    if where == "params" and not row.typed:
        value = param_value(entry.get("provider"), name, bare(value))
    values[name] = whole(value) if where == "params" else value


def _read(value: Any, row: Row, target: str) -> Any:
    """A value of ``params`` or ``metadata`` in CSV, parsed as JSON; else unchanged."""
    if row.typed or target not in OBJECTS:
        return value
    try:
        return read_json(value, target)
    except RowError as error:
        raise SourceError(f"{row.where}: {error}") from None


def _plain(value: Any, row: Row, target: str) -> Any:
    """A database's value in a type of JSON."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case Decimal():
            return format(value, "f")
        case datetime() | date() | time():
            return value.isoformat()
        case UUID():
            return str(value)
        case dict():
            return {str(k): _plain(v, row, target) for k, v in value.items()}
        case list() | tuple():
            return [_plain(one, row, target) for one in value]
        case _:
            raise SourceError(
                f"{row.where}: the column for {target} has the type"
                f" {type(value).__name__}, which cannot be used: convert it to a text"
            )


# --- parsing ----------------------------------------------------------------------


def recipe_of(columns: Mapping[str, str], constants: Mapping[str, Any]) -> Recipe:
    """The recipe of a rule; ``ValueError`` or ``InvalidRequestError`` if it is wrong.

    The text of either error is a sentence.
    """
    for target, column in columns.items():
        _check_target(target)
        if not column.removesuffix(OPTIONAL):
            raise ValueError(f"map: {target} must name a column")
        if target in constants:
            raise ValueError(f"{target} is given twice: as a constant, and in map")
    for name, value in constants.items():
        _check_constant(name, value)
    if "order" not in columns:
        raise ValueError('map must name the column of the order, as in order = "id"')
    if "provider" not in {*columns, *constants}:
        raise ValueError("provider is required, as a constant or in map")
    if "only_if" in {*columns, *constants} and "after" not in {*columns, *constants}:
        raise ValueError("only_if needs after, as a constant or in map")
    return Recipe(columns, {k: _read_constant(k, v) for k, v in constants.items()})


def _read_constant(name: str, value: Any) -> Any:
    return references_of(value) if name == "after" else value


def _check_target(target: str) -> None:
    where, _, name = target.partition(".")
    if target in FIELDS or (where in OBJECTS and name):
        return
    near = get_close_matches(target, [*FIELDS, "params.", "metadata."], 1)
    hint = f": did you mean {near[0]}?" if near else ""
    raise ValueError(f"map: there is no field {target[:40]!r}{hint}")


def _check_constant(name: str, value: object) -> None:
    if name in OBJECTS:
        if not isinstance(value, dict):
            raise ValueError(f"{name} must be a table of values")
        return
    if not isinstance(value, str) or not value:
        raise ValueError(f"{name} must be a text")
    match name:
        case "provider":
            provider_named(value)
        case "group":
            _check_template(value)
        case "not_before" | "cancel_before":
            _check_time(name, value)
        case "only_if":
            only_if_of({"after": name, "only_if": value})


def _check_template(group: str) -> None:
    for found in TEMPLATE.findall(group):
        if found not in NAMES:
            known = " and ".join(f"{{{name}}}" for name in NAMES)
            raise ValueError(f"group: {{{found}}} is not known; use {known}")


def _check_time(name: str, value: str) -> None:
    try:
        parse_time(value, datetime.now(UTC))
    except ValueError as error:
        raise ValueError(f"{name} {error}") from None
