"""A provider whose truth is known, for holding decisions against it.

It is honest, and it is a nuisance: it acts and loses the answer, acts late, shows
yesterday's truth, forgets what it cancelled, settles in its own time, and is down.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum, auto

from rescind.provider.outcomes import Finding, Outcome, Reason
from rescind.provider.policy import Policy


class Truth(StrEnum):
    """What an order really is."""

    ACTIVE = auto()
    PENDING = auto()
    """A cancel of ours was taken on, and is not settled."""
    CANCELLED = auto()
    COMPLETED = auto()
    MISSING = auto()


class Fate(StrEnum):
    """What becomes of one cancel call."""

    ANSWERED = auto()
    REFUSED_FOR_NOTHING = auto()
    """Refused, though the order could have been cancelled."""
    NOT_YET = auto()
    """Answered that the order is as it was, and can still be cancelled."""
    UNCLEAR_ACTED = auto()
    UNCLEAR_IDLE = auto()
    LOST_ACTED = auto()
    LOST_LATE = auto()
    """Nobody answers, and it is acted on a while later."""
    LOST_IDLE = auto()
    NOT_SENT = auto()
    WAIT = auto()
    HALVED = auto()
    CRASH_BEFORE = auto()
    CRASH_ACTED = auto()
    CRASH_LATE = auto()
    CRASH_IDLE = auto()


ACTS = frozenset({Fate.ANSWERED, Fate.UNCLEAR_ACTED, Fate.LOST_ACTED, Fate.CRASH_ACTED})
ACTS_LATE = frozenset({Fate.LOST_LATE, Fate.CRASH_LATE})
NEVER_ARRIVES = frozenset({Fate.NOT_SENT, Fate.WAIT, Fate.HALVED, Fate.CRASH_BEFORE})


@dataclass
class ModelProvider:
    """One provider and its one order."""

    policy: Policy
    lag: timedelta = timedelta(0)
    """How old the truth may be that a reading shows."""
    late: timedelta = timedelta(0)
    """How long after a lost call it may still be acted on."""
    settles: bool = False
    """A cancel is taken on first, and settled later."""
    blind: bool = False
    """A reading shows active orders only (a list of what is current)."""
    started: Truth = Truth.ACTIVE
    past: list[tuple[datetime, Truth]] = field(default_factory=list)
    acting_at: datetime | None = None
    ours: bool = False
    """Whether it was a call of ours that cancelled it."""
    arrived: int = 0

    @property
    def truth(self) -> Truth:
        return self.past[-1][1] if self.past else self.started

    def become(self, truth: Truth, now: datetime, *, by_us: bool = False) -> None:
        self.past.append((now, truth))
        self.ours = self.ours or by_us

    def pass_time(self, now: datetime) -> None:
        """What was under way, and is due, is done."""
        if self.acting_at is not None and self.acting_at <= now:
            self._act(self.acting_at)
            self.acting_at = None

    def settle(self, truth: Truth, now: datetime) -> None:
        """What was taken on ends: cancelled, or completed."""
        if self.truth is Truth.PENDING:
            self.become(truth, now, by_us=truth is Truth.CANCELLED)

    @property
    def may_yet_be_ours(self) -> bool:
        """Whether a call of ours has worked, or still can."""
        under_way = self.acting_at is not None and self.truth is Truth.ACTIVE
        return self.ours or self.truth is Truth.PENDING or under_way

    # --- the cancel call ------------------------------------------------------------

    def cancel(self, fate: Fate, now: datetime) -> Finding:
        """What it answers; whether anybody hears it is ``fate``'s business."""
        if fate in NEVER_ARRIVES:
            return Finding(Outcome.UNKNOWN)
        self.arrived += 1
        found = self.truth
        if fate in ACTS:
            self._act(now)
        elif fate in ACTS_LATE and found is Truth.ACTIVE:
            self.acting_at = now + self.late
        if fate in (Fate.UNCLEAR_ACTED, Fate.UNCLEAR_IDLE):
            return Finding(Outcome.UNKNOWN, message="?")
        if fate is Fate.REFUSED_FOR_NOTHING:
            return Finding(Outcome.REFUSED, Reason.NOT_SUPPORTED)
        if fate is Fate.NOT_YET and found is Truth.ACTIVE:
            return Finding(Outcome.ACTIVE)
        return self._answer(found)

    def _act(self, at: datetime) -> None:
        if self.truth is Truth.ACTIVE:
            became = Truth.PENDING if self.settles else Truth.CANCELLED
            self.become(became, at, by_us=became is Truth.CANCELLED)

    def _answer(self, found: Truth) -> Finding:
        match found:
            case Truth.ACTIVE if self.settles:
                return Finding(Outcome.REQUESTED)
            case Truth.ACTIVE:
                return Finding(Outcome.CANCELLED, Reason.CONFIRMED)
            case Truth.PENDING:
                return Finding(Outcome.REFUSED, Reason.ALREADY_CANCELLED)
            case Truth.CANCELLED if self.policy.cancelled_may_vanish:
                # One code for three things: it says no, and not why.
                return Finding(Outcome.REFUSED)
            case Truth.CANCELLED if self.blind:
                return Finding(Outcome.REFUSED, Reason.NOT_FOUND)
            case Truth.CANCELLED:
                return Finding(Outcome.REFUSED, Reason.ALREADY_CANCELLED)
            case Truth.COMPLETED:
                return Finding(Outcome.REFUSED, Reason.ALREADY_COMPLETED)
            case Truth.MISSING if self.policy.cancelled_may_vanish:
                return Finding(Outcome.REFUSED)
            case _:
                return Finding(Outcome.REFUSED, Reason.NOT_FOUND)

    # --- reading back ---------------------------------------------------------------

    def read(self, age: timedelta, now: datetime) -> Finding:
        """The truth as it was ``age`` ago (no more than ``lag``)."""
        match self._as_of(now - min(age, self.lag)):
            case Truth.ACTIVE:
                return Finding(Outcome.ACTIVE)
            case _ if self.blind:
                return Finding(Outcome.UNKNOWN, message="not among the current ones")
            case Truth.PENDING:
                return Finding(Outcome.REQUESTED)
            case Truth.CANCELLED if self.policy.cancelled_may_vanish:
                return Finding(Outcome.GONE)
            case Truth.CANCELLED:
                return Finding(Outcome.CANCELLED, Reason.CONFIRMED)
            case Truth.COMPLETED:
                return Finding(Outcome.REFUSED, Reason.ALREADY_COMPLETED)
            case _:
                return Finding(Outcome.GONE)

    def _as_of(self, moment: datetime) -> Truth:
        known = [truth for at, truth in self.past if at <= moment]
        return known[-1] if known else self.started
