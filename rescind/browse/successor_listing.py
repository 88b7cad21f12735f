"""Reads which cancellations wait for the end of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select

from rescind.ledger.reading.queries import rows_of
from rescind.ledger.storage.dependency_table import DEPENDENCY

D = DEPENDENCY.c


@dataclass(frozen=True, slots=True)
class Successor:
    """One that waits for another's end, or waited for it."""

    row: Row[Any]
    condition: str
    """The ends that it wants: see ``rescind.ledger.conditions``."""


def successors_of(connection: Connection, row: Row[Any], most: int) -> list[Successor]:
    """The first ``most`` successors of ``row``, in the order of their ids."""
    if not row.followed:
        return []
    chosen = (
        select(D.successor_id, D.condition)
        .where(D.predecessor_id == row.id)
        .order_by(D.successor_id)
        .limit(most)
    )
    wanted = {one.successor_id: one.condition for one in connection.execute(chosen)}
    rows = rows_of(connection, list(wanted))
    return [Successor(one, wanted[one.id]) for one in rows]
