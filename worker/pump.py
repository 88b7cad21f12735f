"""Working on a lane: claim, ask, decide, record, for as long as there is work.

Batches fill by themselves: while calls are under way the next ones gather, and an idle
lane sends at once. Everything that finished meanwhile is recorded in one transaction.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import (
    ALL_COMPLETED,
    FIRST_COMPLETED,
    Future,
    InvalidStateError,
    wait,
)
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import structlog
from redis import RedisError
from sqlalchemy import Connection

from ledger.claims import claim, waiting
from ledger.database import LedgerUnreachableError, reading, writing
from ledger.decision import decide
from ledger.lanes import (
    LaneState,
    after_failure,
    after_success,
    after_throttle,
    held,
    may_call,
    read_lane,
    write_lane,
)
from ledger.progress import Change, Claimed
from ledger.records import record, record_calls
from ledger.states import State
from providers.model import Policy
from worker.accounts import Lane, LaneConfig
from worker.calls import FINE, Asked, Caller, longest_call
from worker.limits import CONTESTED_SHARE, READ_SHARE, Budget, Place
from worker.runtime import Runtime, utc_now
from worker.stopping import pause, stopping

log = structlog.get_logger("rescind.pump")

STATES = {
    "cancel": State.QUEUED,
    "verify": State.VERIFYING,
    "poll": State.REQUESTED,
}
GRACE = timedelta(seconds=10)
"""How much longer than its call a lease lasts."""
RECORD_SECONDS = 20.0
"""How long a finished call waits for a ledger that is away, before its lease does."""
GATHER_SECONDS = 0.005
"""How long a finished call waits for others, to be recorded with them."""
LOOK_SECONDS = 0.2
"""How often a pump with slow calls under way looks for new work."""
SHORT_WAIT = timedelta(seconds=2)
"""A wait for the lane's rate that is not worth giving way for."""


def lease_of(policy: Policy) -> timedelta:
    """How long a claim lasts: one call, and some grace for a login and the record."""
    return longest_call(policy) + GRACE


@dataclass
class Pump:
    """One run of one operation on one lane."""

    runtime: Runtime
    lane: Lane
    operation: str
    config: LaneConfig
    _flying: dict[Future[Asked], Place] = field(default_factory=dict)
    _patience: float = LOOK_SECONDS
    """How long calls under way may keep it from looking for new work."""
    _clean: bool = True
    """Whether the lane's row says that nothing is wrong."""
    _contested: bool = False
    """Whether cancels wait while this reads."""
    recorded: bool = False
    """Whether anything was brought home."""
    _nudge: Future[None] = field(default_factory=Future)

    @property
    def _policy(self) -> Policy:
        return self.config.policy

    @property
    def _batch(self) -> int:
        cancelling = self.operation == "cancel"
        return self._policy.batch if cancelling else self._policy.read_batch

    def run(self, is_my_turn: Callable[[], bool]) -> bool:
        """Work until there is no more; True if it stopped only to give way."""
        while True:
            if self._nudge.done():
                self._nudge = Future()
            mine = is_my_turn() and not stopping()
            launched = mine and self._launch_safely()
            if not launched and not self._flying:
                return not mine and not stopping()
            if self._flying:
                self._land_safely(block=not launched)

    def nudge(self) -> None:
        """There may be new work: look at once. From any thread."""
        with suppress(InvalidStateError):
            self._nudge.set_result(None)

    @property
    def nudged(self) -> bool:
        """Whether it ended without looking for what it was nudged for."""
        return self._nudge.done()

    def _full(self) -> bool:
        return len(self._flying) >= self._policy.concurrency

    def _launch_safely(self) -> bool:
        try:
            return self._launch()
        except Exception:
            self._bring_home()
            raise

    def _land_safely(self, *, block: bool) -> None:
        try:
            self._land(block=block)
        except Exception:
            self._bring_home()
            raise

    def _bring_home(self) -> None:
        """What is under way must still be recorded, whatever went wrong elsewhere."""
        while self._flying:
            done, _ = wait(self._flying, None, FIRST_COMPLETED)
            try:
                self._finish(done)
            except Exception:
                log.exception("not recorded", lane="/".join(self.lane))

    def _launch(self) -> bool:
        """Claim and send what may be sent now; False when nothing was."""
        calls = self._wanted()
        # A batch may turn out smaller than what is due: one token for each, then.
        at_once = calls if self._batch == 1 else 1
        return calls > 0 and all(
            self._launch_some(at_once) for _ in range(0, calls, at_once)
        )

    def _launch_some(self, calls: int) -> bool:
        try:
            budget = self._take(calls)
        except RedisError as error:
            log.warning(
                "redis is away", lane="/".join(self.lane), error=type(error).__name__
            )
            return False
        if budget.calls == 0:
            return self._sit_out(budget) and not stopping()
        places = list(budget.places)
        try:
            return self._send(places)
        finally:
            # Of calls that were not made after all.
            self._give_back(places)

    def _send(self, places: list[Place]) -> bool:
        """Claim what these places hold, and send it; takes away those it uses."""
        claimed = self._claim(len(places) * self._batch)
        caller = Caller(
            self.lane,
            self.config,
            self.operation,
            self.runtime.seal,
            self.runtime.tokens,
        )
        for start in range(0, len(claimed), self._batch):
            batch, place = claimed[start : start + self._batch], places.pop()
            future = self.runtime.threads.submit(caller.ask, batch, place)
            self._flying[future] = place
        return bool(claimed)

    def _wanted(self) -> int:
        """How many calls to make now: what is due, and what the lane allows."""
        now = utc_now()
        with reading(self.runtime.engine) as connection:
            lane = read_lane(connection, self.lane)
            self._clean = lane == LaneState()
            free = may_call(lane, self._policy, now) - len(self._flying)
            if free <= 0:
                return 0
            state = STATES[self.operation]
            most = free * self._batch
            found = waiting(connection, self.lane, state, most, now)
            self._contested = self.operation != "cancel" and bool(
                waiting(connection, self.lane, State.QUEUED, 1, now)
            )
        return math.ceil(found / self._batch)

    def _take(self, calls: int) -> Budget:
        return self.runtime.rates.take(self.lane, self._policy, calls, self._share())

    def _share(self) -> float:
        """How much of the lane's rate this operation may use."""
        if self.operation == "cancel":
            return 1.0
        return CONTESTED_SHARE if self._contested else READ_SHARE

    def _sit_out(self, budget: Budget) -> bool:
        self._patience = min(LOOK_SECONDS, budget.wait.total_seconds())
        if self._flying or budget.wait > SHORT_WAIT:
            return False
        pause(budget.wait.total_seconds())
        return True

    def _claim(self, limit: int) -> list[Claimed]:
        state, lease = STATES[self.operation], lease_of(self._policy)
        with writing(self.runtime.engine) as connection:
            # Looked at here: Redis or the ledger may have kept it waiting for long.
            if stopping():
                return []
            return claim(connection, self.lane, state, limit, lease, utc_now())

    def _land(self, *, block: bool) -> None:
        """Record what has finished; with ``block``, wait for something to do so."""
        # While there is room, new work is looked for though a slow call goes on.
        patience = (None if self._full() else self._patience) if block else 0
        self._patience = LOOK_SECONDS
        # A full one has no use for a nudge: it could do nothing about it.
        awaited: set[Future[Any]] = {*self._flying}
        wait(
            awaited if self._full() else awaited | {self._nudge},
            patience,
            FIRST_COMPLETED,
        )
        if any(call.done() for call in self._flying):
            # Calls sent together mostly end together: one commit for all of them.
            wait(self._flying, GATHER_SECONDS, ALL_COMPLETED)
        self._finish({call for call in self._flying if call.done()})

    def _finish(self, done: set[Future[Asked]]) -> None:
        """Record what these calls brought, then give back their places."""
        places = [self._flying.pop(call) for call in done]
        if not done:
            return
        try:
            self._record([call.result() for call in done])
        finally:
            self._give_back(places)

    def _give_back(self, places: list[Place]) -> None:
        if any(place.rules for place in places):
            # A Redis that hangs must not keep other calls from being recorded.
            self.runtime.threads.submit(self.runtime.rates.release, places)

    def _record(self, asked: Sequence[Asked]) -> None:
        """Write down what calls brought, also if the ledger is away for a moment.

        If it stays away, the leases run out and every order is read back.
        """
        give_up = time.monotonic() + RECORD_SECONDS
        while True:
            try:
                self._write(asked)
            except LedgerUnreachableError as error:
                if time.monotonic() > give_up:
                    raise
                log.warning(
                    "the ledger is away", lane="/".join(self.lane), error=str(error)
                )
                time.sleep(0.5)
            else:
                return

    def _write(self, asked: Sequence[Asked]) -> None:
        now = utc_now()
        changes = [c for one in asked for c in _changes(one, self._policy)]
        with writing(self.runtime.engine) as connection:
            stale = record(connection, changes, now)
            made = [one.call for one in asked if one.call is not None]
            record_calls(connection, *self.lane, made)
            self._write_lane(connection, asked)
        self.recorded = True
        if stale:
            log.warning(
                "moved by another meanwhile",
                lane="/".join(self.lane),
                ids=sorted(stale),
            )

    def _write_lane(self, connection: Connection, asked: Sequence[Asked]) -> None:
        if self._clean and all(one.effect == FINE for one in asked):
            return
        was = read_lane(connection, self.lane, for_update=True)
        now_is = was
        for one in asked:
            now_is = _lane_after(now_is, one, self._policy)
        if now_is != was:
            write_lane(connection, self.lane, now_is)
            self._clean = now_is == LaneState()
            _say(self.lane, was, now_is)


def _changes(asked: Asked, policy: Policy) -> list[Change]:
    return [
        Change(
            id=one.id,
            version=one.version,
            from_state=one.progress.state,
            to=decide(one, asked.events[one.id], policy, asked.at),
            call_id=asked.call.id if asked.call else None,
            evidence=asked.effect.held
            or asked.effect.failed
            or asked.effect.why
            or None,
        )
        for one in asked.claimed
    ]


def _lane_after(lane: LaneState, asked: Asked, policy: Policy) -> LaneState:
    effect = asked.effect
    if effect.held is not None:
        return held(lane, effect.held, policy, asked.at)
    if effect.throttled is not None:
        return after_throttle(lane, effect.throttled, effect.why, asked.at)
    if effect.failed is not None:
        return after_failure(lane, effect.failed, policy, asked.at)
    return after_success(lane) if asked.call is not None else lane


def _say(lane: Lane, was: LaneState, now_is: LaneState) -> None:
    if now_is.held_reason != was.held_reason:
        if now_is.held_reason:
            log.error("lane held", lane="/".join(lane), why=now_is.held_reason)
        else:
            log.warning("lane goes on", lane="/".join(lane))
    elif now_is.paused_until != was.paused_until and now_is.paused_until:
        log.warning("lane paused", lane="/".join(lane), why=now_is.pause_reason)
