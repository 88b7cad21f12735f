"""Leases of work that one process at a time does for all, on whichever host.

A process that dies holds its lease until it ends; then another process may take it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, delete

from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.side_tables import LEASE
from rescind.ledger.storage.upsert import insert_into

L = LEASE.c


def acquire(
    connection: Connection, name: str, holder: str, seconds: float, now: datetime
) -> bool:
    """Take the lease of this name for so many seconds; False where it is held.

    Others see it once the transaction is committed. Not even its holder can take it
    again before it is released or has ended.
    """
    ends_at = in_ms(now + timedelta(seconds=seconds))
    taken = insert_into(connection, LEASE).values(
        name=name, holder=holder, ends_at=ends_at
    )
    over = taken.on_conflict_do_update(
        index_elements=["name"],
        set_={"holder": holder, "ends_at": ends_at},
        where=L.ends_at <= in_ms(now),
    )
    return connection.execute(over.returning(L.name)).first() is not None


def release(connection: Connection, name: str, holder: str) -> None:
    """Give the lease back, unless another process has taken it since."""
    connection.execute(delete(LEASE).where(L.name == name, L.holder == holder))
