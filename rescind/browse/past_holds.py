"""Whether an operator held a lane at a time that has passed."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select

from rescind.ledger.action_kinds import Action
from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.operator_tables import OPERATOR_ACTION

A = OPERATOR_ACTION.c
MOST = 1_000
"""The actions before that time that are looked through."""


def hold_at(
    connection: Connection, lane: tuple[str, str], at: datetime
) -> tuple[str, str | None] | None:
    """The actor who held the lane at that time, and why, if the actor said so;
    ``None`` if no hold of it is known.

    Ids begin with their time, so the latest actions are found by the primary key.
    """
    time = f"{in_ms(at) + 1:012x}"
    before = A.id < f"{time[:8]}-{time[8:]}"
    chosen = select(A.action, A.provider, A.account, A.by, A.detail).where(before)
    for row in connection.execute(chosen.order_by(A.id.desc()).limit(MOST)):
        if (row.provider, row.account) != lane:
            continue
        if row.action in (Action.HOLD, Action.RESUME):
            return (row.by, row.detail) if row.action == Action.HOLD else None
    return None
