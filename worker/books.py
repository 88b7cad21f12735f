"""One operation of one lane in the ledger: what came home goes in, what is next comes
out, in one transaction."""

from __future__ import annotations

import logging
import math
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Connection, Engine

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
from ledger.states import OPEN, State
from ledger.tallies import THROTTLE, count
from providers.model import Policy
from worker.accounts import Lane
from worker.calls import FINE, Asked, longest_call
from worker.hand import Hand, Kept, keep
from worker.logs import MOST_NAMED, named
from worker.runtime import do_nothing, utc_now
from worker.stopping import stopping

log = structlog.get_logger("rescind.pump")
_events = logging.getLogger("rescind.pump")

STATES = {
    "cancel": State.QUEUED,
    "verify": State.VERIFYING,
    "poll": State.REQUESTED,
}
GRACE = timedelta(seconds=10)
"""How much longer than its call a lease lasts."""
RECORD_SECONDS = 20.0
"""How long a finished call waits for a ledger that is away, before its lease does."""


def lease_of(policy: Policy) -> timedelta:
    """How long a claim lasts: one call, and some grace for a login and the record."""
    return longest_call(policy) + GRACE


@dataclass
class Books:
    """The ledger as one pump sees it."""

    engine: Engine
    lane: Lane
    operation: str
    policy: Policy
    batch: int
    hand: Hand
    """What its lane was offered."""
    tell: Callable[[], object] = do_nothing
    """Called when somebody is to be told of an end."""
    more: bool = True
    """Whether more orders wait than were claimed, as far as is known."""
    left_open: bool = False
    """Whether an order was written down that something remains to be done for."""
    open: bool = True
    """Whether the lane might be called without restraint, when last looked."""
    contested: bool = False
    """Whether cancels waited, when last looked, while this reads."""

    def wanted(self, room: int) -> int:
        """How many calls, of at most ``room``, have orders that wait. Only reads."""
        now, state = utc_now(), STATES[self.operation]
        with reading(self.engine) as connection:
            lane = read_lane(connection, self.lane)
            room = min(room, self._allowed(lane, now))
            if room <= 0:
                return 0
            most = room * self.batch
            found = waiting(connection, self.lane, state, most, now)
            self.contested = self.operation != "cancel" and bool(
                waiting(connection, self.lane, State.QUEUED, 1, now)
            )
        return math.ceil(found / self.batch)

    def turn(
        self, asked: Sequence[Asked], calls: int, under_way: int, *, look: bool = True
    ) -> list[Claimed]:
        """Write down what calls brought, and claim for so many more: of what waits in
        the ledger, unless it need not ``look``, and then of what is in hand.

        ``under_way`` others go on meanwhile. Where the ledger is away for a moment,
        tries again; if it stays away, leases run out and every order is read back.
        """
        give_up = time.monotonic() + RECORD_SECONDS
        while True:
            try:
                return self._turn(asked, calls, under_way, look=look)
            except LedgerUnreachableError as error:
                # It may have been committed even so: not to be kept, or sent, twice.
                self.hand.refuse()
                if not asked or time.monotonic() > give_up:
                    raise
                log.warning(
                    "the ledger is away", lane="/".join(self.lane), error=str(error)
                )
                time.sleep(0.5)
            except Exception:
                self.hand.refuse()
                # What was answered must not be lost with what could not be claimed.
                if asked and calls:
                    self.turn(asked, 0, under_way)
                raise

    def _turn(
        self, asked: Sequence[Asked], calls: int, under_way: int, *, look: bool
    ) -> list[Claimed]:
        now = utc_now()
        changes = [change for one in asked for change in _changes(one, self.policy)]
        with writing(self.engine) as connection:
            recorded = record(connection, changes, now, self.lane)
            made = [one.call for one in asked if one.call is not None]
            record_calls(connection, *self.lane, made)
            _count_throttles(connection, self.lane, asked, recorded.stale)
            lane = self._lane(connection, asked)
            may_call = self._may_call(lane, calls, under_way)
            claimed = self._claim(connection, may_call) if look else []
            kept = self._keep(connection, may_call, claimed)
        self.hand.kept(kept)
        if look:
            # Of those that were refused as a batch few come together.
            capped = any(one.progress.batch_cap is not None for one in claimed)
            self.more = capped or len(claimed) >= calls * self.batch
        self.left_open |= any(change.to.state in OPEN for change in changes)
        _say_what_came(self.lane, changes, recorded.stale)
        if recorded.to_tell:
            self.tell()
        return claimed + kept.claimed

    def _lane(self, connection: Connection, asked: Sequence[Asked]) -> LaneState:
        """The lane, after what its calls have told of it."""
        was = read_lane(connection, self.lane)
        if was == LaneState() and all(one.effect == FINE for one in asked):
            return was
        was = now_is = read_lane(connection, self.lane, for_update=True)
        for one in asked:
            now_is = _lane_after(now_is, one, self.policy)
        if now_is != was:
            write_lane(connection, self.lane, now_is)
            _say(self.lane, was, now_is)
        return now_is

    def _may_call(self, lane: LaneState, calls: int, under_way: int) -> int:
        allowed = self._allowed(lane, utc_now())
        if not self.open:
            calls = min(calls, allowed - under_way)
        # Looked at here: Redis or the ledger may have kept it waiting for long.
        return 0 if stopping() else max(0, calls)

    def _claim(self, connection: Connection, calls: int) -> list[Claimed]:
        if not calls:
            return []
        state, lease, now = STATES[self.operation], lease_of(self.policy), utc_now()
        return claim(connection, self.lane, state, calls * self.batch, lease, now)

    def _keep(
        self, connection: Connection, calls: int, claimed: Sequence[Claimed]
    ) -> Kept:
        """What is in hand goes into the calls that are left."""
        most = (calls - math.ceil(len(claimed) / self.batch)) * self.batch
        return keep(connection, self.hand, most, lease_of(self.policy), utc_now())

    def _allowed(self, lane: LaneState, now: datetime) -> int:
        allowed = may_call(lane, self.policy, now)
        self.open = allowed == self.policy.concurrency
        return allowed


def _count_throttles(
    connection: Connection, lane: Lane, asked: Sequence[Asked], stale: Collection[str]
) -> None:
    # Those that are all stale were written down before, or are another's to count.
    new = sum(
        one.effect.throttled is not None and any(c.id not in stale for c in one.claimed)
        for one in asked
    )
    count(connection, THROTTLE, lane, by=new)


def _changes(asked: Asked, policy: Policy) -> list[Change]:
    """What becomes of a call's orders: most are alike, and end alike."""
    alike: dict[tuple[Any, ...], list[Claimed]] = {}
    for one in asked.claimed:
        known = (id(one.progress), one.version, one.opened_at, one.cancel_before)
        alike.setdefault((*known, asked.events[one.id]), []).append(one)
    return [_change(some, asked, policy) for some in alike.values()]


def _change(alike: Sequence[Claimed], asked: Asked, policy: Policy) -> Change:
    one = alike[0]
    was, to = one.progress, decide(one, asked.events[one.id], policy, asked.at)
    return Change(
        ids=[each.id for each in alike],
        version=one.version,
        from_state=was.state,
        to=to,
        call_id=asked.call.id if asked.call else None,
        evidence=asked.effect.words,
        attempted=was.state is State.SENDING and to.attempts == was.attempts,
    )


def _lane_after(lane: LaneState, asked: Asked, policy: Policy) -> LaneState:
    effect = asked.effect
    if effect.held is not None:
        return held(lane, effect.held, policy, asked.at)
    if effect.throttled is not None:
        return after_throttle(lane, effect.throttled, effect.why, asked.at)
    if effect.failed is not None:
        return after_failure(lane, effect.failed, policy, asked.at)
    return after_success(lane) if asked.call is not None else lane


def _say_what_came(
    lane: Lane, changes: Sequence[Change], stale: Collection[str]
) -> None:
    where = "/".join(lane)
    if stale:
        log.warning("moved by another meanwhile", lane=where, **named(sorted(stale)))
    given_up = (change.ids for change in changes if change.to.state is State.FAILED)
    failed = [one for ids in given_up for one in ids if one not in stale]
    if failed:
        log.warning("given up: a person must look", lane=where, **named(failed))
    if changes and _events.isEnabledFor(logging.DEBUG):
        ends = Counter(_in_words(c) for c in changes for i in c.ids if i not in stale)
        calls = sorted({c.call_id for c in changes if c.call_id})
        log.debug("recorded", lane=where, calls=calls[:MOST_NAMED], moves=dict(ends))


def _in_words(change: Change) -> str:
    why = f" ({change.to.reason})" if change.to.reason else ""
    return f"{change.from_state} -> {change.to.state}{why}"


def _say(lane: Lane, was: LaneState, now_is: LaneState) -> None:
    if now_is.held_reason != was.held_reason:
        if now_is.held_reason:
            log.error("lane held", lane="/".join(lane), why=now_is.held_reason)
        else:
            log.warning("lane goes on", lane="/".join(lane))
    elif now_is.paused_until != was.paused_until and now_is.paused_until:
        log.warning("lane paused", lane="/".join(lane), why=now_is.pause_reason)
