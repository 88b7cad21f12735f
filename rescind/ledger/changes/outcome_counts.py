"""Counts what a lane's changes ended: outcomes, the times they took, and attempts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection

from rescind.ledger.progress import Change
from rescind.ledger.states import FINAL
from rescind.ledger.storage import counters
from rescind.ledger.storage.milliseconds import in_ms


def count_changes(
    connection: Connection,
    lane: tuple[str, str],
    moved: Sequence[Change],
    opened: Mapping[str, str],
    now: datetime,
) -> None:
    """Count these changes, which were made. ``opened`` has the ms in which the round of
    each began, by its id."""
    final = [change for change in moved if change.to.state in FINAL]
    ended = [(c.to.state, c.to.reason, len(c.ids)) for c in final]
    counters.count_outcomes(connection, lane, ended, now)
    at = in_ms(now)
    waits = [at - int(opened[one]) for change in final for one in change.ids]
    counters.count_waits(connection, lane, waits, now)
    attempts = sum(len(change.ids) for change in moved if change.attempted)
    counters.count(connection, counters.ATTEMPT, lane, by=attempts)
