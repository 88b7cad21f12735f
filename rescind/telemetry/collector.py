"""Reads the values of the metrics in the catalogue from the ledger and Redis."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from redis import Redis
from sqlalchemy import Connection, Engine

from providers.registry import PROVIDERS
from rescind.config.accounts import Accounts, Lane
from rescind.config.queues import INTAKE, SCHEDULES, SWEEPS, TAKING, WEBHOOKS
from rescind.ledger.changes.deletion import count_overdue
from rescind.ledger.changes.lane_states import LaneState, all_lanes
from rescind.ledger.changes.stalled_lanes import stalled_lanes
from rescind.ledger.reading.backlogs import Backlog, backlogs
from rescind.ledger.reading.counter_totals import (
    LaneTotal,
    call_totals,
    event_totals,
    lane_totals,
    lanes_with_outcomes,
)
from rescind.ledger.reading.gauges import Run, deliveries, latest_runs
from rescind.ledger.storage import counters
from rescind.ledger.storage.transactions import reading
from rescind.telemetry import heartbeat
from rescind.telemetry.counter_metrics import of_calls, of_events, of_webhooks
from rescind.telemetry.lane_metrics import LaneNow, is_faulty, of_lanes
from rescind.telemetry.measured import Measured
from rescind.telemetry.workable_backlog import workable_backlog
from rescind.telemetry.worker_metrics import of_workers
from rescind.telemetry.worker_records import records

RECENT = timedelta(hours=1)
"""A lane whose latest outcome is older, and that has no open work, is at rest."""
COUNTED_IN_ALL = 50_000
"""About so many rows of the backlogs are counted, over all lanes..."""
COUNTED = (100, 10_000)
"""... but at least and at most so many of one state of a lane."""
OVERDUE = timedelta(days=1)
"""So much later than ``RESCIND_RETENTION`` says, a cancellation is overdue."""
RUN_STATES = ("failed", "held", "running", "submitted")
QUEUES = (INTAKE, SWEEPS, WEBHOOKS, SCHEDULES, *(p.name for p in PROVIDERS))
PRIORITIES = ("", *(f"\x06\x16{step}" for step in (3, 6, 9)))
"""The suffixes of Kombu's lists of one queue: see ``kombu.transport.redis``."""


def of_ledger(
    engine: Engine,
    now: datetime,
    accounts: Accounts | None = None,
    retention: timedelta | None = None,
) -> Iterator[Measured]:
    """All metrics of the ledger; raises ``LedgerUnreachableError``."""
    with reading(engine) as connection:
        events = event_totals(connection)
        calls = call_totals(connection)
        states = all_lanes(connection)
        lanes = _lanes(connection, states, accounts, now)
        delivering = deliveries(connection)
        runs = latest_runs(connection)
        overdue = (
            None
            if retention is None
            else count_overdue(connection, now - retention - OVERDUE)
        )
        # The rates stand in the accounts file.
        workable = (
            None
            if accounts is None
            else workable_backlog(connection, states, accounts, now)
        )
    yield from of_events(events, sorted({one.lane[0] for one in lanes}))
    yield from of_calls(calls)
    yield from of_lanes(lanes, now)
    if workable is not None:
        yield "rescind_workable_backlog", (), workable
    if overdue is not None:
        yield "rescind_retention_overdue", (), overdue
    yield from of_webhooks(events, delivering)
    yield from _runs(runs)


@dataclass(slots=True)
class _Counted:
    """What the counters tell of one lane."""

    open: int
    ended: dict[str, int]


def _lanes(
    connection: Connection,
    states: Mapping[Lane, LaneState],
    accounts: Accounts | None,
    now: datetime,
) -> list[LaneNow]:
    """Every lane of the ledger and the accounts file, sorted."""
    counted = _by_lane(lane_totals(connection))
    stalled = stalled_lanes(connection)
    recent = lanes_with_outcomes(connection, now - RECENT)
    work = backlogs(connection, now, _most(counted))
    nothing = _Counted(0, {})
    return [
        LaneNow(
            lane,
            states.get(lane, LaneState()),
            work.get(lane, Backlog()),
            stalled=lane in stalled,
            faulty=is_faulty(accounts, lane, work.get(lane)),
            recent=lane in recent,
            open=counted.get(lane, nothing).open,
            ended=counted.get(lane, nothing).ended,
        )
        for lane in sorted({*states, *work, *(accounts.lanes if accounts else ())})
    ]


def _by_lane(totals: Iterable[LaneTotal]) -> dict[Lane, _Counted]:
    """The open cancellations of each lane, which are those accepted less those ended,
    and the ended ones by state."""
    signs = {counters.ACCEPTED: 1, counters.RETRY: 1, counters.OUTCOME: -1}
    opened = Counter[Lane]()
    ended: defaultdict[Lane, Counter[str]] = defaultdict(Counter)
    for one in totals:
        opened[one.lane] += signs[one.metric] * one.count
        if one.metric == counters.OUTCOME:
            ended[one.lane][one.first] += one.count
    return {lane: _Counted(opened[lane], ended[lane]) for lane in opened}


def _most(counted: Mapping[Lane, _Counted]) -> int:
    """How many rows to count of each state of a lane: fewer if many lanes are busy."""
    busy = sum(one.open > 0 for one in counted.values())
    least, most = COUNTED
    return max(least, min(most, COUNTED_IN_ALL // max(1, busy)))


def _runs(runs: Iterable[Run]) -> Iterator[Measured]:
    for run in runs:
        began = run.started_at.timestamp()
        yield "rescind_schedule_last_run_timestamp_seconds", (run.name,), began
        for state in RUN_STATES:
            is_it = int(state == run.state)
            yield "rescind_schedule_last_run_state", (run.name, state), is_it


# --- Redis ------------------------------------------------------------------------


def of_redis(redis: Redis, now: datetime) -> Iterator[Measured]:
    """The lengths of the queues, the time of the latest sweep, and the workers."""
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
    yield from of_workers(records(redis, now), now)


def _latest(ticks: Iterable[Any]) -> float:
    """The latest tick in seconds; 0 if no worker has swept."""
    return max((float(tick) for tick in ticks), default=0.0) / 1000
