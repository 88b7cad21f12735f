"""What an order of a scenario may say beside its state, and how it is checked."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Option:
    """One option: what is allowed, in words, and the check."""

    allowed: str
    accepts: Callable[[object], bool]


def one_of(*values: object) -> Option:
    """One of these values."""
    named = ", ".join(map(str, values))
    return Option(f"one of {named}", lambda value: value in values)


def _is_number(value: object) -> bool:
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    return plain and 0 <= float(str(value)) < float("inf")


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def items_of(states: Collection[str]) -> Option:
    """Item ids, or a table of item ids with their states."""

    def accepts(value: object) -> bool:
        if isinstance(value, dict):
            return bool(value) and all(one in states for one in value.values())
        named = value if isinstance(value, list) else []
        return bool(named) and all(str(one).isdecimal() for one in named)

    words = f"a list of item ids, or a table of item ids with {', '.join(states)}"
    return Option(words, accepts)


NUMBER = Option("a number of 0 or more", _is_number)
TEXT = Option("a text", _is_text)
FLAG = Option("true or false", lambda value: isinstance(value, bool))
