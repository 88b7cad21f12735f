"""The type of an entry of the catalogue."""

from __future__ import annotations

from dataclasses import dataclass

PAGE = "docs/errors.md"


@dataclass(frozen=True, slots=True)
class Problem:
    """One kind of problem. Its ``slug`` is part of addresses and must not change."""

    slug: str
    title: str
    meaning: str
    """What has happened, and what follows from it."""
    todo: str
    """What the user can do about it."""


@dataclass(frozen=True, slots=True)
class Group:
    """Problems that share one section of the page."""

    title: str
    intro: str
    problems: tuple[Problem, ...]
