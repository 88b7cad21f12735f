"""Numbers of the moment: waiting deliveries and latest schedule runs; few rows read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select, text

from rescind.ledger.storage.milliseconds import from_ms, moment
from rescind.ledger.storage.side_tables import DELIVERY, GIVEN_UP, SCHEDULE_RUN, WAITING

D, R = DELIVERY.c, SCHEDULE_RUN.c
COUNTED = 10_000
"""Rows that are counted at most; a larger number is reported as this one."""
MOST_NAMES = 500


@dataclass(frozen=True, slots=True)
class Run:
    """The latest run of one schedule."""

    name: str
    state: str
    started_at: datetime
    finished_at: datetime | None


def deliveries(connection: Connection) -> dict[tuple[str, str], int]:
    """How many deliveries wait or were given up, by kind and state."""
    found: dict[tuple[str, str], int] = {}
    for state, held in (("waiting", WAITING), ("given_up", GIVEN_UP)):
        few = select(D.kind).where(text(held)).limit(COUNTED).subquery()
        kinds = select(few.c.kind, func.count()).group_by(few.c.kind)
        found |= {(kind, state): n for kind, n in connection.execute(kinds)}
    return found


def latest_runs(connection: Connection) -> list[Run]:
    """The latest run of each schedule that ever ran; one index step for each."""
    found: list[Run] = []
    after = ""
    while len(found) < MOST_NAMES:
        named = select(R.name).where(R.name > after).order_by(R.name).limit(1)
        name = connection.execute(named).scalar()
        if name is None:
            break
        of_it = select(R.state, R.started_at, R.finished_at).where(R.name == name)
        latest = of_it.order_by(R.due_at.desc()).limit(1)
        row = connection.execute(latest).one()
        started, finished = moment(row.started_at), from_ms(row.finished_at)
        found.append(Run(name, row.state, started, finished))
        after = name
    return found
