"""Rescind's workers, with orders that are single or in plans of three."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bench.processes import until
from bench.rescind_contender import Rescind, Setup
from bench.stage import Stage

SINGLE, PLANNED = "single ones", "plans of three"


@dataclass(frozen=True, slots=True)
class Case:
    """How orders are sent: by producers, and by workers to the provider."""

    provider: str
    orders: int
    together: bool
    """Whether a message has about 1,000 orders, or only one order or one plan."""
    rate: str | None = "none"
    """``None`` is the provider's own rate, which an account has by default."""

    @property
    def policy(self) -> Mapping[str, str]:
        """The policy values of its account."""
        return {} if self.rate is None else {"rate": self.rate}


INDEXED = "SELECT count(*) FROM search_entry"


class Single(Rescind):
    """Its orders wait for nothing."""

    name = SINGLE

    def __init__(self, stage: Stage, case: Case) -> None:
        super().__init__(stage, case.provider, Setup(policy=case.policy))
        self._together = case.together
        self._before = 0.0

    def throughput(self, orders: int, patience: float) -> float:
        """Orders a second, until all states are final. The processor time is counted
        until all orders are in the search index, too.

        The index follows some seconds behind. Of what takes longer, more would be
        indexed before the last final state, and count as its cost.
        """
        found = super().throughput(orders, patience)
        until(lambda: self.scalar(INDEXED) >= self.sent, "the search index", patience)
        self.spent = 1000 * (self.processor_seconds() - self._before) / orders
        return found

    def go(self) -> None:
        self._before = self.processor_seconds()
        super().go()

    def send(
        self,
        orders: int,
        *,
        many: bool = True,
        provider: str | None = None,
        **more: Any,
    ) -> dict[str, float]:
        if not many:
            return super().send(orders, many=False, provider=provider, **more)
        return self._measured(orders)

    def _measured(self, orders: int) -> dict[str, float]:
        return super().send(orders, many=self._together)


class Planned(Single):
    """Its producer sends plans of three, when it sends many orders."""

    name = PLANNED

    def _measured(self, orders: int) -> dict[str, float]:
        asked = {"plans": True, "many": self._together, "provider": self.provider}
        return self._ask(orders, asked)
