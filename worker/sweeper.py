"""The sweep: what time brings, and waking every lane that has something to do.

It may run twice, at once and late. All that is lost with Redis is found again here.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import structlog
from sqlalchemy import Connection, Engine

from ledger.claims import waiting
from ledger.database import reading, writing
from ledger.lanes import LaneState, all_lanes, may_call
from ledger.sweeps import sweep_deadlines, sweep_leases, sweep_needed, sweep_scheduled
from providers.model import Policy
from providers.registry import BY_NAME
from worker.accounts import Accounts, Lane
from worker.pump import STATES

log = structlog.get_logger("rescind.sweep")

Wakes = list[tuple[Lane, str]]


def sweep(engine: Engine, accounts: Accounts, now: datetime) -> Wakes:
    """Move what time has moved; gives back the lanes and operations to wake."""
    with reading(engine) as connection:
        lanes = {k: v for k, v in all_lanes(connection).items() if k[0] in BY_NAME}
        needy = [lane for lane in lanes if sweep_needed(connection, lane, now)]
    for lane in needy:
        try:
            _sweep_lane(engine, lane, accounts.policy(lane), now)
        except (ValueError, OverflowError):
            # A row that only a newer version can read must not stop other lanes.
            log.exception("lane not swept", lane="/".join(lane))
    with reading(engine) as connection:
        return list(_due(connection, lanes, accounts, now))


def _sweep_lane(engine: Engine, lane: Lane, policy: Policy, now: datetime) -> None:
    with writing(engine) as connection:
        vanished = sweep_leases(connection, lane, policy, now)
        expired = sweep_deadlines(connection, lane, policy, now)
        sweep_scheduled(connection, lane, policy, now)
    if vanished:
        log.warning("leases ran out", lane="/".join(lane), cancellations=vanished)
    if expired:
        log.warning("deadlines passed", lane="/".join(lane), cancellations=expired)


def _due(
    connection: Connection,
    lanes: dict[Lane, LaneState],
    accounts: Accounts,
    now: datetime,
) -> Iterator[tuple[Lane, str]]:
    for lane, state in lanes.items():
        config = accounts.lane(lane)
        if config.account is None or may_call(state, config.policy, now) == 0:
            continue
        yield from ((lane, operation) for operation in due(connection, lane, now))


def due(connection: Connection, lane: Lane, now: datetime) -> list[str]:
    """The operations that have work on this lane now."""
    return [
        operation
        for operation, state in STATES.items()
        if waiting(connection, lane, state, 1, now)
    ]
