"""What is known of a provider's API: each fact with its certainty, source and date.

Facts age: a provider changes its API, and an assumption may be wrong from the start.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class Certainty(StrEnum):
    """How sure a fact is."""

    DOCUMENTED = "documented"
    """The provider's pages say it."""
    SEEN = "seen"
    """Clients of the provider rely on it."""
    ASSUMED = "assumed"
    """Nothing public says it."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact. Raises ``ValueError`` if it has no source, or an assumption no question
    for the provider."""

    says: str
    """The fact in words, without a full stop at the end."""
    certainty: Certainty
    source: str
    """The page or client that says it; for an assumption, what it rests on."""
    checked: date
    """When somebody last read the source."""
    ask: str = ""
    """What to ask the provider, to be sure of an assumption."""

    def __post_init__(self) -> None:
        if not self.says or not self.source:
            raise ValueError("a fact needs a sentence and a source")
        if self.certainty is Certainty.ASSUMED and not self.ask.endswith("?"):
            raise ValueError(f"an assumption needs a question to ask: {self.says}")


def documented(says: str, source: str, checked: date) -> Fact:
    return Fact(says, Certainty.DOCUMENTED, source, checked)


def seen(says: str, source: str, checked: date) -> Fact:
    return Fact(says, Certainty.SEEN, source, checked)


def assumed(says: str, source: str, checked: date, ask: str) -> Fact:
    return Fact(says, Certainty.ASSUMED, source, checked, ask)
