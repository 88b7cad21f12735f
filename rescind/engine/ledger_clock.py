"""The clock of the ledger, by which all workers of that ledger go.

Workers compare times that other workers have written. If each used the clock of its own
machine, and one of these clocks were wrong, an order could be believed to be active
before our own call has taken effect.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Engine

from rescind.engine.clock import Clock
from rescind.ledger.storage.ledger_time import has_clock, ledger_time
from rescind.ledger.storage.unreachable import LedgerUnreachableError
from rescind.provider.system_clock import SystemClock, Times

AGE = timedelta(seconds=60)
"""After this time the clock is measured again: clocks drift."""
RETRY = timedelta(seconds=0.25)
"""Least wait after a failed measurement. The engine waits longer before it tries the
ledger again, so that the clock is right by then."""
APART = timedelta(seconds=0.2)
"""If this machine's two clocks have moved apart by more, its time of day was set, or it
was suspended."""
SHORT = timedelta(seconds=0.2)
"""A round trip to the ledger that takes longer is tried again."""
TRIES = 3


@dataclass(frozen=True, slots=True)
class Moment:
    """What this machine's two clocks say at one moment."""

    monotonic: timedelta
    day: datetime


Measure = Callable[[Callable[[], Moment]], tuple[Moment, datetime, Moment]]
"""Reads the ledger's time; returns it between this machine's moments just before and
just after. Raises ``LedgerUnreachableError``."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """A moment of this machine, and the ledger's time at that moment."""

    ledger: datetime
    at: Moment
    trusted: bool = True
    """Whether it was measured, and the clocks have agreed whenever it was used."""

    def by_monotonic(self, moment: Moment) -> datetime:
        return self.ledger + (moment.monotonic - self.at.monotonic)

    def by_day(self, moment: Moment) -> datetime:
        return self.ledger + (moment.day - self.at.day)

    def is_sure(self, moment: Moment) -> bool:
        """Whether both clocks still agree."""
        apart = self.by_day(moment) - self.by_monotonic(moment)
        return self.trusted and abs(apart) <= APART

    def is_old(self, moment: Moment) -> bool:
        return moment.monotonic - self.at.monotonic > AGE


class LedgerClock:
    """The ledger's time, from a measurement and this machine's monotonic clock.

    It is measured again, in the background, after ``AGE``; and at once if this
    machine's time of day was set, or the machine was suspended. If the ledger cannot be
    reached then, the time is uncertain: ``now`` is the latest time that it can be by
    either clock of this machine, and ``earliest`` the earliest one.
    """

    def __init__(
        self,
        machine: Clock,
        measure: Measure,
        background: Callable[[Callable[[], object]], object] | None = None,
    ) -> None:
        self._machine = machine
        self._measure = measure
        self._background = background or _in_thread
        self._measuring = threading.Lock()
        self._retry_at = timedelta.min
        self._renews = False
        """Whether a measurement in the background has begun."""
        first = self._moment()
        self._anchor = Anchor(first.day, first, trusted=False)

    def now(self) -> datetime:
        anchor, moment = self._look()
        steady = anchor.by_monotonic(moment)
        return steady if anchor.is_sure(moment) else max(steady, anchor.by_day(moment))

    def earliest(self) -> datetime:
        anchor, moment = self._look()
        steady = anchor.by_monotonic(moment)
        return steady if anchor.is_sure(moment) else min(steady, anchor.by_day(moment))

    def monotonic(self) -> float:
        return self._machine.monotonic()

    def _moment(self) -> Moment:
        seconds = timedelta(seconds=self._machine.monotonic())
        return Moment(seconds, self._machine.now())

    def _look(self) -> tuple[Anchor, Moment]:
        """The present anchor and moment, measured again if that is necessary."""
        anchor, moment = self._anchor, self._moment()
        if not anchor.is_sure(moment):
            self._renew(anchor)
            return self._anchor, self._moment()
        if anchor.is_old(moment) and not self._renews:
            self._renews = True
            self._background(partial(self._renew_old, anchor))
        return anchor, moment

    def _renew_old(self, old: Anchor) -> None:
        try:
            self._renew(old)
        finally:
            self._renews = False

    def _renew(self, old: Anchor) -> None:
        """Measure, unless another thread has replaced ``old`` meanwhile, or the last
        measurement has just failed."""
        with self._measuring:
            moment = self._moment()
            if self._anchor is not old or moment.monotonic < self._retry_at:
                return
            found = self._measured()
            if found is None:
                over = self._moment().monotonic
                # A ledger that hangs must not stop the worker each time.
                self._retry_at = over + max(RETRY, over - moment.monotonic)
                # The two clocks may agree again by chance.
                found = replace(old, trusted=old.is_sure(moment))
            self._anchor = found

    def _measured(self) -> Anchor | None:
        """The anchor of the shortest of some round trips; ``None`` if there is none."""
        best: tuple[timedelta, Anchor] | None = None
        for _ in range(TRIES):
            try:
                before, ledger, after = self._measure(self._moment)
            except LedgerUnreachableError:
                break
            took = after.monotonic - before.monotonic
            if abs((after.day - before.day) - took) > APART:
                continue
            if best is None or took < best[0]:
                best = took, Anchor(ledger + took / 2, after)
            if took <= SHORT:
                break
        return None if best is None else best[1]


def clock_of(ledger: Engine) -> Times:
    """The clock of this ledger. SQLite's is that of its host, where all its workers
    are."""
    machine = SystemClock()
    if not has_clock(ledger):
        return machine
    return LedgerClock(machine, partial(ledger_time, ledger))


def _in_thread(work: Callable[[], object]) -> None:
    threading.Thread(target=work, name="ledger-clock", daemon=True).start()
