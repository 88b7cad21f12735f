"""Retention: each tick of the sweep deletes a little, so that no transaction waits.

Counters of a quarter of an hour that is more than a day old are always rolled up into
their hour: see ``ledger.changes.hourly_counts``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

import structlog
from sqlalchemy import Engine

from rescind.ledger.changes.deletion import Pruning
from rescind.ledger.changes.hourly_counts import roll_up_oldest
from rescind.ledger.changes.refused_deletion import RefusedPruning
from rescind.ledger.storage.counters import SLOT
from rescind.ledger.storage.transactions import writing

log = structlog.get_logger("rescind.retention")

BUDGET_SECONDS = 0.25
"""The time for deletion in each tick: enough for some 400 orders with their calls."""
BEHIND_SECONDS = 600.0
"""A walk that has lasted for so long does not keep up with what ends."""
BEHIND_BUDGET_SECONDS = 0.5
"""The time for deletion in each tick of such a walk. The other jobs of a sweep still
run each second."""
REST_SECONDS = 60.0
"""The time between two walks through the ledger."""
REFUSED_REST_SECONDS = 3600.0
"""The time between two walks over the refused entries, each of which reads them all."""


class Walk(Protocol):
    """A walk that deletes; it may stop half way."""

    @property
    def cancellations(self) -> int:
        """Cancellations deleted so far."""

    def step(self) -> bool:
        """Read one page, and delete what may go; False when the walk is over."""


class Walker:
    """Begins walks, goes on with them in each tick, and rests between them."""

    def __init__(self, said: str, rest: float) -> None:
        self._said, self._rest = said, rest
        self._walk: Walk | None = None
        self._began = 0.0
        self._said_behind = False
        self.rests_until = 0.0

    def is_behind(self) -> bool:
        """Whether the walk has lasted for too long."""
        lasted = time.monotonic() - self._began
        return self._walk is not None and lasted >= BEHIND_SECONDS

    def say_behind(self) -> None:
        """Log it once in each walk."""
        if not self._said_behind:
            self._said_behind = True
            log.warning("retention is behind: it deletes for longer in each second")

    def go_on(self, begin: Callable[[], Walk], until: float) -> None:
        """Go on until the time ``until`` of the monotonic clock, one step at least."""
        if time.monotonic() < self.rests_until:
            return
        if self._walk is None:
            self._walk, self._began = begin(), time.monotonic()
            self._said_behind = False
        while self._walk.step():
            if time.monotonic() >= until:
                return
        if self._walk.cancellations:
            log.info(self._said, of=self._walk.cancellations)
        self._walk = None
        self.rests_until = time.monotonic() + self._rest


class Retention:
    """Walks through the ledger, deleting; the position is kept in this process only."""

    def __init__(self) -> None:
        self.ended = Walker("deleted what ended long ago", REST_SECONDS)
        self.refused = Walker("deleted old refused entries", REFUSED_REST_SECONDS)
        self._forgets_at = 0.0

    def tick(
        self,
        engine: Engine,
        age: timedelta | None,
        now: datetime,
        refused_age: timedelta | None = None,
    ) -> None:
        """Delete some cancellations that ended more than ``age`` ago, and some entries
        that were refused more than ``refused_age`` ago."""
        self._forget(engine, now)
        until = time.monotonic() + self._budget()
        if age is not None:
            self.ended.go_on(lambda: Pruning(engine, now - age), until)
        if refused_age is not None:
            before = now - refused_age
            self.refused.go_on(lambda: RefusedPruning(engine, before), until)

    def _budget(self) -> float:
        if not self.ended.is_behind():
            return BUDGET_SECONDS
        self.ended.say_behind()
        return BEHIND_BUDGET_SECONDS

    def _forget(self, engine: Engine, now: datetime) -> None:
        """Roll up one quarter of an hour, until none is too old."""
        if time.monotonic() < self._forgets_at:
            return
        with writing(engine) as connection:
            if not roll_up_oldest(connection, now):
                self._forgets_at = time.monotonic() + SLOT.total_seconds() / 2
