"""Retention by the sweep's rhythm: a little in each tick, so that nobody waits.

What flowed more than a day ago is always forgotten: see ``ledger.storage.counters``.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Engine

from rescind.ledger.changes.deletion import Pruning
from rescind.ledger.reading.counter_totals import forget_flow
from rescind.ledger.storage.counters import SLOT
from rescind.ledger.storage.transactions import writing

log = structlog.get_logger("rescind.retention")

BUDGET_SECONDS = 0.25
"""Of each tick, for short transactions: some thousands of orders and of calls."""
REST_SECONDS = 60.0
"""Between two walks through the ledger."""


class Retention:
    """One process's walks; where it stands, nobody else needs to know."""

    def __init__(self) -> None:
        self._walk: Pruning | None = None
        self._rests_until = 0.0
        self._forgets_at = 0.0

    def tick(self, engine: Engine, age: timedelta | None, now: datetime) -> None:
        """Delete some of what ended more than ``age`` ago, if there is any."""
        self._forget(engine, now)
        if age is None or time.monotonic() < self._rests_until:
            return
        self._walk = self._walk or Pruning(engine, now - age)
        spent = time.monotonic() + BUDGET_SECONDS
        while self._walk.step():
            if time.monotonic() >= spent:
                return
        _say(self._walk)
        self._walk = None
        self._rests_until = time.monotonic() + REST_SECONDS

    def _forget(self, engine: Engine, now: datetime) -> None:
        """One quarter of an hour in each tick, until there is none too old."""
        if time.monotonic() < self._forgets_at:
            return
        with writing(engine) as connection:
            if not forget_flow(connection, now):
                self._forgets_at = time.monotonic() + SLOT.total_seconds() / 2


def _say(walk: Pruning) -> None:
    if walk.cancellations or walk.calls:
        counts = {"of": walk.cancellations, "of_calls": walk.calls}
        log.info("deleted what ended long ago", **counts)
