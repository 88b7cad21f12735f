"""Retention: each tick of the sweep deletes a little, so that no transaction waits.

Counters of a quarter of an hour that is more than a day old are always rolled up into
their hour: see ``ledger.changes.hourly_counts``.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Engine

from rescind.ledger.changes.deletion import Pruning
from rescind.ledger.changes.hourly_counts import roll_up_oldest
from rescind.ledger.storage.counters import SLOT
from rescind.ledger.storage.transactions import writing

log = structlog.get_logger("rescind.retention")

BUDGET_SECONDS = 0.25
"""The time for deletion in each tick: enough for some thousands of orders and calls."""
REST_SECONDS = 60.0
"""The time between two walks through the ledger."""


class Retention:
    """Walks through the ledger, deleting; the position is kept in this process only."""

    def __init__(self) -> None:
        self._walk: Pruning | None = None
        self._rests_until = 0.0
        self._forgets_at = 0.0

    def tick(self, engine: Engine, age: timedelta | None, now: datetime) -> None:
        """Delete some cancellations that ended more than ``age`` ago."""
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
        """Roll up one quarter of an hour, until none is too old."""
        if time.monotonic() < self._forgets_at:
            return
        with writing(engine) as connection:
            if not roll_up_oldest(connection, now):
                self._forgets_at = time.monotonic() + SLOT.total_seconds() / 2


def _say(walk: Pruning) -> None:
    if walk.cancellations or walk.calls:
        counts = {"of": walk.cancellations, "of_calls": walk.calls}
        log.info("deleted what ended long ago", **counts)
