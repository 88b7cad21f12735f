"""What one kind of problem is: its name, and what is said of it."""

from __future__ import annotations

from dataclasses import dataclass

PAGE = "docs/errors.md"


@dataclass(frozen=True, slots=True)
class Problem:
    """One kind of problem; ``slug`` names it in addresses, and never changes."""

    slug: str
    title: str
    meaning: str
    """What has happened, and what follows from it."""
    todo: str
    """What a person does about it."""


@dataclass(frozen=True, slots=True)
class Group:
    """Problems that are read about together."""

    title: str
    intro: str
    problems: tuple[Problem, ...]
