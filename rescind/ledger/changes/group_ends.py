"""Tells the ends of groups: each end once to each address that asked for it.

One process at a time does this, under a lease, and a step whose lease has run out
changes nothing. A request is told in the transaction that creates the delivery.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, Engine, delete, text, update

from rescind.ledger.changes.leases import is_held
from rescind.ledger.deliveries.retry_policy import Kind
from rescind.ledger.deliveries.store import End, create_end_delivery
from rescind.ledger.reading.ended_groups import Watched, look_at
from rescind.ledger.storage.group_end_table import GROUP_END, PENDING
from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.transactions import reading, writing

G = GROUP_END.c
LEASE = "group ends"


def look(engine: Engine, names: Sequence[str], now: datetime) -> list[Watched]:
    """What is to be done with these watched groups, each as it is at one moment."""
    seen = [_look_at(engine, name, now) for name in names]
    return [one for one in seen if one.repeated or one.summary]


def _look_at(engine: Engine, name: str, now: datetime) -> Watched:
    # A transaction of its own: a large group must not keep an old snapshot for others.
    with reading(engine) as connection:
        return look_at(connection, name, now)


def tell(engine: Engine, holder: str, seen: Sequence[Watched], now: datetime) -> bool:
    """Tell the groups that have ended; False if ``holder`` holds the lease ``LEASE`` no
    more. It must have held it since before ``look``."""
    with writing(engine) as connection:
        held = is_held(connection, LEASE, holder, now)
        for one in seen if held else ():
            _tell(connection, one, now)
    return held


def _tell(connection: Connection, one: Watched, now: datetime) -> None:
    if one.repeated or one.last is None:
        # One request for an address is enough. An empty group never ends.
        asked = () if one.repeated else [row.id for row in one.asked]
        _forget(connection, [*one.repeated, *asked])
        return
    for row in one.asked:
        if _create(connection, one, row.id, row.url, now):
            told = update(GROUP_END).where(G.id == row.id)
            connection.execute(told.values(told_at=in_ms(now)))


def _create(
    connection: Connection, one: Watched, request: str, url: str, now: datetime
) -> bool:
    """Create the delivery; False if the last one was retried or deleted meanwhile."""
    if one.summary is None or one.last is None:
        return False
    document = one.summary.document()
    end = End(request, one.last, url, document)
    return create_end_delivery(connection, Kind.GROUP, end, now)


def _forget(connection: Connection, ids: Sequence[str]) -> None:
    connection.execute(delete(GROUP_END).where(G.id.in_(ids), text(PENDING)))
