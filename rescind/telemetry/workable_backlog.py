"""The backlog that more workers could work off: what the lanes' rates allow of it.

A backlog behind a rate, a pause or a hold does not shrink faster with more workers. So
the whole backlog is no measure of how many workers are needed; this number is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import datetime

from limits import parse
from sqlalchemy import Connection

from rescind.config.accounts import Accounts, Lane
from rescind.ledger.changes.claims import waiting_many
from rescind.ledger.changes.due_lanes import find_due_work
from rescind.ledger.changes.lane_states import LaneState, may_call
from rescind.ledger.states import State
from rescind.provider.policy import Policy

HORIZON_SECONDS = 60.0
"""The time in which the orders would be worked off."""
MOST_COUNTED = 1000
"""Due orders that are counted in each lane and state, at most."""
Asked = tuple[Lane, State, int]


def workable_backlog(
    connection: Connection,
    states: Mapping[Lane, LaneState],
    accounts: Accounts,
    now: datetime,
) -> int:
    """The orders of all lanes that workers could call for within a minute.

    It reads at most ``MOST_COUNTED`` rows for each lane and state, and fewer if the
    lane's rate allows fewer.
    """
    asked = list(_asked(connection, states, accounts, now))
    counted = waiting_many(connection, asked, now)
    due: dict[Lane, dict[State, int]] = {}
    for (lane, state, _), number in zip(asked, counted, strict=True):
        due.setdefault(lane, {})[state] = number
    return sum(
        workable(accounts.policy(lane), _calls(lane, states, accounts, now), of_lane)
        for lane, of_lane in due.items()
    )


def workable(policy: Policy, at_once: int, due: Mapping[State, int]) -> int:
    """The due orders of one lane that workers could call for within a minute.

    ``at_once`` is what ``may_call`` says of the lane: 0 while it may not be called. If
    it is below the lane's concurrency, the lane only probes: the number is then that
    of the orders in so many calls. Cancels come before reads, which share their rate.
    """
    calls = _allowed(policy.rate)
    if at_once < policy.concurrency:
        calls = min(calls, float(at_once))
    cancels = min(due.get(State.QUEUED, 0), calls * policy.batch)
    left = min(calls - cancels / policy.batch, _allowed(policy.read_rate))
    to_read = due.get(State.VERIFYING, 0) + due.get(State.REQUESTED, 0)
    return math.floor(cancels + min(to_read, left * policy.read_batch))


def _allowed(rate: str) -> float:
    """The calls that a rate allows within the horizon, on average."""
    if rate == "none":
        return math.inf
    parsed = parse(rate)
    return parsed.amount * HORIZON_SECONDS / float(parsed.get_expiry())


def _asked(
    connection: Connection,
    states: Mapping[Lane, LaneState],
    accounts: Accounts,
    now: datetime,
) -> Iterator[Asked]:
    """What to count: each state of each lane that may be called and has due orders."""
    for lane, due in find_due_work(connection, now).due.items():
        policy, calls = accounts.policy(lane), _calls(lane, states, accounts, now)
        for state in due if calls else ():
            size = policy.batch if state is State.QUEUED else policy.read_batch
            yield lane, state, _most(policy, size)


def _most(policy: Policy, size: int) -> int:
    allowed = min(float(MOST_COUNTED), _allowed(policy.rate) * size)
    return max(1, math.ceil(allowed))


def _calls(
    lane: Lane, states: Mapping[Lane, LaneState], accounts: Accounts, now: datetime
) -> int:
    if accounts.fault_of(lane) is not None:
        return 0
    state, its = states.get(lane, LaneState()), accounts.lane(lane)
    return may_call(state, its.policy, now, its.changed_at)
