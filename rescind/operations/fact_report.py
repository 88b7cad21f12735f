"""The facts about providers on which Rescind rests, for ``rescind doctor --facts``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from rescind.provider.api_facts import Certainty, Fact
from rescind.provider.interface import Provider

OLD_DAYS = 180
"""After so many days the source of a fact is to be read again."""


@dataclass(frozen=True, slots=True)
class KnownFact:
    """A fact about one provider, on one day."""

    provider: str
    fact: Fact
    today: date

    @property
    def days(self) -> int:
        """Days since somebody last read its source."""
        return (self.today - self.fact.checked).days

    @property
    def is_old(self) -> bool:
        return self.days > OLD_DAYS

    @property
    def is_open(self) -> bool:
        """Whether there is something to do: ask the provider, or read a source."""
        return self.fact.certainty is Certainty.ASSUMED or self.is_old

    def lines(self) -> Sequence[str]:
        """The fact in words, and what to do."""
        fact = self.fact
        says = [f"{self.provider}, {fact.certainty}: {fact.says}."]
        says.append(f"  source: {fact.source} ({fact.checked}, {self.days} days ago)")
        if self.is_old:
            says.append("  old: read the source again")
        if fact.ask:
            says.append(f"  ask the provider: {fact.ask}")
        return says

    def document(self) -> dict[str, Any]:
        fact = self.fact
        return {
            "provider": self.provider,
            "certainty": str(fact.certainty),
            "says": fact.says,
            "source": fact.source,
            "checked": fact.checked.isoformat(),
            "days": self.days,
            "old": self.is_old,
            "ask": fact.ask or None,
        }


def known_facts(providers: Iterable[Provider[Any]], today: date) -> list[KnownFact]:
    """All facts of these providers, the oldest of each provider first."""
    return [
        KnownFact(provider.name, fact, today)
        for provider in providers
        for fact in sorted(provider.facts, key=lambda fact: fact.checked)
    ]


def summary(facts: Sequence[KnownFact]) -> str:
    """How many facts there are, and how many are open."""
    assumed = sum(one.fact.certainty is Certainty.ASSUMED for one in facts)
    old = sum(one.is_old for one in facts)
    return (
        f"{len(facts)} facts, {assumed} of them assumed; the sources of {old} were last"
        f" read more than {OLD_DAYS} days ago"
    )
