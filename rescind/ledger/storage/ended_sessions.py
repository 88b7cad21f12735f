"""Sessions of the dashboard that were ended, by any process, before they expired."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256

from sqlalchemy import Connection, delete, select

from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.side_tables import ENDED_SESSION
from rescind.ledger.storage.upsert import insert_into

E = ENDED_SESSION.c


def of_key(key: str) -> str:
    """The subject of one session. Its key is not kept: forms carry it."""
    return "key:" + sha256(key.encode()).hexdigest()


def of_actor(actor: str) -> str:
    """The subject of all sessions of one user or token."""
    return f"actor:{actor}"


def end_sessions(
    connection: Connection, subject: str, now: datetime, until: datetime
) -> None:
    """End all sessions of ``subject`` that began before ``now``.

    ``until`` is when the last of them would have expired.
    """
    connection.execute(delete(ENDED_SESSION).where(E.until <= in_ms(now)))
    new = insert_into(connection, ENDED_SESSION).values(
        subject=subject, ended_at=in_ms(now), until=in_ms(until)
    )
    changed = {"ended_at": new.excluded.ended_at, "until": new.excluded.until}
    connection.execute(
        new.on_conflict_do_update(index_elements=[E.subject], set_=changed)
    )


def is_ended(connection: Connection, key: str, actor: str, began_at: datetime) -> bool:
    """Whether the session with this key was ended, or all sessions of its actor."""
    subjects = [of_key(key), of_actor(actor)]
    rows = connection.execute(
        select(E.subject, E.ended_at).where(E.subject.in_(subjects))
    )
    ends: Mapping[str, int] = {row.subject: row.ended_at for row in rows}
    if subjects[0] in ends:
        return True
    return in_ms(began_at) < ends.get(subjects[1], 0)
