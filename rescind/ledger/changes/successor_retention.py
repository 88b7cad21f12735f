"""Which cancellations retention keeps for the sake of those that wait for them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, exists, or_, select

from rescind.ledger.changes.postponement import fitting
from rescind.ledger.storage.dependency_table import DEPENDENCY
from rescind.ledger.storage.postponement_table import POSTPONED
from rescind.ledger.storage.tables import CANCELLATION

C, D = CANCELLATION.c, DEPENDENCY.c
MOST_LOCKED = 5000
"""Successors that one transaction of retention locks; at least those of one."""
SUCCESSOR = CANCELLATION.alias("successor")


def is_postponed(id_: Any) -> Any:
    """Whether this cancellation, or those that wait for it, are still to be judged."""
    return exists().where(POSTPONED.c.cancellation_id == id_)


def _is_in_need(successor: Any) -> ColumnElement[bool]:
    postponed = is_postponed(successor.c.id).correlate(successor)
    return or_(successor.c.finished_at.is_(None), postponed)


def predecessors_in_need() -> Select[Any]:
    """The predecessors of which a successor has not ended, or is still to be judged."""
    its = D.successor_id == SUCCESSOR.c.id
    chosen = select(D.predecessor_id).join_from(DEPENDENCY, SUCCESSOR, its)
    return chosen.where(_is_in_need(SUCCESSOR))


def kept_by_successors(connection: Connection, ids: Collection[str]) -> frozenset[str]:
    """Those of ``ids``, whose rows are locked, that must stay for others, or that have
    too many successors for this transaction.

    Locks the successors of the rest: a retry of one of them may begin to wait again for
    a predecessor, and must not find it and then lose it.
    """
    some, later = fitting(connection, ids, MOST_LOCKED)
    own = select(C.id).where(C.id.in_(some), is_postponed(C.id).correlate(CANCELLATION))
    needed = set(connection.execute(own).scalars())
    kept = needed.union(later)
    pairs = select(D.predecessor_id, D.successor_id).where(D.predecessor_id.in_(some))
    edges = connection.execute(pairs).all()
    if edges:
        others = {one.successor_id for one in edges}.difference(ids)
        needed |= _in_need(connection, others)
        kept |= {one.predecessor_id for one in edges if one.successor_id in needed}
    return frozenset(kept)


def _in_need(connection: Connection, successors: Collection[str]) -> set[str]:
    """Those that still need their predecessors, or that another transaction changes."""
    chosen = select(C.id).where(C.id.in_(successors)).order_by(C.id)
    # Skipped: this transaction has locked predecessors and successors of others.
    free = chosen.where(~_is_in_need(CANCELLATION)).with_for_update(skip_locked=True)
    locked = set(connection.execute(free).scalars())
    return set(connection.execute(chosen).scalars()) - locked
