"""A model of a provider whose true state is known, to check decisions against it.

It never lies, but it is difficult: it acts and loses the answer, acts late, shows old
states, forgets cancelled orders, settles late, and is down.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum, auto

from rescind.provider.outcomes import Finding, Outcome, Reason
from rescind.provider.policy import Policy


class Truth(StrEnum):
    """The true state of an order."""

    ACTIVE = auto()
    PENDING = auto()
    """Our cancel was accepted, and is not settled."""
    CANCELLED = auto()
    COMPLETED = auto()
    MISSING = auto()


class Fate(StrEnum):
    """What happens to one cancel call."""

    ANSWERED = auto()
    REFUSED_FOR_NOTHING = auto()
    """Refused, though the order could have been cancelled."""
    NOT_YET = auto()
    """Answered that the order is active, and can still be cancelled."""
    UNCLEAR_ACTED = auto()
    UNCLEAR_IDLE = auto()
    LOST_ACTED = auto()
    LOST_LATE = auto()
    """No answer comes, and the provider acts a while later."""
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
    """How old the state in a reading may be."""
    late: timedelta = timedelta(0)
    """How long after a lost call the provider may still act on it."""
    queue: timedelta = timedelta(0)
    """How long it may keep a lost call in a queue, and show the order as active."""
    settles: bool = False
    """Whether a cancel is accepted first, and settled later."""
    blind: bool = False
    """Whether a reading shows active orders only (a list of current orders)."""
    started: Truth = Truth.ACTIVE
    past: list[tuple[datetime, Truth]] = field(default_factory=list)
    acting_at: datetime | None = None
    ours: bool = False
    """Whether our call cancelled the order."""
    arrived: int = 0

    @property
    def truth(self) -> Truth:
        return self.past[-1][1] if self.past else self.started

    def become(self, truth: Truth, now: datetime, *, by_us: bool = False) -> None:
        self.past.append((now, truth))
        self.ours = self.ours or by_us

    def pass_time(self, now: datetime) -> None:
        """Do what was pending and is due."""
        if self.acting_at is not None and self.acting_at <= now:
            self._act(self.acting_at)
            self.acting_at = None

    def settle(self, truth: Truth, now: datetime) -> None:
        """Settle an accepted cancel: cancelled, or completed."""
        if self.truth is Truth.PENDING:
            self.become(truth, now, by_us=truth is Truth.CANCELLED)

    @property
    def may_yet_be_ours(self) -> bool:
        """Whether a call of ours has worked, or still can."""
        under_way = self.acting_at is not None and self.truth is Truth.ACTIVE
        return self.ours or self.truth is Truth.PENDING or under_way

    # --- the cancel call ------------------------------------------------------------

    def cancel(self, fate: Fate, now: datetime) -> Finding:
        """The answer; ``fate`` decides whether it arrives."""
        if fate in NEVER_ARRIVES:
            return Finding(Outcome.UNKNOWN)
        self.arrived += 1
        found = self.truth
        if fate in ACTS:
            self._act(now)
        elif fate in ACTS_LATE and found is Truth.ACTIVE and self.acting_at is None:
            self.acting_at = now + max(self.late, self.queue)
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
                # One code with three meanings: refused without a reason.
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
        """The state as it was ``age`` ago (at most ``lag``)."""
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
