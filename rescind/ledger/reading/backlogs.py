"""Counts each lane's open work and finds its oldest, with a few rows read."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    Connection,
    Select,
    bindparam,
    func,
    literal,
    select,
    text,
    union_all,
)
from sqlalchemy.sql.selectable import CompoundSelect

from rescind.ledger.reading.index_walk import QUEUED, lanes_in
from rescind.ledger.states import OPEN, State
from rescind.ledger.storage.milliseconds import from_ms, in_ms
from rescind.ledger.storage.tables import CANCELLATION, LISTED, LOOKED_AT

C = CANCELLATION.c
COUNTED = 1_000
"""Rows of each state of a lane that are counted, unless the caller asks for all."""
WITHOUT_END = 2**62
AT_ONCE = 50
"""Rows that one step reads to find the oldest; mostly the first row is the oldest."""

Lane = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Backlog:
    """One lane's open work."""

    by_state: dict[str, int] = field(default_factory=dict)
    oldest: datetime | None = None
    """When the oldest due cancellation was accepted, or was due to begin."""
    more: frozenset[str] = frozenset()
    """States that have more rows than were counted."""


def backlogs(
    connection: Connection, now: datetime, most: int | None = COUNTED
) -> dict[Lane, Backlog]:
    """Open cancellations by lane. Scheduled ones are counted, but never the oldest.

    Of each state at most ``most`` are counted, or all if it is ``None``. The oldest is
    always found.
    """
    lanes = sorted(busy_lanes(connection))
    return {lane: backlog_of(connection, lane, now, most) for lane in lanes}


def busy_lanes(connection: Connection) -> set[Lane]:
    """Every lane with open work, even if its account is unknown."""
    return {*lanes_in(connection, QUEUED), *lanes_in(connection, LOOKED_AT)}


def backlog_of(
    connection: Connection, lane: Lane, now: datetime, most: int | None = COUNTED
) -> Backlog:
    """One lane's open work: see ``backlogs``."""
    limit = WITHOUT_END if most is None else most + 1
    found = connection.execute(_counts(), {**_its(lane), "most": limit})
    counted = {state: count for state, count in found if count}
    more = frozenset(s for s, n in counted.items() if most is not None and n > most)
    by_state = {s: n if most is None else min(n, most) for s, n in counted.items()}
    return Backlog(by_state, _oldest(connection, lane, set(counted), now), more)


def _its(lane: Lane) -> dict[str, str]:
    return {"its_provider": lane[0], "its_account": lane[1]}


@cache
def _counts() -> CompoundSelect[Any]:
    return union_all(*(_count(state) for state in State if state in OPEN))


def _count(state: State) -> Any:
    few = _of_state(state, literal(1).label("one")).limit(bindparam("most"))
    return select(literal(str(state)), func.count()).select_from(few.subquery())


def _of_state(state: State, *columns: Any) -> Select[Any]:
    held = text(LOOKED_AT if state is State.SENDING else LISTED)
    return select(*columns).where(
        C.provider == bindparam("its_provider"),
        C.account == bindparam("its_account"),
        # A literal, so that both databases see that the partial index fits.
        text(f"state = '{state}'"),
        held,
    )


def _oldest(
    connection: Connection, lane: Lane, states: set[str], now: datetime
) -> datetime | None:
    waiting = [State(one) for one in states if one != State.SCHEDULED]
    opened = (_oldest_in(connection, lane, state, in_ms(now)) for state in waiting)
    return from_ms(_earliest(*opened))


def _oldest_in(
    connection: Connection, lane: Lane, state: State, now: int
) -> int | None:
    """The earliest ``opened_at``, searched in the order of acceptance.

    No row is opened before it is accepted. A row accepted at or after the earliest
    opening found so far therefore cannot have an earlier one, and the search ends.
    """
    oldest: int | None = None
    last = ""
    while True:
        asked = {**_its(lane), "after": last, "most": AT_ONCE}
        rows = connection.execute(_by_age(state), asked).all()
        opened = (row.opened_at for row in rows if row.opened_at <= now)
        oldest = _earliest(oldest, *opened)
        if len(rows) < AT_ONCE:
            return oldest
        if oldest is not None and rows[-1].created_at >= oldest:
            return oldest
        last = rows[-1].id


def _earliest(*times: int | None) -> int | None:
    return min((one for one in times if one is not None), default=None)


@cache
def _by_age(state: State) -> Select[Any]:
    columns = (C.id, C.created_at, C.opened_at)
    return (
        _of_state(state, *columns)
        .where(C.id > bindparam("after"))
        .order_by(C.id)
        .limit(bindparam("most"))
    )
