"""Finds lanes that stand still: their due work, and the work done in them so far.

Two equal results show a lane that stands still. A worker's own view of the lane does
not matter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    Text,
    Update,
    bindparam,
    func,
    select,
    tuple_,
    update,
)

from rescind.ledger.changes.candidates import due as due_of
from rescind.ledger.changes.candidates import readable
from rescind.ledger.changes.claims import waiting_many
from rescind.ledger.changes.due_lanes import find_due_work
from rescind.ledger.changes.lane_states import register_lanes
from rescind.ledger.states import State
from rescind.ledger.storage.counters import CALL, OUTCOME
from rescind.ledger.storage.milliseconds import in_ms, moment
from rescind.ledger.storage.row_sets import Columns, incoming, parameters
from rescind.ledger.storage.side_tables import TALLY
from rescind.ledger.storage.tables import CANCELLATION, LANE

Lane = tuple[str, str]
L, T = LANE.c, TALLY.c
OPERATIONS = {
    State.QUEUED: "cancel",
    State.VERIFYING: "verify",
    State.REQUESTED: "poll",
}
_ASKED: Columns = {"place": BigInteger, "provider": Text, "account": Text}
MOST_COUNTED = 1000
LONGEST_LEASE = timedelta(days=1)
"""Longer than any lease."""


@dataclass(frozen=True, slots=True)
class Standing:
    """The due orders in one state of one lane, and the work ever done on them."""

    due: int
    """Due orders, at most ``MOST_COUNTED``."""
    done: int
    """Calls of this operation; for cancels, also all orders that ended."""
    version: int
    """The highest version of the due orders. A worker raises it even if it only claims
    orders and puts them back, for example behind another cancellation of an order."""
    sending: bool
    """Whether a worker is sending cancels of the lane."""


def standing(
    connection: Connection, now: datetime, due_for: timedelta
) -> dict[tuple[Lane, State], Standing]:
    """Every lane and state with an order that has been due for ``due_for`` or longer.

    The number of statements does not depend on the number of lanes; it is one if no
    order is due.
    """
    found = find_due_work(connection, now - due_for).due
    asked = [(lane, state) for lane in sorted(found) for state in sorted(found[lane])]
    if not asked:
        return {}
    due = waiting_many(
        connection, [(lane, state, MOST_COUNTED) for lane, state in asked], now
    )
    held = waiting_many(
        connection,
        [(lane, State.SENDING, 1) for lane in sorted(found)],
        now + LONGEST_LEASE,
    )
    sending = dict(zip(sorted(found), held, strict=True))
    done, versions = _done(connection, found), _versions(connection, asked, now)
    return {
        (lane, state): Standing(
            number,
            done[lane, OPERATIONS[state]],
            versions.get((lane, state), 0),
            bool(sending[lane]),
        )
        for (lane, state), number in zip(asked, due, strict=True)
        if number
    }


def _done(connection: Connection, lanes: Collection[Lane]) -> Counter[tuple[Lane, str]]:
    """Calls by lane and operation; orders that ended count with the cancels."""
    named = (T.provider, T.account, T.metric, T.first)
    chosen = (
        select(*named, func.sum(T.count))
        .where(T.slot == 0, T.metric.in_((CALL, OUTCOME)))
        .where(tuple_(T.provider, T.account).in_(sorted(lanes)))
        .group_by(*named)
    )
    found: Counter[tuple[Lane, str]] = Counter()
    for provider, account, metric, first, number in connection.execute(chosen):
        operation = first if metric == CALL else "cancel"
        found[(provider, account), operation] += int(number)
    return found


def _versions(
    connection: Connection, asked: Sequence[tuple[Lane, State]], now: datetime
) -> dict[tuple[Lane, State], int]:
    found: dict[tuple[Lane, State], int] = {}
    dialect = connection.dialect.name
    for state in sorted({state for _, state in asked}):
        rows = [(n, *lane) for n, (lane, its) in enumerate(asked) if its is state]
        given = parameters(dialect, {}, tuple(_ASKED), rows)
        values = {**given, "now": in_ms(now), "most": MOST_COUNTED}
        for place, version in connection.execute(_version(dialect, state), values):
            found[asked[place]] = version or 0
    return found


@cache
def _version(dialect: str, state: State) -> Select[Any]:
    lanes = incoming(dialect, _ASKED, tuple(_ASKED))
    most = bindparam("most", type_=BigInteger())
    few = due_of(lanes, state, CANCELLATION.c.version).where(readable())
    first = few.correlate(lanes).limit(most).subquery()
    latest = select(func.max(first.c.version)).scalar_subquery()
    return select(lanes.c.place, latest)


# --- the mark of a stalled lane ---------------------------------------------------


def stalled_lanes(connection: Connection) -> dict[Lane, datetime]:
    """The lanes that stand still, each with the time of its last progress."""
    chosen = select(L.provider, L.account, L.stalled_since)
    rows = connection.execute(chosen.where(L.stalled_since.is_not(None)))
    return {(row.provider, row.account): moment(row.stalled_since) for row in rows}


def mark(connection: Connection, stalled: Mapping[Lane, datetime]) -> None:
    """Mark lanes as stalled; a lane that is marked already keeps its time."""
    register_lanes(connection, stalled)
    statement = _of_one_lane(L.stalled_since.is_(None))
    for lane in sorted(stalled):
        connection.execute(statement, {**_named(lane), "since": in_ms(stalled[lane])})


def clear(connection: Connection, lanes: Iterable[Lane]) -> None:
    """Remove the mark from lanes that make progress or have no due work."""
    statement = _of_one_lane(L.stalled_since.is_not(None))
    for lane in sorted(lanes):
        connection.execute(statement, {**_named(lane), "since": None})


def _of_one_lane(further: ColumnElement[bool]) -> Update:
    return (
        update(LANE)
        .where(L.provider == bindparam("its_provider"))
        .where(L.account == bindparam("its_account"), further)
        .values(stalled_since=bindparam("since"))
    )


def _named(lane: Lane) -> dict[str, object]:
    return {"its_provider": lane[0], "its_account": lane[1]}
