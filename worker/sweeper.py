"""The sweep: what time brings, and waking every lane that has something to do.

It may run twice, at once and late. All that is lost with Redis is found again here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

import structlog
from kombu.exceptions import OperationalError
from sqlalchemy import Connection, Engine

from ledger.candidates import unreadable
from ledger.claims import waiting
from ledger.database import LedgerUnreachableError, reading, writing
from ledger.lanes import LaneState, all_lanes, may_call
from ledger.sweeps import (
    lanes_with_deadlines,
    sweep_deadlines,
    sweep_leases,
    sweep_needed,
    sweep_scheduled,
)
from providers.model import Policy
from worker.accounts import Accounts, Lane
from worker.engine.lane_operation import STATES
from worker.logs import named

log = structlog.get_logger("rescind.sweep")

MOST_SAID = 10
"""Unreadable rows that are named for each lane."""
_said: set[str] = set()
"""Rows that this process has named: once is enough."""

Wakes = list[tuple[Lane, str]]


def sweep(
    engine: Engine, accounts: Accounts, now: datetime, _holder: str = ""
) -> dict[Lane, set[str]]:
    found: dict[Lane, set[str]] = {}
    for lane, operation in _sweep(engine, accounts, now):
        found.setdefault(lane, set()).add(operation)
    return found


def _sweep(engine: Engine, accounts: Accounts, now: datetime) -> Wakes:
    """Move what time has moved; gives back the lanes and operations to wake."""
    with reading(engine) as connection:
        lanes = all_lanes(connection)
        # Deadlines are kept whatever became of the lane's account or provider.
        looked_at = {*lanes, *lanes_with_deadlines(connection)}
        needy = {lane for lane in looked_at if sweep_needed(connection, lane, now)}
    for lane in sorted(needy):
        try:
            _sweep_lane(engine, lane, accounts.policy(lane), now)
        except (ValueError, OverflowError):
            # A row that cannot be read for another reason must not stop other lanes.
            log.exception("lane not swept", lane="/".join(lane))
    with reading(engine) as connection:
        return list(_due(connection, lanes, accounts, now))


def _sweep_lane(engine: Engine, lane: Lane, policy: Policy, now: datetime) -> None:
    with writing(engine) as connection:
        vanished = sweep_leases(connection, lane, policy, now)
        expired = sweep_deadlines(connection, lane, policy, now)
        sweep_scheduled(connection, lane, policy, now)
    if vanished:
        log.warning("leases ran out", lane="/".join(lane), of=vanished)
    if expired:
        log.warning("deadlines passed", lane="/".join(lane), of=expired)


def _due(
    connection: Connection,
    lanes: dict[Lane, LaneState],
    accounts: Accounts,
    now: datetime,
) -> Iterator[tuple[Lane, str]]:
    for lane, state in lanes.items():
        open_to_calls = may_call(state, accounts.policy(lane), now) > 0
        if accounts.fault_of(lane) is not None or not open_to_calls:
            continue
        operations = due(connection, lane, now)
        yield from ((lane, operation) for operation in operations)
        if not operations:
            _say_unreadable(lane, unreadable(connection, lane, MOST_SAID, now))


def _say_unreadable(lane: Lane, ids: list[str]) -> None:
    new = [one for one in ids if one not in _said]
    if new:
        _said.update(new)
        why = "only a newer version can read them: run that one again"
        log.error("rows left alone", lane="/".join(lane), **named(new), why=why)


def due(connection: Connection, lane: Lane, now: datetime) -> list[str]:
    """The operations that have work on this lane now."""
    return [
        operation
        for operation, state in STATES.items()
        if waiting(connection, lane, state, 1, now)
    ]


def each(parts: Mapping[str, Callable[[], object]]) -> None:
    """Do what else a sweep does, under what is said where it cannot be done."""
    for said, part in parts.items():
        try:
            part()
        except (LedgerUnreachableError, OperationalError) as error:
            log.warning(said, why=str(error))
        except Exception:
            # Whatever it is must neither stop the others nor be lost without a word.
            log.exception(said)
