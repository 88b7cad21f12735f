"""Bounds what one transaction judges, and leaves the rest to later ones."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Row,
    Select,
    Table,
    bindparam,
    delete,
    func,
    literal,
    or_,
    select,
)

from rescind.ledger.reading.predecessors import among, ids_given
from rescind.ledger.storage.dependency_table import DEPENDENCY
from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.postponement_table import POSTPONED, Concerned
from rescind.ledger.storage.tables import CANCELLATION
from rescind.ledger.storage.upsert import insert_into

C, D, P = CANCELLATION.c, DEPENDENCY.c, POSTPONED.c
MOST_JUDGED = 1000
"""Cancellations that one transaction judges because of ends, on all levels together.
At least the successors of one cancellation: see ``waiting_insertion``."""
MOST_TAKEN = 100
"""Notes of what was postponed that one transaction takes up."""


def edges(connection: Connection, ids: Collection[str], most: int) -> int:
    """How many dependencies have one of these predecessors; counts up to ``most``."""
    given = {"most": most, **ids_given(connection, ids)}
    return int(connection.execute(_edges(connection.dialect.name), given).scalar_one())


@cache
def _edges(dialect: str) -> Select[Any]:
    most = bindparam("most", type_=BigInteger())
    its = select(literal(1)).where(among(dialect, D.predecessor_id)).limit(most)
    return select(func.count()).select_from(its.subquery())


def fitting(
    connection: Connection, ids: Collection[str], room: int | None
) -> tuple[list[str], list[str]]:
    """Those of ``ids`` with at most ``room`` successors together, and the others. Into
    a whole transaction (``None``) the first one always fits."""
    listed = sorted(ids)
    least = 1 if room is None else 0
    room = MOST_JUDGED if room is None else room
    if room < 1:
        return [], listed
    number = len(listed)
    while number > least and edges(connection, listed[:number], room + 1) > room:
        number = max(number // 2, least)
    return listed[:number], listed[number:]


def postpone(
    connection: Connection, concerned: Concerned, ids: Collection[str], due: datetime
) -> None:
    """Have these judged from ``due`` on. Their rows are locked."""
    if not ids:
        return
    at = in_ms(due)
    # Sorted: two transactions that write the same rows must not deadlock.
    rows = [
        {"cancellation_id": one, "concerned": concerned, "due_at": at}
        for one in sorted(ids)
    ]
    added = insert_into(connection, POSTPONED)
    new = {"due_at": added.excluded.due_at}
    key = [P.cancellation_id, P.concerned]
    connection.execute(added.on_conflict_do_update(index_elements=key, set_=new), rows)


def some_due(at: Any) -> ColumnElement[bool]:
    """Whether some are due at this time, in ms: by an index, one look for each kind."""
    its = P.concerned.in_(list(Concerned)), P.due_at <= at
    return select(P.due_at).where(*its).exists()


def take(
    connection: Connection, concerned: Concerned, now: datetime
) -> list[tuple[str, bool]]:
    """Take up postponed judgements that are due, the oldest first: their ids, and
    whether each has ended."""
    taken = take_due(connection, POSTPONED, now, P.concerned == concerned)
    return [(row.cancellation_id, ended) for row, ended in taken]


def take_due(
    connection: Connection, notes: Table, now: datetime, *its: ColumnElement[bool]
) -> list[tuple[Row[Any], bool]]:
    """Delete some of these notes that are due, the oldest first: returns them in the
    order of their cancellations, and whether each of those has ended. Locks the
    cancellations; those that another transaction has locked are left."""
    N = notes.c  # noqa: N806  (as the columns of all tables are named)
    its = (*its, N.due_at <= in_ms(now))
    oldest = select(N.cancellation_id).where(*its).order_by(N.due_at, N.cancellation_id)
    due = connection.execute(oldest.limit(MOST_TAKEN)).scalars().all()
    if not due:
        return []
    # Sorted: two transactions that lock the same rows must not deadlock.
    chosen = select(C.id, C.finished_at).where(C.id.in_(due)).order_by(C.id)
    locked = connection.execute(chosen.with_for_update(skip_locked=True)).all()
    ended = {row.id: row.finished_at is not None for row in locked}
    there = select(C.id).where(C.id == N.cancellation_id).correlate(notes).exists()
    # One that was deleted by hand would be found first for ever.
    free = or_(N.cancellation_id.in_(list(ended)), N.cancellation_id.in_(due) & ~there)
    # Asked again: another transaction may have taken it up before it was locked.
    still = delete(notes).where(*its, free).returning(*N)
    taken = connection.execute(still).all()
    return [
        (row, ended.get(row.cancellation_id, True))
        for row in sorted(taken, key=lambda row: str(row.cancellation_id))
    ]
