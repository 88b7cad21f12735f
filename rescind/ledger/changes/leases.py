"""Leases of work that only one process may do at a time, over all hosts.

When a process dies, its lease runs out, and another process may acquire it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, select

from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.side_tables import LEASE
from rescind.ledger.storage.upsert import insert_into

L = LEASE.c


def acquire(
    connection: Connection, name: str, holder: str, seconds: float, now: datetime
) -> bool:
    """Acquire the lease ``name`` for so many seconds; False if it is held.

    Other processes see it once the transaction is committed. Its holder, too, cannot
    acquire it again before it is released or has run out.
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


def is_held(connection: Connection, name: str, holder: str, now: datetime) -> bool:
    """Whether this process holds the lease; no other acquires it before the transaction
    ends."""
    its = (L.name == name, L.holder == holder, L.ends_at > in_ms(now))
    held = select(L.name).where(*its).with_for_update()
    return connection.execute(held).first() is not None


def release(connection: Connection, name: str, holder: str) -> None:
    """Release the lease, unless another process holds it now."""
    connection.execute(delete(LEASE).where(L.name == name, L.holder == holder))
