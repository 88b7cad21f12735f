"""The sweep: moves orders whose time has come, and finds lanes with due orders.

One statement looks at all lanes. If there are orders to move, only one sweep of all
workers moves them. The sweep finds every order whose notification was lost.
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
from rescind.ledger.changes.postponed_judgements import judge_postponed
from rescind.ledger.changes.sweeps import AT_ONCE, Moved, move
from rescind.ledger.storage.transactions import LedgerUnreachableError, reading, writing
from rescind.telemetry.logs import named

log = structlog.get_logger("rescind.sweep")

LEASE = "sweep"
LEASE_SECONDS = 3.0
"""A sweep that died blocks the moves of others for so long. The lease only saves work:
two sweeps at once do no harm, since each row has its own guard."""
MOVING_SECONDS = 1.5
"""A sweep begins no move after this time, and no judgement after as long again; the
next sweep goes on. Both end within the lease, so usually only one sweep moves orders.
"""
MOST_LOGGED = 10
"""Most unreadable rows that are named in the log for each lane."""
_logged: set[Lane] = set()
"""Lanes whose unreadable rows this process has logged: it logs them once."""

Due = dict[Lane, frozenset[str]]


def sweep(engine: Engine, accounts: Accounts, now: datetime, holder: str) -> Due:
    """Move the orders whose time has come. Returns, for each lane that may be called,
    the operations that have due orders.

    ``holder`` names this process among all workers. While another sweep moves orders,
    this one moves none.
    """
    with reading(engine) as connection:
        seen = find_due_work(connection, now)
        if not seen.to_move and not seen.postponed:
            return _due(connection, seen, accounts, now)
    with _exclusively(engine, holder, now) as alone:
        if alone:
            _move(engine, seen.to_move, accounts, now)
            if seen.postponed:
                _judge(engine, now)
    with reading(engine) as connection:
        return _due(connection, find_due_work(connection, now), accounts, now)


@contextmanager
def _exclusively(engine: Engine, holder: str, now: datetime) -> Iterator[bool]:
    """Whether this sweep alone moves orders, while the context lasts."""
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
    # In random order: if time is short, not always the same lanes wait.
    random.shuffle(left)
    while left and time.monotonic() < give_up:
        some, left = left[:AT_ONCE], left[AT_ONCE:]
        with writing(engine) as connection:
            moved = move(connection, some, accounts.policy, now)
        _log_moved(moved)
        left += moved.more


def _judge(engine: Engine, now: datetime) -> None:
    """Judge what earlier transactions have left of the successors of ends."""
    give_up, more = time.monotonic() + MOVING_SECONDS, True
    while more and time.monotonic() < give_up:
        try:
            with writing(engine) as connection:
                more = judge_postponed(connection, now) is not None
        except LedgerUnreachableError:
            raise
        except Exception:
            # It is found again by every sweep: lanes must not stand still for it.
            log.exception("what was postponed was not judged")
            return


def _log_moved(moved: Moved) -> None:
    for lane, number in moved.vanished.items():
        log.warning("leases ran out", lane="/".join(lane), of=number)
    for lane, number in moved.expired.items():
        log.warning("deadlines passed", lane="/".join(lane), of=number)
    for lane, fault in moved.faults.items():
        log.error("a row was not swept", lane="/".join(lane), exc_info=fault)


def _due(
    connection: Connection, seen: DueWork, accounts: Accounts, now: datetime
) -> Due:
    _logged.intersection_update(seen.unreadable)
    lanes = {*seen.due, *(seen.unreadable - _logged)}
    usable = [lane for lane in lanes if accounts.fault_of(lane) is None]
    states = read_lanes(connection, usable)
    due: Due = {}
    for lane in usable:
        state = states.get(lane, LaneState())
        its = accounts.lane(lane)
        if not may_call(state, its.policy, now, its.changed_at):
            continue
        if lane in seen.due:
            due[lane] = frozenset(OPERATION_OF[one] for one in seen.due[lane])
        else:
            _log_unreadable(lane, unreadable(connection, lane, MOST_LOGGED, now))
    return due


def _log_unreadable(lane: Lane, ids: list[str]) -> None:
    if ids:
        _logged.add(lane)
        why = "only a newer version can read them: run that one again"
        log.error("rows left alone", lane="/".join(lane), **named(ids), why=why)


def each(parts: Mapping[str, Callable[[], object]]) -> None:
    """Run the other parts of a sweep. Each key is the log message if its part fails."""
    for message, part in parts.items():
        try:
            part()
        except LedgerUnreachableError as error:
            log.warning(message, why=str(error))
        except Exception:
            # No fault may stop the other parts, and none may go unlogged.
            log.exception(message)
