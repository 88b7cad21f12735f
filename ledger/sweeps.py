"""What time alone brings: leases that run out, deadlines, and what was scheduled.

Each sweep may run twice, at once, on several machines: every row is moved under its
own guard, and a second sweep finds nothing left to do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    TextClause,
    literal_column,
    select,
    text,
)

from ledger import tallies
from ledger.candidates import readable
from ledger.claims import progress_of
from ledger.decision import deadline_came, lease_ran_out
from ledger.progress import Change, Progress
from ledger.records import record
from ledger.states import State
from ledger.tables import CANCELLATION, LOOKED_AT, WITH_DEADLINE, to_ms
from ledger.walk import QUEUED, lanes_in
from providers.model import Policy

C = CANCELLATION.c
AT_ONCE = 1000
"""Rows that one sweep moves of each kind; the next sweep takes the rest."""

Where = ColumnElement[bool] | TextClause
Move = Callable[[Progress, Policy, datetime], Progress]


def sweep_needed(connection: Connection, lane: tuple[str, str], now: datetime) -> bool:
    """Whether any of the sweeps below would move something. Only reads."""
    kinds = (_vanished(lane, now), *_late(lane, now), _come(lane, now))
    return any(
        connection.execute(select(C.id).where(*where).limit(1)).first() is not None
        for where in kinds
    )


def lanes_with_deadlines(connection: Connection) -> set[tuple[str, str]]:
    """The lanes, known or not, on which something may come to its deadline."""
    return {*lanes_in(connection, QUEUED), *lanes_in(connection, WITH_DEADLINE)}


def sweep_leases(
    connection: Connection, lane: tuple[str, str], policy: Policy, now: datetime
) -> int:
    """``sending`` rows whose worker vanished are to be verified, never resent."""
    where = _vanished(lane, now)
    move = (lease_ran_out, policy, now, "the lease ran out")
    vanished = _move(connection, lane, where, *move)
    tallies.count(connection, tallies.LEASE, lane, by=vanished)
    return vanished


def sweep_deadlines(
    connection: Connection, lane: tuple[str, str], policy: Policy, now: datetime
) -> int:
    """What was not sent before its ``cancel_before`` never will be."""
    return sum(
        _move(
            connection, lane, where, deadline_came, policy, now, "cancel_before passed"
        )
        for where in _late(lane, now)
    )


def sweep_scheduled(
    connection: Connection, lane: tuple[str, str], policy: Policy, now: datetime
) -> int:
    """What waited for its ``not_before`` is queued when that has come."""
    where = _come(lane, now)
    return _move(connection, lane, where, _queued, policy, now, "not_before came")


def _vanished(lane: tuple[str, str], now: datetime) -> list[Where]:
    return [*_looked_at(lane, State.SENDING), C.due_at <= to_ms(now)]


def _come(lane: tuple[str, str], now: datetime) -> list[Where]:
    return [*_looked_at(lane, State.SCHEDULED), C.due_at <= to_ms(now)]


def _late(lane: tuple[str, str], now: datetime) -> list[list[Where]]:
    """What is queued, and what is scheduled: each has an index of its own."""
    late = [C.provider == lane[0], C.account == lane[1], C.urgency <= to_ms(now)]
    return [[*late, text(held), readable()] for held in (QUEUED, WITH_DEADLINE)]


def _looked_at(lane: tuple[str, str], state: State) -> list[Where]:
    return [
        C.provider == lane[0],
        C.account == lane[1],
        C.state == literal_column(f"'{state}'"),
        text(LOOKED_AT),
        readable(),
    ]


def _queued(progress: Progress, _policy: Policy, now: datetime) -> Progress:
    return replace(progress, state=State.QUEUED, due_at=now)


def _move(
    connection: Connection,
    lane: tuple[str, str],
    where: list[Where],
    move: Move,
    policy: Policy,
    now: datetime,
    evidence: str,
) -> int:
    chosen = (
        select(CANCELLATION)
        .where(*where)
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    changes = [
        _change(row, move, policy, now, evidence)
        for row in connection.execute(chosen).all()
    ]
    return len(changes) - len(record(connection, changes, now, lane).stale)


def _change(
    row: Any, move: Move, policy: Policy, now: datetime, evidence: str
) -> Change:
    progress = progress_of(row)
    to = move(progress, policy, now)
    # What was in a call when its worker vanished was counted as it was claimed.
    sent = progress.state is State.SENDING
    return Change(
        [row.id], row.version, progress.state, to, evidence=evidence, attempted=sent
    )
