"""Claims: a worker takes due cancellations, the most urgent first.

Statements are built once and cached: building one costs more than running it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    FromClause,
    Row,
    Select,
    Text,
    bindparam,
    func,
    literal_column,
    select,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from rescind.ledger.changes.candidates import due, readable
from rescind.ledger.changes.per_lane import first_ids, number_of
from rescind.ledger.changes.transitions import write_history
from rescind.ledger.progress import Claimed
from rescind.ledger.states import State
from rescind.ledger.storage.cancellation_rows import CLAIM, claimed_by_lane
from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.row_sets import Columns, incoming, parameters
from rescind.ledger.storage.tables import CANCELLATION

C = CANCELLATION.c
Lane = tuple[str, str]
CLAIMED = (State.QUEUED, State.VERIFYING, State.REQUESTED)
"""The states in which a cancellation waits for a call."""
_WANTED: Columns = {
    "provider": Text,
    "account": Text,
    "most": BigInteger,
    "lease_ends": BigInteger,
}
_COUNTED: Columns = {
    "place": BigInteger,
    "provider": Text,
    "account": Text,
    "most": BigInteger,
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """One lane's share of a claim."""

    lane: Lane
    state: State
    """One of ``CLAIMED``."""
    limit: int
    lease: timedelta


def claim_many(
    connection: Connection, wanted: Sequence[Wanted], now: datetime
) -> list[list[Claimed]]:
    """For each of ``wanted``, claim up to ``limit`` due cancellations for a ``lease``.

    A ``queued`` cancellation becomes ``sending``, the nearest ``cancel_before`` first.
    One past its ``cancel_before`` is left for the sweep. ``verifying`` and
    ``requested`` ones keep their state. All that are claimed together in one lane have
    the same batch cap: see ``decision.Halve``. A cancellation that only a newer version
    can read is left for that version. No two workers hold the same cancellation while
    its lease lasts.

    Runs one statement for each state, and one for the history. Raises ``ValueError``
    if a lane is wanted twice in one state, or in a state that cannot be claimed.
    """
    if any(one.state not in CLAIMED for one in wanted):
        raise ValueError(f"only the states {', '.join(CLAIMED)} can be claimed")
    places = {(one.lane, one.state): place for place, one in enumerate(wanted)}
    if len(places) != len(wanted):
        raise ValueError("a lane is wanted twice in one state")
    held: list[list[Claimed]] = [[] for _ in wanted]
    for state in CLAIMED:
        some = [one for one in wanted if one.state is state and one.limit > 0]
        for lane, claimed in _claim(connection, state, some, now).items():
            held[places[lane, state]] = claimed
    return held


def _claim(
    connection: Connection, state: State, wanted: Sequence[Wanted], now: datetime
) -> dict[Lane, list[Claimed]]:
    if not wanted:
        return {}
    dialect = connection.dialect.name
    rows = [(*one.lane, one.limit, in_ms(now + one.lease)) for one in wanted]
    values = {
        **parameters(dialect, {}, tuple(_WANTED), rows),
        "longest": max(one.limit for one in wanted),
        "now": in_ms(now),
    }
    held = connection.execute(_hold(dialect, state), values).all()
    if state is State.QUEUED:
        write_history(connection, _begun(held, in_ms(now)))
    return claimed_by_lane(held)


def waiting_many(
    connection: Connection, wanted: Sequence[tuple[Lane, State, int]], now: datetime
) -> list[int]:
    """How many cancellations could be claimed now, for each lane and state; at most the
    limit. Runs one statement for each state.
    """
    counted = [0] * len(wanted)
    dialect = connection.dialect.name
    for state in {state for _, state, _ in wanted}:
        rows = [
            (place, *lane, limit)
            for place, (lane, its, limit) in enumerate(wanted)
            if its is state and limit > 0
        ]
        if rows:
            values = {
                **parameters(dialect, {}, tuple(_COUNTED), rows),
                "longest": max(row[-1] for row in rows),
                "now": in_ms(now),
            }
            for place, count in connection.execute(_number(dialect, state), values):
                counted[place] = count
    return counted


@cache
def _number(dialect: str, state: State) -> Select[Any]:
    lanes = incoming(dialect, _COUNTED, tuple(_COUNTED))
    found = due(lanes, state, C.id).where(readable())
    return select(
        lanes.c.place,
        number_of(dialect, lanes, found, lanes.c.most, _longest()),
    )


def _longest() -> ColumnElement[int]:
    return bindparam("longest", type_=BigInteger())


@cache
def _hold(dialect: str, state: State) -> ReturningUpdate[Any]:
    picked = _picked(dialect, state)
    values: dict[str, Any] = {
        "version": C.version + 1,
        "due_at": picked.c.lease_ends,
        "updated_at": bindparam("now"),
    }
    if state is State.QUEUED:
        values |= {
            "state": literal_column(f"'{State.SENDING}'"),
            # Counted before the call: a worker that dies in it has made an attempt.
            "attempts": C.attempts + 1,
            "spent": C.spent + 1,
            "sent_at": bindparam("now"),
        }
    else:
        # Held, and nothing that has happened since asks for a further reading. Of a
        # row that is being sent, its state says that it is held.
        values["reread"] = literal_column("0")
    return (
        update(CANCELLATION)
        # By id alone: with a condition on the state, PostgreSQL was seen to read all
        # rows in that state and to compare each with all picked rows.
        .where(C.id == picked.c.id)
        .values(values)
        .returning(*CLAIM)
    )


def _picked(dialect: str, state: State) -> FromClause:
    """For each lane its first cancellations, those that share the first one's cap."""
    lanes = _with_caps(dialect, state)
    alike = due(lanes, state, C.id).where(
        readable(), C.batch_cap.is_not_distinct_from(lanes.c.batch_cap)
    )
    # The cap is the largest number of orders in one call.
    least = func.min if dialect == "sqlite" else func.least
    most = least(lanes.c.most, func.coalesce(lanes.c.batch_cap, lanes.c.most))
    ids = first_ids(dialect, lanes, alike, most, _longest(), [lanes.c.lease_ends])
    # A CTE runs once. PostgreSQL may run a subquery for every row, and so claim all due
    # rows, beyond the limit.
    return ids.cte("picked").prefix_with("MATERIALIZED")


def _with_caps(dialect: str, state: State) -> FromClause:
    lanes = incoming(dialect, _WANTED, tuple(_WANTED))
    first = due(lanes, state, C.batch_cap).where(readable()).limit(1)
    cap = first.correlate(lanes).scalar_subquery()
    chosen = select(*lanes.c, cap.label("batch_cap"))
    return chosen.cte("wanted").prefix_with("MATERIALIZED")


def _begun(held: Sequence[Row[Any]], at: int) -> list[dict[str, Any]]:
    """The transitions of the rows that were claimed just now."""
    versions: dict[int, list[str]] = {}
    for row in held:
        versions.setdefault(row.version, []).append(row.id)
    return [_transition(ids, version, at) for version, ids in versions.items()]


def _transition(ids: Sequence[str], version: int, at: int) -> dict[str, Any]:
    return {
        "cancellation_id": ids,
        "seq": version,
        "at": at,
        "from_state": State.QUEUED,
        "to_state": State.SENDING,
        "reason": None,
        "evidence": None,
        "call_id": None,
        "by": None,
    }
