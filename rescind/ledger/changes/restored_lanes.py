"""New cancellations with a deadline, on a ledger that was restored a short while ago.

An order may have been accepted after the copy was made, and cancelled in time. When it
is submitted again its deadline may have passed: that does not show that nothing of it
took effect. So it counts as sent, and is read back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from rescind.ledger.changes.lane_states import LaneState, read_lanes
from rescind.ledger.changes.new_cancellation import NewCancellation
from rescind.ledger.progress import Progress
from rescind.ledger.restored import read_first_until
from rescind.ledger.states import FINAL, State

Lane = tuple[str, str]


def with_doubts(
    connection: Connection, new: Sequence[NewCancellation], now: datetime
) -> Sequence[NewCancellation]:
    """``new``, with what may have been sent before the restore marked as such."""
    lanes = {one.lane for one in new if _has_deadline(one)}
    if not lanes:
        return new
    states = read_lanes(connection, lanes)
    return [_doubted(one, states, now) for one in new]


def _has_deadline(one: NewCancellation) -> bool:
    return one.cancel_before is not None and one.refusal is None


def _doubted(
    one: NewCancellation, states: Mapping[Lane, LaneState], now: datetime
) -> NewCancellation:
    state = states.get(one.lane)
    restored_at = None if state is None else state.restored_at
    if restored_at is None or not _has_deadline(one):
        return one
    if now > read_first_until(restored_at):
        return one
    was = one.progress
    if was.state in FINAL:
        was = Progress(State.VERIFYING, since=now, due_at=now)
    return replace(one, progress=replace(was, lost=True, sent_at=restored_at))
