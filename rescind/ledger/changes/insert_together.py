"""Inserts cancellations that wait for others in the transaction that inserts those.

This saves a transaction, and what another one has to find out: the predecessors exist,
nobody else can see them yet, and none has ended.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Connection

from rescind.ledger.changes.dependencies import (
    Waiting,
    mark_waiting,
    write_dependencies,
)
from rescind.ledger.changes.insertion import insert_new


def insert_together(
    connection: Connection,
    waiting: Sequence[Waiting],
    inserted: Collection[str],
    now: datetime,
) -> frozenset[str]:
    """Insert those of ``waiting`` whose keys are new, and of which this transaction has
    inserted all predecessors: they are in ``inserted``, or come before in ``waiting``.
    Returns their ids.

    The others are left, such as one whose predecessor's key existed already. Nothing is
    judged, as none of ``inserted`` has ended. Runs one insertion for each level of a
    chain.
    """
    mark_waiting(waiting)
    there, left, kept = set(inserted), list(waiting), list[Waiting]()
    while ready := [one for one in left if there.issuperset(one.predecessors)]:
        left = [one for one in left if not there.issuperset(one.predecessors)]
        new = insert_new(connection, [one.new for one in ready], now)
        kept += (one for one in ready if one.new.id in new)
        there |= new
    if kept:
        write_dependencies(connection, kept)
    return frozenset(one.new.id for one in kept)
