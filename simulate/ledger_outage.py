"""Whether a world's ledger can be reached, and the time by its clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from rescind.engine.ledger_clock import Moment
from rescind.ledger.storage.transactions import LedgerUnreachableError
from simulate.hub import Hub


class LedgerOutage:
    """The ledger's clock is right, and it can be read unless the ledger is away."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._until = 0.0

    def begin(self, seconds: float) -> None:
        self._until = self._hub.time + seconds

    @property
    def away(self) -> bool:
        return self._hub.time < self._until

    def measure(self, look: Callable[[], Moment]) -> tuple[Moment, datetime, Moment]:
        """The ledger's time, for a ``LedgerClock``."""
        if self.away:
            raise LedgerUnreachableError("the ledger is away")
        return look(), datetime.fromtimestamp(self._hub.time, UTC), look()
