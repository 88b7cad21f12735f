"""Checks values of a scenario file; each error says where, what is wrong, and what is
allowed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any


class ScenarioError(ValueError):
    """The scenario file is wrong; the text is a sentence for its author."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a scenario file: the file, its table, and a key of the table."""

    file: str
    table: str = ""
    key: str = ""

    def at(self, key: str) -> Place:
        return replace(self, key=f"{self.key}.{key}" if self.key else key)

    def wrong(self, says: str) -> ScenarioError:
        """An error at this place."""
        where = ": ".join(filter(None, (self.file, self.table, self.key)))
        return ScenarioError(f"{where}: {says}")


def known_keys(place: Place, values: Mapping[str, Any], allowed: Iterable[str]) -> None:
    """Raises ``ScenarioError`` if ``values`` has a key that is not ``allowed``."""
    names = sorted(allowed)
    for name in values:
        if name not in names:
            raise place.at(name).wrong(f"is not known{_near(name, names)}")


def one_of(place: Place, value: object, allowed: Collection[str]) -> str:
    """The value, if it is one of ``allowed``."""
    if not isinstance(value, str) or value not in allowed:
        raise place.wrong(f"{_written(value)} is not known{_near(value, allowed)}")
    return value


def needed(place: Place, values: Mapping[str, Any], name: str) -> Any:
    """The value of a key that must be there."""
    if name not in values:
        raise place.at(name).wrong("is missing")
    return values[name]


def text(place: Place, value: object, allowed: str = "a text") -> str:
    if not isinstance(value, str) or not value:
        raise place.wrong(f"must be {allowed}, not {_written(value)}")
    return value


def number(place: Place, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise place.wrong(f"must be a number, not {_written(value)}")
    if not 0 <= value < float("inf"):
        raise place.wrong("must be a number of 0 or more")
    return float(value)


def whole(place: Place, value: object, least: int, most: int) -> int:
    plain = isinstance(value, int) and not isinstance(value, bool)
    if not plain or not least <= int(str(value)) <= most:
        words = f"must be a whole number from {least} to {most}"
        raise place.wrong(f"{words}, not {_written(value)}")
    return int(str(value))


def flag(place: Place, value: object) -> bool:
    if not isinstance(value, bool):
        raise place.wrong(f"must be true or false, not {_written(value)}")
    return value


def tables(file: str, document: Mapping[str, Any], name: str) -> Sequence[Any]:
    """The tables of ``[[name]]``, each with its place."""
    found = document.get(name, [])
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise Place(file, name).wrong(f"must be tables, each begun by [[{name}]]")
    return [(Place(file, f"[[{name}]] {n}"), one) for n, one in enumerate(found, 1)]


def _near(value: object, allowed: Iterable[str]) -> str:
    names = list(allowed)
    near = get_close_matches(str(value), names, 1)
    guess = f" (did you mean {near[0]}?)" if near else ""
    return f"{guess}; allowed: {', '.join(names)}"


def _written(value: object) -> str:
    return repr(value) if isinstance(value, str | int | float | bool) else "a table"
