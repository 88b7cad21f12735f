"""The faults of a world's calls, as its scenario plans them."""

from __future__ import annotations

from collections.abc import Mapping

from rescind.sandbox.faults import Faults

WITH_ROWS = frozenset({"row_missing", "row_dropped"})


class PlannedFaults(Faults):
    """Chooses the fault of each call by its number among the calls that arrive."""

    def __init__(self, planned: Mapping[int, str], seed: int) -> None:
        super().__init__(seed)
        self._planned = planned
        self._calls = 0

    def choose(self, provider: str, op: str, rows: int) -> str | None:
        self._calls += 1
        kind = self._planned.get(self._calls)
        if kind in WITH_ROWS and rows < 2:
            return None
        return kind
