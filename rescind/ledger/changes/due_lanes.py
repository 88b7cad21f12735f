"""Finds the lanes that have work, with one query for any number of lanes.

Lanes with open rows are read from the indexes of those rows (``reading.index_walk``),
and each costs a few index steps. A lane without open rows is in no such index.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    CompoundSelect,
    Connection,
    Select,
    Text,
    bindparam,
    case,
    cast,
    literal_column,
    null,
    or_,
    select,
    true,
    union_all,
)

from rescind.ledger.changes import postponed_completions
from rescind.ledger.changes.candidates import due, late, readable
from rescind.ledger.changes.claims import CLAIMED
from rescind.ledger.changes.postponement import some_due
from rescind.ledger.reading.index_walk import QUEUED, lanes_of
from rescind.ledger.states import State
from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.tables import CANCELLATION, LOOKED_AT, WITH_DEADLINE

C = CANCELLATION.c
Lane = tuple[str, str]
LATE = "late"
MOVED = (LATE, State.SENDING, State.SCHEDULED)
"""Rows that the sweep moves: past their deadline, lease run out, or time come."""
_KINDS = (*MOVED, *CLAIMED)
NO_LANE = ("", "")
"""Stands for what was postponed, which is of all lanes."""


@dataclass(frozen=True, slots=True)
class DueWork:
    """The work that there is, by lane."""

    to_move: frozenset[Lane] = frozenset()
    """Lanes in which a lease ran out, a deadline passed, or a scheduled row is due."""
    due: Mapping[Lane, frozenset[State]] = field(default_factory=dict)
    """States in which a row can be claimed now; only lanes that have such a state."""
    unreadable: frozenset[Lane] = frozenset()
    """Lanes with a due or late row that only a newer version can read."""
    postponed: bool = False
    """Whether a postponed judgement or completion is due."""


def find_due_work(connection: Connection, now: datetime) -> DueWork:
    """Look at all lanes that have open rows. Only reads: one statement, or two if some
    rows are for a newer version to read."""
    found = list(_ask(connection, now, readable_only=False))
    unreadable = {lane for lane, kinds in found if False in kinds.values()}
    if unreadable:
        found = list(_ask(connection, now, readable_only=True))
    moved = set[Lane]()
    claimed: dict[Lane, frozenset[State]] = {}
    of_lanes = [(lane, kinds) for lane, kinds in found if lane != NO_LANE]
    for lane, kinds in of_lanes:
        states = frozenset(state for state in CLAIMED if kinds.get(state))
        if states:
            claimed[lane] = claimed.get(lane, frozenset()) | states
        if any(kinds.get(kind) for kind in MOVED):
            moved.add(lane)
    postponed = len(of_lanes) < len(found)
    return DueWork(frozenset(moved), claimed, frozenset(unreadable), postponed)


def _ask(
    connection: Connection, now: datetime, *, readable_only: bool
) -> Iterator[tuple[Lane, dict[str, bool]]]:
    """The kinds of rows each lane has, and whether the first of each can be read."""
    rows = connection.execute(_look(readable_only=readable_only), {"now": in_ms(now)})
    for provider, account, *said in rows:
        kinds = zip(_KINDS, said, strict=True)
        found = {kind: bool(one) for kind, one in kinds if one is not None}
        yield (provider, account), found


@cache
def _look(*, readable_only: bool) -> CompoundSelect[Any]:
    queued, others = lanes_of(QUEUED), lanes_of(LOOKED_AT)
    of_queued = {
        LATE: late(queued, QUEUED, C.id),
        State.QUEUED: due(queued, State.QUEUED, C.id),
    }
    of_others = {
        LATE: late(others, WITH_DEADLINE, C.id),
        State.SENDING: due(others, State.SENDING, C.id),
        State.SCHEDULED: due(others, State.SCHEDULED, C.id),
        State.VERIFYING: due(others, State.VERIFYING, C.id),
        State.REQUESTED: due(others, State.REQUESTED, C.id),
    }
    both = ((queued, of_queued), (others, of_others))
    return union_all(
        *(_said(lanes, kinds, readable_only=readable_only) for lanes, kinds in both),
        _postponed(),
    )


def _postponed() -> Select[Any]:
    """One row if a postponed judgement is due, or a postponed completion."""
    names = [literal_column(f"'{name}'", Text) for name in NO_LANE]
    columns: list[Any] = [*names, *(cast(null(), BigInteger) for _ in _KINDS)]
    now = bindparam("now", type_=BigInteger)
    return select(*columns).where(
        or_(some_due(now), postponed_completions.some_due(now))
    )


def _said(
    lanes: CTE, kinds: Mapping[str, Select[Any]], *, readable_only: bool
) -> Select[Any]:
    nothing = cast(null(), BigInteger)
    said = (
        _first(kinds[kind].where(readable() if readable_only else true()), lanes)
        if kind in kinds
        else nothing
        for kind in _KINDS
    )
    named = (one.label(kind) for kind, one in zip(_KINDS, said, strict=True))
    return select(lanes.c.provider, lanes.c.account, *named)


def _first(found: Select[Any], lanes: CTE) -> ColumnElement[Any]:
    """Whether the first of these rows can be read: 1 or 0; NULL if there is none."""
    can_be = case((readable(), literal_column("1")), else_=literal_column("0"))
    first = found.with_only_columns(can_be).correlate(lanes).limit(1)
    return cast(first.scalar_subquery(), BigInteger)
