"""Counts cancellations that ended in a state which a person must look at."""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, select, text

from rescind.ledger.reading.index_walk import lanes_in
from rescind.ledger.states import State
from rescind.ledger.storage.tables import CANCELLATION, LISTED

C = CANCELLATION.c
COUNTED = 1_000
"""Rows that are counted at most."""


def ended(
    connection: Connection, state: State, most: int = COUNTED
) -> dict[tuple[str, str], int]:
    """How many of each lane have ended in ``state``; ``most`` + 1 means more."""
    found = {}
    for lane in lanes_in(connection, LISTED):
        asked = {"its_provider": lane[0], "its_account": lane[1], "most": most + 1}
        count = connection.execute(_count(state), asked).scalar_one()
        if count:
            found[lane] = count
    return found


@cache
def _count(state: State) -> Select[Any]:
    few = (
        select(C.id)
        .where(
            C.provider == bindparam("its_provider"),
            C.account == bindparam("its_account"),
            text(f"state = '{state}'"),
            text(LISTED),
        )
        .limit(bindparam("most"))
    )
    return select(func.count()).select_from(few.subquery())
