"""The watchdog of lanes: reports a lane that makes no call though it has due orders.

It relies on no engine: it reads the due orders and the calls from the ledger. A lane
that one worker has forgotten is therefore not reported if another worker serves it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from limits import parse
from sqlalchemy import Engine

from rescind.config.accounts import Accounts, Lane
from rescind.engine.call_deadlines import longest_call
from rescind.ledger.changes.lane_states import LaneState, may_call, read_lanes
from rescind.ledger.changes.stalled_lanes import (
    OPERATIONS,
    Standing,
    clear,
    mark,
    stalled_lanes,
    standing,
)
from rescind.ledger.reading.backlogs import backlog_of
from rescind.ledger.states import State
from rescind.ledger.storage.transactions import reading, writing
from rescind.provider.policy import Policy

log = structlog.get_logger("rescind.stalls")

STALL_SECONDS = 30.0
"""Time without a call after which a lane is reported, though it could make one."""
DUE_FOR = timedelta(seconds=10)
"""Orders that are due for less are ignored: a worker is about to claim them."""
LOOK_SECONDS = 5.0
"""Seconds between two checks."""
MOST_BETWEEN = 2 * LOOK_SECONDS
"""At most this time between two checks counts. If the machine slept, or Redis brought
no ticks, a lane may have had reasons that no check has seen."""
STANDS_STILL = "lane stands still: orders are due, and no call is made"
AGAIN_SECONDS = 60.0
"""Seconds until the same lane is logged again."""

Work = tuple[Lane, State]
WaitReasons = Callable[[Lane, str], str]
"""What this process's engine says that an operation of a lane waits for."""


@dataclass(frozen=True, slots=True)
class _Seen:
    what: tuple[int, int]
    """How much was done, and the latest version of the due orders."""
    still: float
    """Seconds for which ``what`` has not changed."""
    moved: bool
    """Whether ``what`` has changed since the check before."""


class StallWatch:
    """Checks all lanes every few seconds, for one process."""

    def __init__(
        self, wait_reasons: WaitReasons, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._wait_reasons = wait_reasons
        self._monotonic = monotonic
        self._seen: dict[Work, _Seen] = {}
        self._looked_at: float | None = None
        self._quiet_until: dict[Lane, float] = {}

    def look(self, engine: Engine, accounts: Accounts, now: datetime) -> None:
        """Compare the ledger with the last check, and report lanes that stand still.

        Raises what the ledger raises.
        """
        passed = self._passed()
        if passed is None:
            return
        with reading(engine) as connection:
            found = standing(connection, now, DUE_FOR)
            states = read_lanes(connection, {lane for lane, _ in found})
            known = stalled_lanes(connection)
        free = {
            work: one
            for work, one in found.items()
            if _is_free(work[0], states, accounts, now)
        }
        self._seen = {work: self._see(work, one, passed) for work, one in free.items()}
        stalled = {
            work: seen.still
            for work, seen in self._seen.items()
            if seen.still >= _bound(accounts, work, free[work])
        }
        self._publish(engine, known, stalled, now)
        for work, seconds in stalled.items():
            self._warn(engine, work, free[work].due, seconds, now)

    def _passed(self) -> float | None:
        """The seconds to count since the last check; None if it is too early for
        another one."""
        at, before = self._monotonic(), self._looked_at
        if before is not None and at < before + LOOK_SECONDS:
            return None
        self._looked_at = at
        return 0.0 if before is None else min(at - before, MOST_BETWEEN)

    def _see(self, work: Work, one: Standing, passed: float) -> _Seen:
        was, what = self._seen.get(work), (one.done, one.version)
        if was is not None and was.what == what:
            return _Seen(what, was.still + passed, moved=False)
        return _Seen(what, 0.0, moved=was is not None)

    def _publish(
        self,
        engine: Engine,
        known: Mapping[Lane, datetime],
        stalled: Mapping[Work, float],
        now: datetime,
    ) -> None:
        new: dict[Lane, datetime] = {}
        for (lane, _), seconds in stalled.items():
            since = now - timedelta(seconds=seconds)
            new[lane] = min(since, new.get(lane, since))
        over = {lane for lane in known if lane not in new and self._goes_on(lane)}
        if new.keys() <= known.keys() and not over:
            return
        with writing(engine) as connection:
            mark(connection, new)
            clear(connection, over)
        for lane in sorted(over):
            self._quiet_until.pop(lane, None)
            log.warning("lane stands still no longer", lane="/".join(lane))

    def _goes_on(self, lane: Lane) -> bool:
        """Whether the lane has no due orders that it may call for, or has moved."""
        return all(one.moved for (its, _), one in self._seen.items() if its == lane)

    def _warn(
        self, engine: Engine, work: Work, due: int, seconds: float, now: datetime
    ) -> None:
        (lane, state), at = work, self._monotonic()
        if at < self._quiet_until.get(lane, at):
            return
        self._quiet_until[lane] = at + AGAIN_SECONDS
        with reading(engine) as connection:
            oldest = backlog_of(connection, lane, now).oldest
        operation = OPERATIONS[state]
        log.warning(
            STANDS_STILL,
            lane="/".join(lane),
            operation=operation,
            due=due,
            oldest=None if oldest is None else oldest.isoformat(),
            seconds=round(seconds),
            waits_for=self._wait_reasons(lane, operation),
        )


def _is_free(
    lane: Lane, states: Mapping[Lane, LaneState], accounts: Accounts, now: datetime
) -> bool:
    """Whether the lane may call: no operator, provider or fault of the accounts file
    stops it."""
    if accounts.fault_of(lane) is not None:
        return False
    state, its = states.get(lane, LaneState()), accounts.lane(lane)
    return may_call(state, its.policy, now, its.changed_at) > 0


def _bound(accounts: Accounts, work: Work, one: Standing) -> float:
    """Seconds without a call after which a lane stands still. All its calls may hang,
    and a lane that has used up its rate waits for one window."""
    lane, state = work
    policy = accounts.policy(lane)
    reads = state is not State.QUEUED
    hangs = longest_call(policy).total_seconds() if reads or one.sending else 0.0
    return STALL_SECONDS + hangs + max(_windows(policy, reads=reads), default=0.0)


def _windows(policy: Policy, *, reads: bool) -> Iterable[float]:
    rates = (policy.rate, policy.read_rate) if reads else (policy.rate,)
    return [float(parse(rate).get_expiry()) for rate in rates if rate != "none"]
