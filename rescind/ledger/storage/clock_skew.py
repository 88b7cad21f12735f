"""Whether the ledger's newest row is in the future by our clock."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from rescind.ledger.storage.milliseconds import moment
from rescind.ledger.storage.tables import CANCELLATION

NONE = timedelta(0)
NEWEST = select(CANCELLATION.c.created_at).order_by(CANCELLATION.c.id.desc()).limit(1)
"""Ids sort by time, so one index step finds the newest row."""


def ahead(connection: Connection, now: datetime) -> timedelta:
    """How far the newest cancellation's time is after ``now``.

    If it is more than zero, a clock was set back. Everything that is due at a certain
    time then waits longer by as much.
    """
    newest = connection.execute(NEWEST).scalar()
    return NONE if newest is None else max(NONE, moment(newest) - now)
