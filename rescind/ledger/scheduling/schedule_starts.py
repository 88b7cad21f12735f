"""Since when each schedule has had its moments: none of the past is made up for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import Connection, delete, select

from rescind.ledger.storage.milliseconds import in_ms, moment
from rescind.ledger.storage.side_tables import SCHEDULE
from rescind.ledger.storage.upsert import insert_into

S = SCHEDULE.c


def since_when(connection: Connection) -> dict[str, tuple[str, datetime]]:
    """Each schedule's timing, and since when it has had that one."""
    rows = connection.execute(select(S.name, S.timing, S.since))
    return {row.name: (row.timing, moment(row.since)) for row in rows}


def remember(
    connection: Connection,
    timings: Mapping[str, str],
    known: Collection[str],
    now: datetime,
) -> None:
    """Schedules that are new, or have other moments, have them from now on.

    Those that are not even ``known`` are forgotten: their return is a beginning.
    """
    connection.execute(delete(SCHEDULE).where(S.name.not_in(known)))
    for name, timing in sorted(timings.items()):
        insert = insert_into(connection, SCHEDULE)
        values = {"timing": timing, "since": in_ms(now)}
        statement = insert.values(name=name, **values).on_conflict_do_update(
            index_elements=[S.name], set_=values, where=S.timing != timing
        )
        connection.execute(statement)
