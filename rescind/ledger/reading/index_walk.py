"""Reads the lanes that occur in an index: one step for each lane.

The number of a lane's rows does not matter. A recursive query takes the steps, so one
statement reads all lanes. A lane without rows in the index costs nothing.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import (
    CTE,
    Column,
    Connection,
    Select,
    bindparam,
    literal_column,
    select,
    text,
)

from rescind.ledger.storage.tables import CANCELLATION, LISTED, LOOKED_AT, WITH_DEADLINE

C = CANCELLATION.c
QUEUED = "state = 'queued'"
"""The condition of the index ``ix_to_send``."""
_LANE = (C.provider, C.account)
BY_LANE = {
    QUEUED: ("queued", (*_LANE, C.urgency, C.due_at)),
    LOOKED_AT: ("looked_at", (*_LANE, C.state, C.due_at)),
    WITH_DEADLINE: ("with_deadline", (*_LANE, C.urgency)),
    LISTED: ("listed", (*_LANE, C.state, C.id)),
}
"""Indexes that begin with provider and account, by their condition: a name, and the
columns of the index."""
ALL = 2**31
"""More lanes than there are."""


def lanes_in(
    connection: Connection, held: str, most: int = ALL
) -> list[tuple[str, str]]:
    """The lanes with a row in the index of condition ``held``, known or not: in order,
    and at most ``most``."""
    rows = connection.execute(_lanes(held), {"most": most})
    return sorted((row.provider, row.account) for row in rows)


@cache
def _lanes(held: str) -> Select[Any]:
    found = lanes_of(held)
    return select(found).limit(bindparam("most"))


@cache
def lanes_of(held: str) -> CTE:
    """``lanes_in`` as something to select from: ``provider`` and ``account``. Raises
    ``ValueError`` if no index by lane has this condition."""
    if held not in BY_LANE:
        raise ValueError(f"no index by lane holds {held}")
    # Two walks: given both columns at once, SQLite reads all rows of the former lane.
    accounts = _accounts(held, _providers(held))
    rows = select(accounts).where(accounts.c.account.is_not(None))
    return rows.cte(f"lanes_{_name(held)}")


def _providers(held: str) -> CTE:
    """The providers in order, and NULL after the last one."""
    # The condition makes SQLite seek the first one, too: no provider's name is empty.
    first = _first(C.provider, held).where(C.provider > literal_column("''"))
    start = select(first.scalar_subquery().label("provider"))
    walk = start.cte(f"providers_{_name(held)}", recursive=True)
    behind = _first(C.provider, held).where(C.provider > walk.c.provider)
    step = select(behind.correlate(walk).scalar_subquery())
    return walk.union_all(step.where(walk.c.provider.is_not(None)))


def _accounts(held: str, providers: CTE) -> CTE:
    """The accounts of each provider in order, and NULL after the last one."""
    first = _first(C.account, held).where(C.provider == providers.c.provider)
    start = select(
        providers.c.provider,
        first.correlate(providers).scalar_subquery().label("account"),
    ).where(providers.c.provider.is_not(None))
    walk = start.cte(f"accounts_{_name(held)}", recursive=True)
    behind = _first(C.account, held).where(
        C.provider == walk.c.provider, C.account > walk.c.account
    )
    step = select(walk.c.provider, behind.correlate(walk).scalar_subquery())
    return walk.union_all(step.where(walk.c.account.is_not(None)))


def _first(column: Column[Any], held: str) -> Select[Any]:
    # Ordered exactly as the index is. Otherwise PostgreSQL was seen to use an index
    # that also holds ended rows, while the ledger was small.
    _, ordered = BY_LANE[held]
    return select(column).where(text(held)).order_by(*ordered).limit(1)


def _name(held: str) -> str:
    name, _ = BY_LANE[held]
    return name
