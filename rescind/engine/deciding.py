"""What the results of calls change: orders, by ``ledger.decision``, and lanes."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import structlog

from rescind.config.accounts import Lane
from rescind.engine.call_deadlines import longest_call
from rescind.engine.call_results import CallResult
from rescind.ledger.changes.lane_states import (
    LaneState,
    after_failure,
    after_success,
    after_throttle,
    held,
)
from rescind.ledger.decision import decide
from rescind.ledger.progress import Change, Claimed
from rescind.ledger.states import State
from rescind.provider.deadlines import earlier
from rescind.provider.outcomes import Finding
from rescind.provider.policy import Policy
from rescind.telemetry.logs import MOST_NAMED, named

log = structlog.get_logger("rescind.engine")
_events = logging.getLogger("rescind.engine")

GRACE = timedelta(seconds=10)
"""Time that a lease lasts beyond its longest call."""


def lease_of(policy: Policy) -> timedelta:
    """The time that a claim lasts: the longest call, and ``GRACE`` for a login and the
    record."""
    return longest_call(policy) + GRACE


def changes_of(results: Iterable[CallResult], policy: Policy) -> list[Change]:
    """The changes to the orders of these calls."""
    return [change for one in results for change in _changes(one, policy)]


def _changes(result: CallResult, policy: Policy) -> list[Change]:
    """One change for all orders of the call that are alike and have the same event.
    Most are: this saves statements."""
    alike: dict[tuple[Any, ...], list[Claimed]] = {}
    for one in result.claimed:
        times = (one.opened_at, one.cancel_before)
        known = (id(one.progress), one.version, *times, one.waits)
        alike.setdefault((*known, result.events[one.id]), []).append(one)
    return [_change(some, result, policy) for some in alike.values()]


def _change(alike: Sequence[Claimed], result: CallResult, policy: Policy) -> Change:
    one, event = alike[0], result.events[alike[0].id]
    told = event.cancellable_until if isinstance(event, Finding) else None
    if told is not None:
        one = replace(one, cancel_before=earlier(one.cancel_before, told))
    was, to = one.progress, decide(one, event, policy, result.at)
    return Change(
        ids=[each.id for each in alike],
        version=one.version,
        from_state=was.state,
        to=to,
        call_id=result.call.id if result.call else None,
        evidence=result.effect.words,
        attempted=was.state is State.SENDING and to.attempts == was.attempts,
        cancellable_until=told,
    )


def lane_after(
    lane: LaneState, results: Iterable[CallResult], policy: Policy
) -> LaneState:
    """The lane's state after these results."""
    for one in results:
        lane = _after(lane, one, policy)
    return lane


def _after(lane: LaneState, result: CallResult, policy: Policy) -> LaneState:
    effect = result.effect
    if effect.held is not None:
        return held(lane, effect.held, policy, result.at)
    if effect.throttled is not None:
        return after_throttle(lane, effect.throttled, effect.why, result.at)
    if effect.failed is not None:
        return after_failure(lane, effect.failed, policy, result.at)
    return after_success(lane) if result.call is not None else lane


def throttles(results: Iterable[CallResult], stale: Collection[str]) -> int:
    """The number of throttled calls that are recorded for the first time. ``stale``
    holds the ids of the cancellations that another worker has changed."""
    return sum(
        one.effect.throttled is not None and any(c.id not in stale for c in one.claimed)
        for one in results
    )


def log_changes(lane: Lane, changes: Sequence[Change], stale: Collection[str]) -> None:
    """Log what an operator needs to see of recorded ``changes``. ``stale``: the ids of
    the cancellations that another worker has changed."""
    where = "/".join(lane)
    ours = [one for change in changes for one in change.ids if one in stale]
    if ours:
        log.warning("moved by another worker meanwhile", lane=where, **named(ours))
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


def log_lane(lane: Lane, was: LaneState, now_is: LaneState) -> None:
    """Log that a lane was held, resumed or paused."""
    where = "/".join(lane)
    if now_is.held_reason != was.held_reason:
        if now_is.held_reason:
            log.error("lane held", lane=where, why=now_is.held_reason)
        else:
            log.warning("lane goes on", lane=where)
    elif now_is.paused_until != was.paused_until and now_is.paused_until:
        log.warning("lane paused", lane=where, why=now_is.pause_reason)
