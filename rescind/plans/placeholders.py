"""Placeholders in the texts of a template: ``{name}`` is the input's value of a name.

A text that is one placeholder alone becomes the value itself, with its type. In any
other text the value is written as text. ``{{`` and ``}}`` are a brace itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from rescind.provider.text import plain_text

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)
_PIECE = re.compile(r"\{\{|\}\}|\{[^{}]*\}|[{}]|[^{}]+")
SHOWN = 40
"""Characters of a wrong placeholder that its message shows."""


@dataclass(frozen=True, slots=True)
class Placeholder:
    name: str


class NotTextError(ValueError):
    """The value of ``name`` cannot be part of a text."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} must be a text, a number, true or false")
        self.name = name


@lru_cache(maxsize=1024)
def pieces(text: str) -> tuple[str | Placeholder, ...]:
    """The parts of ``text``; raises ``ValueError`` with a sentence."""
    return tuple(_piece(found) for found in _PIECE.findall(text))


def _piece(found: str) -> str | Placeholder:
    if found in ("{{", "}}"):
        return found[0]
    if found in ("{", "}"):
        raise ValueError(f"has a single {found}: write {found * 2} for a brace itself")
    if not found.startswith("{"):
        return found
    name = found[1:-1]
    if not NAME.fullmatch(name):
        raise ValueError(
            f"has {found[:SHOWN]}: a name in braces is 1 to 64 letters, digits or"
            " underscores, and does not begin with a digit"
        )
    return Placeholder(name)


def texts_in(value: object) -> Iterator[str]:
    """All texts within ``value``, at any depth, without the names of its members."""
    waiting = [value]
    while waiting:
        match waiting.pop():
            case str() as text:
                yield text
            case dict() as members:
                waiting += reversed(members.values())
            case list() as items:
                waiting += reversed(items)


def names_in(value: object) -> list[str]:
    """The names that ``value`` needs, each once, in order. Its texts are valid."""
    found = (one for text in texts_in(value) for one in pieces(text))
    names = (one.name for one in found if isinstance(one, Placeholder))
    return list(dict.fromkeys(names))


def filled(value: Any, given: Mapping[str, Any]) -> Any:
    """``value`` with the values of its placeholders, all of which ``given`` has.

    Raises ``NotTextError``.
    """
    match value:
        case str():
            return _filled(pieces(value), given)
        case dict():
            return {name: filled(one, given) for name, one in value.items()}
        case list():
            return [filled(one, given) for one in value]
        case _:
            return value


def _filled(parts: tuple[str | Placeholder, ...], given: Mapping[str, Any]) -> Any:
    if len(parts) == 1 and isinstance(parts[0], Placeholder):
        return given[parts[0].name]
    return "".join(
        _written(one.name, given[one.name]) if isinstance(one, Placeholder) else one
        for one in parts
    )


def _written(name: str, value: object) -> str:
    if isinstance(value, bool | float):
        return json.dumps(value)
    text = plain_text(value)
    if text is None:
        raise NotTextError(name)
    return text
