"""Since when each schedule has had its timing; times before that have no run."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import Connection, delete, select

from rescind.ledger.storage.milliseconds import in_ms, moment
from rescind.ledger.storage.side_tables import SCHEDULE
from rescind.ledger.storage.upsert import insert_into

S = SCHEDULE.c


def read_starts(connection: Connection) -> dict[str, tuple[str, datetime]]:
    """Each schedule's timing, and since when it has had it."""
    rows = connection.execute(select(S.name, S.timing, S.since))
    return {row.name: (row.timing, moment(row.since)) for row in rows}


def write_starts(
    connection: Connection,
    timings: Mapping[str, str],
    known: Collection[str],
    now: datetime,
) -> None:
    """Store ``now`` as the start of schedules that are new or have a new timing.

    Schedules that are not in ``known`` are deleted: if they return, they are new.
    """
    connection.execute(delete(SCHEDULE).where(S.name.not_in(known)))
    for name, timing in sorted(timings.items()):
        insert = insert_into(connection, SCHEDULE)
        values = {"timing": timing, "since": in_ms(now)}
        statement = insert.values(name=name, **values).on_conflict_do_update(
            index_elements=[S.name], set_=values, where=S.timing != timing
        )
        connection.execute(statement)
