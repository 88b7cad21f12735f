"""Knows repeated events of providers by their digests."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, select

from rescind.ledger.storage.event_table import SEEN_EVENT
from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.upsert import insert_into

E = SEEN_EVENT.c
KNOWN_FOR = timedelta(days=1)
"""How long an event is known. After that, a repeated one may cause one reading."""
FORGOTTEN_AT_ONCE = 100
"""Most old events that a new one deletes: so the table stays small."""


def is_new(connection: Connection, digest: str, now: datetime) -> bool:
    """Whether no event with this ``digest`` came before; it is known from now on."""
    _forget(connection, now)
    new = insert_into(connection, SEEN_EVENT).values(digest=digest, seen_at=in_ms(now))
    added = new.on_conflict_do_nothing().returning(E.digest)
    return connection.execute(added).first() is not None


def _forget(connection: Connection, now: datetime) -> None:
    old = select(E.digest).where(E.seen_at <= in_ms(now - KNOWN_FOR))
    some = old.order_by(E.seen_at).limit(FORGOTTEN_AT_ONCE)
    # Another transaction may be deleting the same ones: they are left to it.
    some = some.with_for_update(skip_locked=True)
    found = connection.execute(some).scalars().all()
    if found:
        connection.execute(delete(SEEN_EVENT).where(E.digest.in_(found)))
