"""An operator who decides for what waits for a failed cancellation."""

from __future__ import annotations

import threading
from random import Random

from sqlalchemy import Engine

from rescind.config.times import utc_now
from rescind.ledger.reading.predecessors import waiting_for_failed
from rescind.ledger.storage.transactions import LedgerUnreachableError, reading
from rescind.operations.release_and_skip import RELEASE, SKIP, decide
from rescind.provider.outcomes import InvalidRequestError

EVERY_SECONDS = 2.0
AT_ONCE = 20


class PlanOperator:
    """Releases or skips what would wait for ever, and remembers what."""

    def __init__(self, ledger: Engine, seed: int) -> None:
        self._ledger = ledger
        self._random = Random(seed)  # noqa: S311
        self.decided: set[str] = set()
        """The ids of those for which it has decided, or may have."""
        self.decisions = 0

    def decide_until(self, over: threading.Event) -> None:
        """Decide from time to time, also while the run drains."""
        while not over.wait(EVERY_SECONDS):
            for one in self._some_that_wait():
                self.decide(one)

    def decide(self, one: str) -> None:
        """Decide for this one, if it still waits."""
        decision = self._random.choice((RELEASE, SKIP))
        try:
            decide(self._ledger, decision, one, utc_now(), by="an operator")
        except InvalidRequestError:
            return
        except LedgerUnreachableError:
            # It may have been done.
            self.decided.add(one)
            return
        self.decided.add(one)
        self.decisions += 1

    def _some_that_wait(self) -> list[str]:
        try:
            with reading(self._ledger) as connection:
                found = waiting_for_failed(connection, AT_ONCE)
        except LedgerUnreachableError:
            return []
        return [one for ids in found.values() for one in ids]
