"""A scenario: orders that exist at the start, and what becomes of which call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rescind.sandbox.faults import IN_BATCHES
from rescind.sandbox.raw_http import Reply


@dataclass(frozen=True, slots=True)
class Step:
    """What becomes of one call."""

    kind: str
    seconds: float | None = None
    """How long the fault lasts, if not as long as the settings say."""
    reply: Reply | None = None
    """What is answered instead of the provider's own answer."""
    order: str | None = None
    """The order whose row a fault of rows is about; ``None``: any."""

    @property
    def fault(self) -> str | None:
        return None if self.kind == "ok" else self.kind


@dataclass(frozen=True, slots=True)
class Rule:
    """The steps of the calls that fit: the first call takes the first step."""

    provider: str
    steps: Sequence[Step]
    account: str | None = None
    op: str | None = None
    order: str | None = None
    repeat: bool = False
    """After its last step it begins again; otherwise calls work as usual."""

    def fits(self, account: str, op: str, ids: Sequence[str]) -> bool:
        return (
            self.account in (None, account)
            and self.op in (None, op)
            and (self.order is None or self.order in ids)
        )


@dataclass(frozen=True, slots=True)
class Seed:
    """An order that exists at the start."""

    provider: str
    id: str
    state: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scenario:
    """What a scenario file says; ``name`` is the file's."""

    name: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    seeds: Sequence[Seed] = ()
    rules: Sequence[Rule] = ()

    def accounts(self) -> list[tuple[str, str]]:
        """The accounts beside ``default`` that the rules name, with their providers."""
        named = ((one.provider, one.account or "default") for one in self.rules)
        return [one for one in dict.fromkeys(named) if one[1] != "default"]


class Script:
    """A scenario as it is played: how many steps of each rule were taken."""

    def __init__(self, scenario: Scenario) -> None:
        self._rules = scenario.rules
        self._taken = [0] * len(scenario.rules)

    def take(
        self, provider: str, account: str, op: str, ids: Sequence[str]
    ) -> Step | None:
        """The step of this call; ``None`` if no rule that fits has one left.

        A fault of rows waits for a call that names more than one order.
        """
        for place, rule in enumerate(self._rules):
            if rule.provider != provider or not rule.fits(account, op, ids):
                continue
            step = self._next(place)
            if step is None or (step.kind in IN_BATCHES and len(set(ids)) < 2):
                continue
            self._taken[place] += 1
            return step
        return None

    def _next(self, place: int) -> Step | None:
        rule, taken = self._rules[place], self._taken[place]
        if rule.repeat:
            taken %= len(rule.steps)
        return rule.steps[taken] if taken < len(rule.steps) else None

    def left(self) -> int:
        """How many steps of rules that do not repeat are still to come."""
        return sum(
            len(rule.steps) - taken
            for rule, taken in zip(self._rules, self._taken, strict=True)
            if not rule.repeat
        )
