"""An operator who retries cancellations from time to time, while the workers work."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from dataclasses import dataclass, field

from sqlalchemy import Engine

from chaos.producers import Start
from chaos.scales import Scale
from chaos.system_under_test import SystemUnderTest
from rescind.browse.browsing import list_rows
from rescind.browse.wanted import Wanted
from rescind.ledger.storage.transactions import LedgerUnreachableError, reading

RETRIED_AT_ONCE = 5


@dataclass(slots=True)
class Retries:
    """Retries some final cancellations, and counts them."""

    system: SystemUnderTest
    engine: Engine
    seed: int
    retried: int = 0
    refused: int = 0
    _random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311

    def retry_now_and_then(self, scale: Scale, began: Start) -> None:
        """Retry some cancellations from time to time, until the last submission."""
        while (left := scale.seconds - began.passed()) > 0:
            time.sleep(min(left, scale.retry_every))
            ids = self._some_to_retry()
            if ids:
                self._retry(ids)

    def _some_to_retry(self) -> list[str]:
        states = ("failed", "rejected", "expired")
        try:
            with reading(self.engine) as connection:
                rows = list_rows(connection, Wanted(states=states), 200)
        except LedgerUnreachableError:
            return []
        picked = self._random.sample(rows, min(RETRIED_AT_ONCE, len(rows)))
        return [row.id for row in picked]

    def _retry(self, ids: list[str]) -> None:
        """Run the command that an operator would type."""
        done = subprocess.run(
            [sys.executable, "-m", "rescind", "retry", "--json", *ids],
            env=self.system.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        self.retried += len(done.stdout.splitlines())
        self.refused += len(ids) - len(done.stdout.splitlines())
