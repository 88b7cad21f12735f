"""Receivers of deliveries: how many wait for each, and how many were given up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select, text

from rescind.ledger.deliveries.quiet_targets import quiet_targets
from rescind.ledger.storage.side_tables import DELIVERY, GIVEN_UP, WAITING

D = DELIVERY.c
COUNTED = 10_000
"""Deliveries that are counted at most in each state."""


@dataclass(frozen=True, slots=True)
class ReceiverRow:
    """One receiver: the host and port of webhooks, or the broker."""

    target: str
    waiting: int
    given_up: int
    quiet_until: datetime | None
    """When it may be called again, if it asked for a wait."""


def receivers(connection: Connection, now: datetime) -> list[ReceiverRow]:
    """The receivers with deliveries that wait or were given up, by name."""
    waiting, lost = (_counts(connection, kind) for kind in (WAITING, GIVEN_UP))
    quiet = quiet_targets(connection, now)
    return [
        ReceiverRow(one, waiting.get(one, 0), lost.get(one, 0), quiet.get(one))
        for one in sorted({*waiting, *lost, *quiet})
    ]


def _counts(connection: Connection, condition: str) -> dict[str, int]:
    few = select(D.target).where(text(condition)).limit(COUNTED).subquery()
    counted = select(few.c.target, func.count()).group_by(few.c.target)
    return {row[0]: row[1] for row in connection.execute(counted)}
