"""What the row of a cancellation says of its waiting for others."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Row

from rescind.ledger.states import State
from rescind.ledger.storage.milliseconds import moment
from rescind.provider.outcomes import Reason


def is_waiting(row: Row[Any]) -> bool:
    """Whether its predecessors keep it from being sent."""
    return row.state == State.SCHEDULED and bool(row.waits_for)


def is_read(row: Row[Any], now: datetime) -> bool:
    """Whether it waits for others, is being read first, and may be sent by its time."""
    if row.state != State.VERIFYING or not row.waits_for:
        return False
    return row.not_before is None or moment(row.not_before) <= now


def was_not_wanted(row: Row[Any]) -> bool:
    """Whether it ended for its predecessors' sake alone, and was never sent, as far as
    the ledger knows."""
    ended = (row.state, row.reason) == (State.WITHDRAWN, Reason.NOT_WANTED)
    ended = ended or (row.state == State.FAILED and bool(row.lost))
    return ended and row.waits_for is not None and not row.attempts
