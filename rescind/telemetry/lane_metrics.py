"""The metrics of single lanes. A lane at rest has none: it is only counted."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import product

from rescind.config.accounts import Accounts, Lane
from rescind.ledger.changes.lane_states import HELD_BY_OPERATOR, LaneState
from rescind.ledger.reading.backlogs import Backlog
from rescind.ledger.states import State
from rescind.telemetry.measured import Measured

AT_REST = "at_rest"
CONDITIONS = ("held", "stalled", "paused", "failing", "working", AT_REST)
"""Each lane is in the first one that fits."""


@dataclass(frozen=True, slots=True)
class LaneNow:
    """What is known of one lane at the time of a scrape."""

    lane: Lane
    state: LaneState
    backlog: Backlog
    stalled: bool = False
    """Orders are due, and no call is made without a reason."""
    faulty: bool = False
    """The accounts file has no usable account for it."""
    recent: bool = False
    """A cancellation ended lately."""
    open: int = 0
    """All open cancellations, by the counters."""
    ended: Mapping[str, int] = field(default_factory=dict)
    """How many cancellations ever ended, by state."""

    def condition(self, now: datetime) -> str:
        """One of ``CONDITIONS``."""
        paused = self.state.paused_until is not None and self.state.paused_until > now
        working = bool(self.backlog.by_state) or self.recent
        fits = (
            self.state.held_at is not None or self.faulty,
            self.stalled,
            paused,
            self.state.failures > 0,
            working,
            True,
        )
        return CONDITIONS[fits.index(True)]


def is_faulty(
    accounts: Accounts | None, lane: Lane, backlog: Backlog | None = None
) -> bool:
    """Whether the accounts file has no usable account for a lane that needs one.

    A lane that was taken out of the file needs none if nothing is open in it.
    """
    if accounts is None or accounts.fault_of(lane) is None:
        return False
    asked_for = lane in accounts.lanes or accounts.fault is not None
    return asked_for or backlog is not None


def of_lanes(lanes: Iterable[LaneNow], now: datetime) -> Iterator[Measured]:
    """The number of lanes in each condition, and the metrics of those not at rest."""
    numbers: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for one in lanes:
        condition = one.condition(now)
        numbers[one.lane[0]][condition] += 1
        if condition != AT_REST:
            yield from _of_lane(one, now)
    for provider, condition in product(numbers, CONDITIONS):
        yield "rescind_lanes", (provider, condition), numbers[provider][condition]


def _of_lane(one: LaneNow, now: datetime) -> Iterator[Measured]:
    yield from _backlog(one)
    oldest = one.backlog.oldest
    waited = (now - oldest).total_seconds() if oldest else 0
    yield "rescind_oldest_wait_seconds", one.lane, max(0.0, waited)
    # The first failure must be seen as an increase.
    for state, count in ({str(State.FAILED): 0} | dict(one.ended)).items():
        yield "rescind_lane_outcomes_total", (*one.lane, state), count
    yield from _trouble(one, now)


def _backlog(one: LaneNow) -> Iterator[Measured]:
    """The backlog by state. If one state has more than were counted, its number is the
    number of all open cancellations less those in the other states."""
    by_state = dict(one.backlog.by_state)
    for longest in one.backlog.more if len(one.backlog.more) == 1 else ():
        others = sum(n for state, n in by_state.items() if state != longest)
        by_state[longest] = max(by_state[longest], one.open - others)
    for state, count in by_state.items():
        yield "rescind_backlog", (*one.lane, state), count


def _trouble(one: LaneNow, now: datetime) -> Iterator[Measured]:
    state, lane = one.state, one.lane
    if state.held_at is not None:
        by = "operator" if state.held_reason == HELD_BY_OPERATOR else "fault"
        since = state.held_at.timestamp()
        yield "rescind_lane_held", (*lane, by), 1
        yield "rescind_lane_held_since_timestamp_seconds", lane, since
    if one.faulty:
        yield "rescind_lane_held", (*lane, "accounts"), 1
    if state.paused_until is not None and state.paused_until > now:
        until = state.paused_until.timestamp()
        yield "rescind_lane_paused_until_timestamp_seconds", lane, until
    if one.stalled:
        yield "rescind_lane_stalled", lane, 1
    if state.failures:
        yield "rescind_lane_failures", lane, state.failures
