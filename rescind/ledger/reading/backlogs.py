"""Counts each lane's open work and finds its oldest, with a few rows read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    FromClause,
    Select,
    Text,
    bindparam,
    func,
    literal_column,
    select,
    text,
    union_all,
)
from sqlalchemy.sql.selectable import CompoundSelect

from rescind.ledger.reading.index_walk import QUEUED, lanes_in
from rescind.ledger.states import OPEN, State
from rescind.ledger.storage.milliseconds import from_ms, in_ms
from rescind.ledger.storage.row_sets import Columns, incoming, parameters
from rescind.ledger.storage.tables import CANCELLATION, LISTED, LOOKED_AT

C = CANCELLATION.c
COUNTED = 1_000
"""Rows of each state of a lane that are counted, unless the caller asks for all."""
WITHOUT_END = 2**62
AT_ONCE = 50
"""Rows that one step reads to find the oldest, if it is not the first row."""
_LANE: Columns = {"provider": Text, "account": Text}

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
    always found. The number of statements does not depend on the number of lanes, save
    for lanes whose first row is not the oldest.
    """
    return _of_lanes(connection, sorted(busy_lanes(connection)), now, most)


def busy_lanes(connection: Connection) -> set[Lane]:
    """Every lane with open work, even if its account is unknown."""
    return {*lanes_in(connection, QUEUED), *lanes_in(connection, LOOKED_AT)}


def backlog_of(
    connection: Connection, lane: Lane, now: datetime, most: int | None = COUNTED
) -> Backlog:
    """One lane's open work: see ``backlogs``."""
    return _of_lanes(connection, [lane], now, most)[lane]


def _of_lanes(
    connection: Connection, lanes: Sequence[Lane], now: datetime, most: int | None
) -> dict[Lane, Backlog]:
    if not lanes:
        return {}
    dialect = connection.dialect.name
    given = parameters(dialect, {}, tuple(_LANE), lanes)
    limit = WITHOUT_END if most is None else most + 1
    found: dict[Lane, list[Any]] = {lane: [] for lane in lanes}
    rows = connection.execute(
        _looked_at(dialect), {**given, "most": limit, "now": in_ms(now)}
    )
    for row in rows:
        if row.number:
            found[row.provider, row.account].append(row)
    return {
        lane: Backlog(
            {row.state: _up_to(row.number, most) for row in its},
            _oldest(connection, lane, its, in_ms(now)),
            frozenset(r.state for r in its if _up_to(r.number, most) < r.number),
        )
        for lane, its in found.items()
    }


def _up_to(number: int, most: int | None) -> int:
    return number if most is None else min(number, most)


@cache
def _looked_at(dialect: str) -> CompoundSelect[Any]:
    """For each given lane and open state: the number of rows, and the first row's
    times."""
    lanes = incoming(dialect, _LANE, tuple(_LANE))
    return union_all(*(_of_each(lanes, state) for state in State if state in OPEN))


def _of_each(lanes: FromClause, state: State) -> Select[Any]:
    its = (C.provider == lanes.c.provider, C.account == lanes.c.account)
    few = _in_state(state, literal_column("1").label("one")).where(*its)
    few = few.correlate(lanes).limit(bindparam("most", type_=BigInteger))
    number = select(func.count()).select_from(few.subquery()).scalar_subquery()
    its_name: ColumnElement[Any] = literal_column(f"'{state}'").label("state")
    named = (its_name, number.label("number"))
    if state is State.SENDING:
        return _with_oldest(lanes, its, named)
    # Ordered as the index is. By the id alone, PostgreSQL was seen to read all rows in
    # the order of the primary key.
    ordered = (C.provider, C.account, C.state, C.id)
    first = _in_state(state, C.id).where(*its).order_by(*ordered).limit(1)
    counted = (
        select(*lanes.c, *named, first.correlate(lanes).scalar_subquery().label("id"))
        # A CTE runs once. As a subquery it might run for every row that is joined.
        .cte(f"counted_{state}")
        .prefix_with("MATERIALIZED")
    )
    named_so = (counted.c[name] for name in ("provider", "account", "state", "number"))
    both = counted.outerjoin(CANCELLATION, C.id == counted.c.id)
    found = select(*named_so, C.opened_at, C.created_at).select_from(both)
    return found.where(counted.c.number > 0)


def _with_oldest(lanes: FromClause, its: Any, named: Any) -> Select[Any]:
    """Of what is being sent: no index is sorted by its age, but it is never much."""
    opened = _in_state(State.SENDING, func.min(C.opened_at)).where(*its)
    oldest = opened.where(C.opened_at <= bindparam("now", type_=BigInteger))
    found = oldest.correlate(lanes).scalar_subquery()
    return select(*lanes.c, *named, found, found)


def _in_state(state: State, *columns: Any) -> Select[Any]:
    held = text(LOOKED_AT if state is State.SENDING else LISTED)
    # A literal, so that both databases see that the partial index fits.
    return select(*columns).where(text(f"state = '{state}'"), held)


def _oldest(
    connection: Connection, lane: Lane, rows: Sequence[Any], now: int
) -> datetime | None:
    opened = (
        _oldest_in(connection, lane, row, now)
        for row in rows
        if row.state != State.SCHEDULED
    )
    return from_ms(_earliest(*opened))


def _oldest_in(connection: Connection, lane: Lane, first: Any, now: int) -> int | None:
    """The earliest ``opened_at``, searched in the order of acceptance.

    No row is opened before it is accepted. A row accepted at or after the earliest
    opening found so far therefore cannot have an earlier one, and the search ends:
    mostly at the ``first`` row.
    """
    if first.opened_at is None:
        return None
    if first.created_at >= first.opened_at and first.opened_at <= now:
        return int(first.opened_at)
    oldest: int | None = None
    last = ""
    while True:
        asked = {**_its(lane), "after": last, "most": AT_ONCE}
        rows = connection.execute(_by_age(State(first.state)), asked).all()
        opened = (row.opened_at for row in rows if row.opened_at <= now)
        oldest = _earliest(oldest, *opened)
        if len(rows) < AT_ONCE:
            return oldest
        if oldest is not None and rows[-1].created_at >= oldest:
            return oldest
        last = rows[-1].id


def _its(lane: Lane) -> dict[str, str]:
    return {"its_provider": lane[0], "its_account": lane[1]}


def _earliest(*times: int | None) -> int | None:
    return min((one for one in times if one is not None), default=None)


@cache
def _by_age(state: State) -> Select[Any]:
    return (
        _in_state(state, C.id, C.created_at, C.opened_at)
        .where(
            C.provider == bindparam("its_provider"),
            C.account == bindparam("its_account"),
            C.id > bindparam("after"),
        )
        .order_by(C.id)
        .limit(bindparam("most"))
    )
