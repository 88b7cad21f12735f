"""Whether the ledger was written in what is the future now."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from rescind.ledger.storage.milliseconds import moment
from rescind.ledger.storage.tables import CANCELLATION

NONE = timedelta(0)
NEWEST = select(CANCELLATION.c.created_at).order_by(CANCELLATION.c.id.desc()).limit(1)
"""Identifiers sort by time: one step into their index."""


def ahead(connection: Connection, now: datetime) -> timedelta:
    """How far after ``now`` the newest cancellation came.

    More than nothing means that a clock was set back since. All that was to happen at a
    time waits so much longer.
    """
    newest = connection.execute(NEWEST).scalar()
    return NONE if newest is None else max(NONE, moment(newest) - now)
