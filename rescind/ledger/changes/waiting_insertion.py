"""Inserts cancellations that wait for others, with their dependencies.

They are inserted as waiting, and judged at once: what has ended before counts in the
same way as what ends later.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Insert,
    Row,
    Select,
    Text,
    func,
    insert,
    select,
)
from sqlalchemy import update as updating

from rescind.ledger.changes import successors
from rescind.ledger.changes.insertion import insert_new
from rescind.ledger.changes.new_cancellation import NewCancellation
from rescind.ledger.changes.recording import Recorded, follow_on
from rescind.ledger.storage.dependency_table import DEPENDENCY
from rescind.ledger.storage.row_sets import Columns, Rows, incoming
from rescind.ledger.storage.tables import CANCELLATION

C, D = CANCELLATION.c, DEPENDENCY.c
DEEPEST = 32
"""The longest chain of predecessors: one end is followed through all its levels in one
transaction."""
MOST_SUCCESSORS = 1000
"""The most cancellations that wait for one: its end moves them all at once."""
_EDGE: Columns = {
    "successor_id": Text,
    "predecessor_id": Text,
    "condition": Text,
    "depth": BigInteger,
}


@dataclass(frozen=True, slots=True)
class Waiting:
    """A new cancellation and the ids of its predecessors.

    ``new.progress`` is ``new_cancellation.waiting``. The predecessors are in the ledger
    and locked, or come before it in the same insertion.
    """

    new: NewCancellation
    predecessors: Sequence[str]
    condition: str
    depth: int


def insert_waiting(
    connection: Connection, waiting: Sequence[Waiting], now: datetime
) -> tuple[frozenset[str], Recorded]:
    """Insert those whose ``(provider, account, key)`` is new; returns their ids, and
    what followed from predecessors that have ended."""
    inserted = insert_new(connection, [one.new for one in waiting], now)
    kept = [one for one in waiting if one.new.id in inserted]
    if not kept:
        return inserted, Recorded()
    edges = Rows([row for one in kept for row in _edges(one)], _EDGE)
    dialect = connection.dialect.name
    connection.execute(_insert(dialect, edges.differing), edges.parameters(dialect))
    _mark(connection, kept)
    begun = successors.begin(connection, inserted, now)
    return inserted, follow_on(connection, begun, now)


def _edges(one: Waiting) -> list[dict[str, Any]]:
    return [
        {
            "successor_id": one.new.id,
            "predecessor_id": before,
            "condition": one.condition,
            "depth": one.depth,
        }
        for before in dict.fromkeys(one.predecessors)
    ]


@cache
def _insert(dialect: str, differing: tuple[str, ...]) -> Insert:
    rows = incoming(dialect, _EDGE, differing)
    return insert(DEPENDENCY).from_select(list(_EDGE), select(rows))


def _mark(connection: Connection, kept: Sequence[Waiting]) -> None:
    """Note in the rows themselves that they wait, and that others wait for them."""
    before = {each for one in kept for each in one.predecessors}
    followed = updating(CANCELLATION).where(C.id.in_(sorted(before)))
    connection.execute(followed.values(followed=1))
    by_number: dict[int, list[str]] = {}
    for one in kept:
        by_number.setdefault(len(set(one.predecessors)), []).append(one.new.id)
    for number, ids in by_number.items():
        its = updating(CANCELLATION).where(C.id.in_(ids))
        connection.execute(its.values(waits_for=number))


# --- predecessors that are in the ledger ----------------------------------------------


@dataclass(frozen=True, slots=True)
class Known:
    """A possible predecessor."""

    row: Row[Any]
    depth: int
    successors: int


def lock(connection: Connection, ids: Collection[str]) -> Mapping[str, Known]:
    """Lock those of ``ids`` that are still in the ledger, so that none ends before its
    new successors are there."""
    # Sorted: two transactions that lock the same rows must not deadlock.
    return _known(connection, ids, _rows_of(ids).order_by(C.id).with_for_update())


def look_at(connection: Connection, ids: Collection[str]) -> Mapping[str, Known]:
    """Read those of ``ids`` that are in the ledger, as they are now."""
    return _known(connection, ids, _rows_of(ids))


def _rows_of(ids: Collection[str]) -> Select[Any]:
    return select(CANCELLATION).where(C.id.in_(ids))


def _known(
    connection: Connection, ids: Collection[str], chosen: Select[Any]
) -> Mapping[str, Known]:
    if not ids:
        return {}
    rows = connection.execute(chosen).all()
    depths = _numbers(connection, D.successor_id, func.max(D.depth), ids)
    counts = _numbers(connection, D.predecessor_id, func.count(), ids)
    return {
        row.id: Known(row, depths.get(row.id, 0), counts.get(row.id, 0)) for row in rows
    }


def _numbers(
    connection: Connection, column: Any, number: Any, ids: Collection[str]
) -> dict[str, int]:
    chosen = select(column, number).where(column.in_(ids)).group_by(column)
    return {row[0]: row[1] for row in connection.execute(chosen)}
