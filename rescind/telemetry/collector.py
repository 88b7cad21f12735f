"""Reads the values of the metrics in the catalogue from the ledger and Redis."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import accumulate, product
from typing import Any

from redis import Redis
from sqlalchemy import Engine

from providers.registry import PROVIDERS
from rescind.config.accounts import Accounts, Lane
from rescind.config.queues import INTAKE, SCHEDULES, SWEEPS, TAKING, WEBHOOKS
from rescind.ledger.changes.lane_states import HELD_BY_OPERATOR, LaneState, all_lanes
from rescind.ledger.changes.stalled_lanes import stalled_lanes
from rescind.ledger.conditions import ENDS
from rescind.ledger.deliveries.retry_policy import Kind
from rescind.ledger.reading.backlogs import Backlog, backlogs
from rescind.ledger.reading.counter_totals import Total, totals
from rescind.ledger.reading.gauges import COUNTED, Run, deliveries, latest_runs
from rescind.ledger.states import OPEN, State
from rescind.ledger.storage import counters
from rescind.ledger.storage.counters import BEYOND, BUCKETS
from rescind.ledger.storage.transactions import reading
from rescind.telemetry import heartbeat
from rescind.telemetry.workable_backlog import workable_backlog

Histogram = tuple[list[tuple[str, float]], float]
Measured = tuple[str, tuple[str, ...], float | Histogram]
"""A metric's name, the values of its labels, and its own value."""

BY_LANE = {
    counters.ACCEPTED: "rescind_accepted_total",
    counters.ATTEMPT: "rescind_attempts_total",
    counters.LEASE: "rescind_leases_expired_total",
    counters.RETRY: "rescind_retries_total",
    counters.THROTTLE: "rescind_throttles_total",
}
BY = ("fault", "operator")
RUN_STATES = ("failed", "held", "running", "submitted")
QUEUES = (INTAKE, SWEEPS, WEBHOOKS, SCHEDULES, *(p.name for p in PROVIDERS))
PRIORITIES = ("", *(f"\x06\x16{step}" for step in (3, 6, 9)))
"""The suffixes of Kombu's lists of one queue: see ``kombu.transport.redis``."""


def of_ledger(
    engine: Engine, now: datetime, accounts: Accounts | None = None
) -> Iterator[Measured]:
    """All metrics of the ledger; raises ``LedgerUnreachableError``."""
    with reading(engine) as connection:
        counted = totals(connection)
        lanes = all_lanes(connection)
        open_work = backlogs(connection, now, COUNTED)
        delivering = deliveries(connection)
        runs = latest_runs(connection)
        stalled = stalled_lanes(connection)
        # Without the accounts file, nobody knows what the rates allow.
        workable = (
            None
            if accounts is None
            else workable_backlog(connection, lanes, accounts, now)
        )
    known = sorted({*lanes, *open_work, *(accounts.lanes if accounts else ())})
    yield from _counters(counted, known)
    yield from _calls(counted)
    in_all = _open(counted)
    for lane in known:
        state, backlog = lanes.get(lane, LaneState()), open_work.get(lane, Backlog())
        yield from _backlog(lane, backlog, in_all[lane])
        yield from _waits(lane, backlog, now)
        yield from _held(lane, state, accounts)
        yield from _lane(lane, state, now)
        yield "rescind_lane_stalled", lane, int(lane in stalled)
    if workable is not None:
        yield "rescind_workable_backlog", (), workable
    yield from _webhooks(counted, delivering)
    yield from _runs(runs)


# --- counters ---------------------------------------------------------------------


def _counters(counted: Iterable[Total], lanes: Iterable[Lane]) -> Iterator[Measured]:
    """The counters of each lane, which begin at 0: an alert on growth needs that."""
    ends = [(str(s), str(reason)) for s, reasons in ENDS.items() for reason in reasons]
    found: dict[tuple[str, tuple[str, ...]], int] = {}
    for lane in lanes:
        found |= dict.fromkeys(((name, lane) for name in BY_LANE.values()), 0)
        found |= {("rescind_outcomes_total", (*lane, *end)): 0 for end in ends}
        found |= {("rescind_holds_total", (*lane, by)): 0 for by in BY}
    for one in counted:
        lane = (one.provider, one.account)
        if one.metric in BY_LANE:
            found[BY_LANE[one.metric], lane] = one.count
        elif one.metric == counters.OUTCOME:
            found["rescind_outcomes_total", (*lane, one.first, one.second)] = one.count
        elif one.metric == counters.HOLD:
            found["rescind_holds_total", (*lane, one.first)] = one.count
    for (name, labels), count in found.items():
        yield name, labels, count


def _calls(counted: Iterable[Total]) -> Iterator[Measured]:
    by_kind: defaultdict[tuple[str, ...], list[Total]] = defaultdict(list)
    for one in counted:
        if one.metric == counters.CALL:
            kind = (one.provider, one.account, one.first, one.second)
            by_kind[kind].append(one)
    for labels, calls in by_kind.items():
        yield "rescind_provider_call_duration_seconds", labels, _histogram(calls)
        orders = sum(one.orders for one in calls)
        yield "rescind_provider_call_orders_total", labels, orders


def _histogram(calls: Iterable[Total]) -> Histogram:
    each = {one.third: one.count for one in calls}
    limits = [f"{ms / 1000:g}" for ms in BUCKETS]
    counts = [each.get(name, 0) for name in (*map(str, BUCKETS), BEYOND)]
    sums = map(float, accumulate(counts))
    took = sum(one.took_ms for one in calls) / 1000
    return list(zip((*limits, "+Inf"), sums, strict=True)), took


def _webhooks(
    counted: Iterable[Total], delivering: dict[tuple[str, str], int]
) -> Iterator[Measured]:
    results = dict.fromkeys(("delivered", "failed", "given_up"), 0)
    results |= {
        one.first: one.count for one in counted if one.metric == counters.WEBHOOK
    }
    for result, count in results.items():
        yield "rescind_webhooks_total", (result,), count
    for kind, state in product(Kind, ("waiting", "given_up")):
        yield f"rescind_webhooks_{state}", (kind,), delivering.get((kind, state), 0)


# --- gauges -----------------------------------------------------------------------


def _open(counted: Iterable[Total]) -> Counter[Lane]:
    """The number of open cancellations by lane: those accepted less those ended."""
    signs = {counters.ACCEPTED: 1, counters.RETRY: 1, counters.OUTCOME: -1}
    found: Counter[Lane] = Counter()
    for one in counted:
        found[one.provider, one.account] += signs.get(one.metric, 0) * one.count
    return found


def _backlog(lane: Lane, backlog: Backlog, in_all: int) -> Iterator[Measured]:
    """The backlog by state. If one state has more than were counted, its number is the
    number of all open cancellations less those in the other states."""
    by_state = {str(state): 0 for state in State if state in OPEN} | backlog.by_state
    for longest in backlog.more if len(backlog.more) == 1 else ():
        others = sum(n for state, n in by_state.items() if state != longest)
        by_state[longest] = max(by_state[longest], in_all - others)
    for state, count in by_state.items():
        yield "rescind_backlog", (*lane, state), count


def _waits(lane: Lane, backlog: Backlog, now: datetime) -> Iterator[Measured]:
    waited = (now - backlog.oldest).total_seconds() if backlog.oldest else 0
    yield "rescind_oldest_wait_seconds", lane, max(0.0, waited)


def _held(
    lane: Lane, state: LaneState, accounts: Accounts | None
) -> Iterator[Measured]:
    held = state.held_at is not None
    by_operator = state.held_reason == HELD_BY_OPERATOR
    by = {"fault": held and not by_operator, "operator": held and by_operator}
    if accounts is not None:
        by["accounts"] = accounts.fault_of(lane) is not None
    for who, is_held in by.items():
        yield "rescind_lane_held", (*lane, who), int(is_held)


def _lane(lane: Lane, state: LaneState, now: datetime) -> Iterator[Measured]:
    since = state.held_at.timestamp() if state.held_at else 0
    paused = state.paused_until is not None and state.paused_until > now
    until = state.paused_until.timestamp() if state.paused_until and paused else 0
    yield "rescind_lane_held_since_timestamp_seconds", lane, since
    yield "rescind_lane_paused_until_timestamp_seconds", lane, until
    yield "rescind_lane_failures", lane, state.failures


def _runs(runs: Iterable[Run]) -> Iterator[Measured]:
    for run in runs:
        began = run.started_at.timestamp()
        yield "rescind_schedule_last_run_timestamp_seconds", (run.name,), began
        for state in RUN_STATES:
            is_it = int(state == run.state)
            yield "rescind_schedule_last_run_state", (run.name, state), is_it


# --- Redis ------------------------------------------------------------------------


def of_redis(redis: Redis) -> Iterator[Measured]:
    """The lengths of the queues, and the time of the latest sweep."""
    lists = [f"{queue}{step}" for queue in QUEUES for step in PRIORITIES]
    pipe = redis.pipeline(transaction=False)
    for name in lists:
        pipe.llen(name)
    pipe.llen(TAKING)
    pipe.hlen("rescind:unacked")
    pipe.hvals(heartbeat.KEY)
    *lengths, taking, held, ticks = pipe.execute()
    waiting: defaultdict[str, int] = defaultdict(int)
    for name, length in zip(lists, lengths, strict=True):
        waiting[name.partition("\x06")[0]] += length
    for queue, count in waiting.items():
        yield "rescind_queue_messages", (queue,), count
    yield "rescind_queue_unacknowledged", (INTAKE,), taking + held
    yield "rescind_sweep_last_tick_timestamp_seconds", (), _latest(ticks)


def _latest(ticks: Iterable[Any]) -> float:
    """The latest tick in seconds; 0 if no worker has swept."""
    return max((float(tick) for tick in ticks), default=0.0) / 1000
