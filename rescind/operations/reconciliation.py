"""Reconciles a ledger that was restored from an older copy with the providers.

It only marks what may have been sent since the copy. The workers then read it back, at
the providers' read rates, and the decision is the one after any lost answer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine

from rescind.config.accounts import Accounts, Lane
from rescind.config.times import utc_now
from rescind.engine.rate_limiter import READ_SHARE
from rescind.engine.rate_rules import rules_of
from rescind.ledger.action_kinds import Action
from rescind.ledger.changes.lane_states import all_lanes
from rescind.ledger.changes.operator_actions import Subject, record_action
from rescind.ledger.reading.backlogs import busy_lanes
from rescind.ledger.reading.queries import stamp
from rescind.ledger.restored import read_first_until
from rescind.ledger.states import State
from rescind.ledger.storage.ledger_time import has_clock, ledger_time
from rescind.ledger.storage.milliseconds import in_ms, to_ms
from rescind.ledger.storage.repeating import repeated
from rescind.ledger.storage.transactions import reading, writing
from rescind.operations.action_log import log_action
from rescind.operations.reconciling import (
    MARKED,
    mark,
    note_restore,
    number_to_mark,
)
from rescind.operations.reopening import Place, Reopened, number_to_reopen, reopen_ended
from rescind.provider.policy import Policy

Lanes = dict[Lane, dict[State, int]]
Progress = Callable[[int], object]
"""Takes the number of cancellations that are marked so far."""


@dataclass(slots=True)
class Reconciliation:
    """What was marked, or would be."""

    at: datetime
    """Whatever may have been sent before this time is read back."""
    lanes: Lanes = field(default_factory=dict)
    """By lane and state: how many are read back before anything of them is sent."""
    reopened: int = 0
    """Ended ones that got a new round, which begins with a reading."""
    kept: int = 0
    """Ended ones that could not be opened again: others went on after their end."""

    @property
    def orders(self) -> int:
        return sum(sum(states.values()) for states in self.lanes.values())

    def document(self, accounts: Accounts, *, dry_run: bool) -> dict[str, Any]:
        """The result as ``rescind reconcile --json`` shows it."""
        return {
            "at": stamp(to_ms(self.at)),
            "read_first_until": stamp(to_ms(read_first_until(self.at))),
            "dry_run": dry_run,
            "orders": self.orders,
            "reopened": self.reopened,
            "kept": self.kept,
            "lanes": [
                {
                    "lane": "/".join(lane),
                    **states,
                    "seconds": seconds_to_read(accounts.policy(lane), lane, states),
                }
                for lane, states in self.lanes.items()
            ],
        }


def reconcile(
    engine: Engine,
    accounts: Accounts,
    now: datetime,
    since: datetime | None,
    progress: Progress,
    *,
    by: str,
) -> Reconciliation:
    """Mark all that may have been sent since the copy was made.

    With ``since``, what has ended otherwise than cancelled since that time gets a new
    round, which begins with a reading. The change of the lanes is committed first, so
    that nothing new is sent unread, even if this is interrupted later. ``now`` is by
    the ledger's clock: see ``now_of``.
    """
    done = Reconciliation(now)
    with writing(engine) as connection:
        note_restore(connection, done.at)
        record_action(connection, by, Action.RECONCILE, Subject(), done.at)
        lanes = sorted({*all_lanes(connection), *busy_lanes(connection)})
    log_action(by, Action.RECONCILE, Subject())
    for lane in lanes:
        for state in MARKED:
            for number in _marked(engine, accounts, (lane, state), done.at, by):
                _add(done.lanes, lane, state, number)
                progress(done.orders)
    if since is not None:
        _reopen(engine, done, since, by)
    return done


def preview(
    engine: Engine, accounts: Accounts, now: datetime, since: datetime | None
) -> Reconciliation:
    """What ``reconcile`` would mark now. Nothing is changed."""
    found = Reconciliation(now)
    with reading(engine) as connection:
        known = {*accounts.lanes, *all_lanes(connection), *busy_lanes(connection)}
        for lane in sorted(known):
            for state in MARKED:
                number = number_to_mark(connection, lane, state, found.at)
                _add(found.lanes, lane, state, number)
        if since is not None:
            found.reopened = number_to_reopen(connection, since, found.at)
    return found


def now_of(engine: Engine) -> datetime:
    """The time by the ledger's clock, by which workers go."""
    return ledger_time(engine, utc_now)[1] if has_clock(engine) else utc_now()


def seconds_to_read(policy: Policy, lane: Lane, states: dict[State, int]) -> int:
    """About how long the lane's readings take at its rates."""
    calls = math.ceil(sum(states.values()) / policy.read_batch)
    paces = [
        rule.window / timedelta(seconds=1) / rule.amount
        for rule in rules_of(lane, policy, READ_SHARE)
    ]
    return math.ceil(calls * max(paces, default=0.0))


def _marked(
    engine: Engine,
    accounts: Accounts,
    which: tuple[Lane, State],
    now: datetime,
    by: str,
) -> Iterator[int]:
    (lane, state), after = which, ""
    policy = accounts.policy(lane)
    while True:
        number, last = _mark_some(engine, lane, state, after, policy, now, by)
        yield number
        if last is None:
            return
        after = last


@repeated
def _mark_some(
    engine: Engine,
    lane: Lane,
    state: State,
    after: str,
    policy: Policy,
    now: datetime,
    by: str,
) -> tuple[int, str | None]:
    with writing(engine) as connection:
        return mark(connection, lane, state, after, policy, now, by=by)


def _add(lanes: Lanes, lane: Lane, state: State, number: int) -> None:
    if number:
        counts = lanes.setdefault(lane, {})
        counts[state] = counts.get(state, 0) + number


def _reopen(engine: Engine, done: Reconciliation, since: datetime, by: str) -> None:
    after: Place | None = Place(in_ms(since))
    while after is not None:
        result = _reopen_some(engine, after, done.at, by)
        done.reopened += result.opened
        done.kept += result.kept
        after = result.after


@repeated
def _reopen_some(engine: Engine, after: Place, now: datetime, by: str) -> Reopened:
    with writing(engine) as connection:
        return reopen_ended(connection, after, now, by=by)
