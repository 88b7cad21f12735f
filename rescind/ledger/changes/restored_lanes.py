"""New cancellations on a ledger that was restored a short while ago.

An order may have been accepted after the copy was made, and cancelled in time. When it
is submitted again its deadline may have passed, its message may have expired, or its
predecessors may end otherwise: that does not show that nothing of it took effect. So
one that has a deadline, has expired, or waits for others counts as sent, and is read
back. Any other one is read when it is about to be sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from rescind.ledger.changes.lane_states import LaneState, read_lanes
from rescind.ledger.changes.new_cancellation import NewCancellation
from rescind.ledger.progress import NOT_DUE, Progress
from rescind.ledger.restored import read_first_until
from rescind.ledger.states import FINAL, State

Lane = tuple[str, str]


def with_doubts(
    connection: Connection, new: Sequence[NewCancellation], now: datetime
) -> Sequence[NewCancellation]:
    """``new``, with what may have been sent before the restore marked as such."""
    lanes = {one.lane for one in new if _may_end_unsent(one, now)}
    if not lanes:
        return new
    states = read_lanes(connection, lanes)
    return [_doubted(one, states, now) for one in new]


def _may_end_unsent(one: NewCancellation, now: datetime) -> bool:
    if one.refusal is not None:
        return False
    if one.cancel_before is not None or one.progress.state in FINAL:
        return True
    return _waits(one) and (one.not_before is None or one.not_before <= now)


def _waits(one: NewCancellation) -> bool:
    return one.progress.due_at == NOT_DUE


def _doubted(
    one: NewCancellation, states: Mapping[Lane, LaneState], now: datetime
) -> NewCancellation:
    state = states.get(one.lane)
    restored_at = None if state is None else state.restored_at
    if restored_at is None or not _may_end_unsent(one, now):
        return one
    if now > read_first_until(restored_at):
        return one
    was, before = one.progress, one.cancel_before
    if was.state in FINAL:
        # If its reading shows that it was not sent, it is too late to send it.
        before = now if before is None else min(before, now)
    if was.state in FINAL or _waits(one):
        was = Progress(State.VERIFYING, since=now, due_at=now)
    doubted = replace(was, lost=True, sent_at=restored_at)
    return replace(one, progress=doubted, cancel_before=before)
