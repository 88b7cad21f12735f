"""What came of a world."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chaos.chaos_oracle import Judgement
from rescind.demo.facts import Offence
from simulate.scenario import Scenario
from simulate.verdict import given_up


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a world."""

    scenario: Scenario
    judged: Judgement
    seconds: float
    """How much simulated time it took."""
    calls: int
    trace: Sequence[str]
    rows: Sequence[Mapping[str, Any]]
    records: Sequence[Mapping[str, Any]]
    stood_still: Sequence[Offence] = ()
    """Lanes that had due work and room, and made no call."""

    @property
    def offences(self) -> list[str]:
        """What is wrong, each with its kind before it."""
        kinds = {
            **self.judged.kinds,
            "not finished": self.judged.unfinished,
            "stood still": tuple(self.stood_still),
            "given up": tuple(given_up(self.rows, self.records)),
        }
        return [
            f"{kind}: {one.provider} {one.order}: {one.why}"
            for kind, found in kinds.items()
            for one in found
        ]

    @property
    def kinds(self) -> frozenset[str]:
        return frozenset(line.partition(":")[0] for line in self.offences)
