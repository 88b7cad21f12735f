"""Reads the results of schedule runs, the newest first."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, func, select

from rescind.ledger.reading.queries import stamp
from rescind.ledger.scheduling.schedule_runs import RunState
from rescind.ledger.storage.side_tables import SCHEDULE_RUN

R = SCHEDULE_RUN.c


def runs_of(connection: Connection, name: str, limit: int) -> list[Row[Any]]:
    """The newest runs of a schedule, the newest first."""
    chosen = select(SCHEDULE_RUN).where(R.name == name)
    return list(connection.execute(chosen.order_by(R.due_at.desc()).limit(limit)))


def last_runs(connection: Connection) -> dict[str, Row[Any]]:
    """The newest run of each schedule."""
    newest = select(R.name, func.max(R.due_at).label("due_at")).group_by(R.name)
    last = newest.subquery()
    both = (R.name == last.c.name) & (R.due_at == last.c.due_at)
    rows = connection.execute(
        select(SCHEDULE_RUN).select_from(SCHEDULE_RUN.join(last, both))
    )
    return {row.name: row for row in rows}


def last_ended(connection: Connection, name: str) -> Row[Any] | None:
    """The newest run of a schedule that has ended."""
    over = (R.name == name, R.state != RunState.RUNNING)
    chosen = select(SCHEDULE_RUN).where(*over).order_by(R.due_at.desc()).limit(1)
    return connection.execute(chosen).one_or_none()


def as_document(row: Row[Any]) -> dict[str, Any]:
    """A run as the document that users get."""
    return {
        "name": row.name,
        "due_at": stamp(row.due_at),
        "state": row.state,
        "asked_by": row.asked_by,
        "requested_by": row.requested_by,
        "max": row.most,
        "attempts": row.attempts,
        "found": row.found,
        "accepted": row.accepted,
        "duplicates": row.duplicates,
        "refused": row.refused,
        "why": row.why,
        "started_at": stamp(row.started_at),
        "finished_at": stamp(row.finished_at),
    }
