"""Inserts cancellations that wait for others, with their dependencies.

They are inserted as waiting, and judged at once: what has ended before counts in the
same way as what ends later.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select
from sqlalchemy import update as updating

from rescind.ledger.changes import successors
from rescind.ledger.changes.dependencies import (
    Waiting,
    mark_waiting,
    write_dependencies,
)
from rescind.ledger.changes.insertion import insert_new, standing_ids
from rescind.ledger.changes.recording import Recorded, follow_on
from rescind.ledger.reading.predecessors import among, ids_given
from rescind.ledger.storage.dependency_table import DEPENDENCY
from rescind.ledger.storage.tables import CANCELLATION

C, D = CANCELLATION.c, DEPENDENCY.c
DEEPEST = 32
"""The longest chain of predecessors: one end is followed through all its levels in one
transaction."""
MOST_SUCCESSORS = 1000
"""The most cancellations that wait for one: its end moves them all at once."""
_KNOWN = (
    *(C.id, C.provider, C.account, C.order_id, C.key, C.group_name),
    *(C.state, C.updated_at, C.followed),
)


def insert_waiting(
    connection: Connection,
    waiting: Sequence[Waiting],
    now: datetime,
    followed: Collection[str] = (),
) -> tuple[frozenset[str], Recorded]:
    """Insert those whose ``(provider, account, key)`` is new; returns their ids, and
    what followed from predecessors that have ended. ``followed`` are predecessors whose
    rows say already that others may wait for them."""
    mark_waiting(waiting)
    inserted = insert_new(connection, [one.new for one in waiting], now)
    kept = [one for one in waiting if one.new.id in inserted]
    if not kept:
        return inserted, Recorded()
    if len(kept) < len(waiting):
        kept = _by_standing_ids(connection, waiting, kept, inserted)
        followed = ()
    write_dependencies(connection, kept)
    before = {each for one in kept for each in one.predecessors}
    _mark(connection, before - inserted - {*followed})
    judged = [one.new.id for one in kept if one.judged]
    if not judged:
        return inserted, Recorded()
    begun = successors.begin(connection, judged, now)
    return inserted, follow_on(connection, begun, now)


def _by_standing_ids(
    connection: Connection,
    waiting: Sequence[Waiting],
    kept: Sequence[Waiting],
    inserted: Collection[str],
) -> list[Waiting]:
    """``kept`` with the ids of the rows that other transactions have just inserted with
    the keys of their predecessors. Those are locked."""
    others = {one.new.path: one.new.id for one in waiting if one.new.id not in inserted}
    there = standing_ids(connection, others)
    known = {others[path]: id_ for path, id_ in there.items()}
    lock(connection, known.values())
    lost = set(others.values())
    return [
        one if lost.isdisjoint(one.predecessors) else _renamed(one, known)
        for one in kept
    ]


def _renamed(one: Waiting, known: Mapping[str, str]) -> Waiting:
    ids = list(dict.fromkeys(known.get(each, each) for each in one.predecessors))
    return replace(one, predecessors=ids, judged=True)


def _mark(connection: Connection, before: Collection[str]) -> None:
    """Note in the rows of predecessors that others wait for them."""
    if before:
        statement = _followed(connection.dialect.name)
        connection.execute(statement, ids_given(connection, before))


@cache
def _followed(dialect: str) -> Any:
    return updating(CANCELLATION).where(among(dialect, C.id)).values(followed=1)


# --- predecessors that are in the ledger ----------------------------------------------


@dataclass(frozen=True, slots=True)
class Known:
    """A possible predecessor."""

    row: Row[Any]
    successors: int

    @property
    def depth(self) -> int:
        return self.row.depth or 0


def lock(connection: Connection, ids: Collection[str]) -> Mapping[str, Known]:
    """Lock those of ``ids`` that are still in the ledger, so that none ends before its
    new successors are there."""
    return _known(connection, ids, _lock(connection.dialect.name))


def look_at(connection: Connection, ids: Collection[str]) -> Mapping[str, Known]:
    """Read those of ``ids`` that are in the ledger, as they are now."""
    return _known(connection, ids, _look(connection.dialect.name))


def _known(
    connection: Connection, ids: Collection[str], chosen: Select[Any]
) -> Mapping[str, Known]:
    if not ids:
        return {}
    rows = connection.execute(chosen, ids_given(connection, ids)).all()
    # Counted when all are locked: another transaction may just have added some.
    followed = [row.id for row in rows if row.followed]
    counts = _counts(connection, followed) if followed else {}
    return {row.id: Known(row, counts.get(row.id, 0)) for row in rows}


@cache
def _look(dialect: str) -> Select[Any]:
    # A row's own dependencies are as old as the row, and never change.
    depth = select(func.max(D.depth)).where(D.successor_id == C.id).scalar_subquery()
    return select(*_KNOWN, depth.label("depth")).where(among(dialect, C.id))


@cache
def _lock(dialect: str) -> Select[Any]:
    # Sorted: two transactions that lock the same rows must not deadlock.
    return _look(dialect).order_by(C.id).with_for_update()


def _counts(connection: Connection, ids: Collection[str]) -> dict[str, int]:
    chosen, given = _counted(connection.dialect.name), ids_given(connection, ids)
    return {row[0]: row[1] for row in connection.execute(chosen, given)}


@cache
def _counted(dialect: str) -> Select[Any]:
    those = among(dialect, D.predecessor_id)
    chosen = select(D.predecessor_id, func.count()).where(those)
    return chosen.group_by(D.predecessor_id)
