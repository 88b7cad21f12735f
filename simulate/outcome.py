"""The outcome of a run."""

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
    """The outcome of one world."""

    scenario: Scenario
    judged: Judgement
    seconds: float
    """The simulated time that it took."""
    calls: int
    trace: Sequence[str]
    rows: Sequence[Mapping[str, Any]]
    records: Sequence[Mapping[str, Any]]
    stood_still: Sequence[Offence] = ()
    """Lanes that had due orders and room, and made no call."""
    withdrawals: Sequence[Offence] = ()
    """Withdrawals whose producer was told something else than the ledger says."""

    @property
    def offences(self) -> list[str]:
        """Each offence in words, with its kind first."""
        kinds = {
            **self.judged.kinds,
            "not finished": self.judged.unfinished,
            "stood still": tuple(self.stood_still),
            "withdrawal": tuple(self.withdrawals),
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
