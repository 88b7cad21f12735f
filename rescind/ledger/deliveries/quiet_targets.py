"""Targets that asked for a wait: no worker sends to them before it is over."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, delete, select

from rescind.ledger.storage.milliseconds import in_ms, moment
from rescind.ledger.storage.side_tables import QUIET_TARGET
from rescind.ledger.storage.upsert import insert_into

Q = QUIET_TARGET.c


def quiet_targets(connection: Connection, now: datetime) -> dict[str, datetime]:
    """Every target that waits now, and when its wait ends."""
    rows = connection.execute(select(Q.target, Q.until).where(Q.until > in_ms(now)))
    return {row.target: moment(row.until) for row in rows}


def keep_quiet(
    connection: Connection, waits: Mapping[str, datetime], now: datetime
) -> None:
    """Keep the ends of new waits, by target; a later end is never made earlier."""
    if not waits:
        return
    connection.execute(delete(QUIET_TARGET).where(Q.until <= in_ms(now)))
    new = insert_into(connection, QUIET_TARGET)
    kept = new.on_conflict_do_update(
        index_elements=[Q.target],
        set_={"until": new.excluded.until},
        where=Q.until < new.excluded.until,
    )
    rows = [{"target": t, "until": in_ms(end)} for t, end in sorted(waits.items())]
    connection.execute(kept, rows)
