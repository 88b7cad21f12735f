"""The sweep: what time brings, and which lanes have something to do.

All lanes are looked at by one statement. Where something is to be moved, one sweep at a
time moves it, over all workers. All that is lost with Redis is found again here.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

import structlog
from sqlalchemy import Connection, Engine

from rescind.config.accounts import Accounts, Lane
from rescind.engine.lane_operation import OPERATION_OF
from rescind.ledger.changes.candidates import unreadable
from rescind.ledger.changes.due_lanes import DueWork, find_due_work
from rescind.ledger.changes.lane_states import LaneState, may_call, read_lanes
from rescind.ledger.changes.leases import acquire, release
from rescind.ledger.changes.sweeps import AT_ONCE, Moved, move
from rescind.ledger.storage.transactions import LedgerUnreachableError, reading, writing
from rescind.telemetry.logs import named

log = structlog.get_logger("rescind.sweep")

LEASE = "sweep"
LEASE_SECONDS = 10.0
"""A sweep that died keeps others from moving anything for so long. Two at once do no
harm, since each row has its own guard: the lease only saves work."""
MOVING_SECONDS = 5.0
"""A sweep begins no transaction after this; the next one goes on."""
MOST_SAID = 10
"""Unreadable rows that are named for each lane."""
_said: set[Lane] = set()
"""Lanes whose unreadable rows this process has named: once is enough."""

Due = dict[Lane, frozenset[str]]


def sweep(engine: Engine, accounts: Accounts, now: datetime, holder: str) -> Due:
    """Move what time has moved; gives back which operations have work now, for each
    lane that may be called.

    ``holder`` names this process among all workers. Where another sweep moves what
    there is to move, this one moves nothing.
    """
    with reading(engine) as connection:
        seen = find_due_work(connection, now)
        if not seen.to_move:
            return _due(connection, seen, accounts, now)
    with _alone(engine, holder, now) as alone:
        if alone:
            _move(engine, seen.to_move, accounts, now)
    with reading(engine) as connection:
        return _due(connection, find_due_work(connection, now), accounts, now)


@contextmanager
def _alone(engine: Engine, holder: str, now: datetime) -> Iterator[bool]:
    """Whether no other sweep moves anything meanwhile."""
    with writing(engine) as connection:
        alone = acquire(connection, LEASE, holder, LEASE_SECONDS, now)
    try:
        yield alone
    finally:
        if alone:
            with writing(engine) as connection:
                release(connection, LEASE, holder)


def _move(
    engine: Engine, lanes: Iterable[Lane], accounts: Accounts, now: datetime
) -> None:
    give_up, left = time.monotonic() + MOVING_SECONDS, list(lanes)
    # In no order: where time is short, it is not always the same lanes that wait.
    random.shuffle(left)
    while left and time.monotonic() < give_up:
        some, left = left[:AT_ONCE], left[AT_ONCE:]
        with writing(engine) as connection:
            moved = move(connection, some, accounts.policy, now)
        _say(moved)
        left += moved.more


def _say(moved: Moved) -> None:
    for lane, number in moved.vanished.items():
        log.warning("leases ran out", lane="/".join(lane), of=number)
    for lane, number in moved.expired.items():
        log.warning("deadlines passed", lane="/".join(lane), of=number)
    for lane, fault in moved.faults.items():
        log.error("a row was not swept", lane="/".join(lane), exc_info=fault)


def _due(
    connection: Connection, seen: DueWork, accounts: Accounts, now: datetime
) -> Due:
    _said.intersection_update(seen.unreadable)
    lanes = {*seen.due, *(seen.unreadable - _said)}
    usable = [lane for lane in lanes if accounts.fault_of(lane) is None]
    states = read_lanes(connection, usable)
    due: Due = {}
    for lane in usable:
        state = states.get(lane, LaneState())
        if not may_call(state, accounts.policy(lane), now):
            continue
        if lane in seen.due:
            due[lane] = frozenset(OPERATION_OF[one] for one in seen.due[lane])
        else:
            _say_unreadable(lane, unreadable(connection, lane, MOST_SAID, now))
    return due


def _say_unreadable(lane: Lane, ids: list[str]) -> None:
    if ids:
        _said.add(lane)
        why = "only a newer version can read them: run that one again"
        log.error("rows left alone", lane="/".join(lane), **named(ids), why=why)


def each(parts: Mapping[str, Callable[[], object]]) -> None:
    """Do what else a sweep does, under what is said where it cannot be done."""
    for said, part in parts.items():
        try:
            part()
        except LedgerUnreachableError as error:
            log.warning(said, why=str(error))
        except Exception:
            # Whatever it is must neither stop the others nor be lost without a word.
            log.exception(said)
