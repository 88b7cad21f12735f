"""Requests to be told of a group's end: made with its cancellations, and by a retry.

A request is a row of its own, which only ``group_ends`` changes. So the transactions
that insert into one group do not wait for each other, and a request that is committed
while an end is told stands for the next end.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import uuid_utils
from sqlalchemy import Connection, insert, select

from rescind.ledger.changes.new_cancellation import NewCancellation
from rescind.ledger.storage.group_end_table import GROUP_END
from rescind.ledger.storage.milliseconds import in_ms

G = GROUP_END.c


def request_ends(
    connection: Connection, inserted: Sequence[NewCancellation], now: datetime
) -> None:
    """Add the requests of cancellations that this transaction has inserted: one for
    each group and address."""
    asked = {
        (one.group, one.on_group_end): one.by
        for one in inserted
        if one.on_group_end is not None
    }
    _add(connection, ((*pair, by) for pair, by in asked.items()), now)


def request_again(connection: Connection, group: str, now: datetime) -> None:
    """Add a request for each address that is told of the group: one of its
    cancellations is open again."""
    told = select(G.url).distinct().where(G.group_name == group).order_by(G.url)
    urls = connection.execute(told).scalars().all()
    _add(connection, ((group, url, None) for url in urls), now)


def _add(
    connection: Connection,
    requests: Iterable[tuple[str | None, str | None, str | None]],
    now: datetime,
) -> None:
    rows = [
        {
            "id": str(uuid_utils.uuid7()),
            "group_name": group,
            "url": url,
            "by": by,
            "created_at": in_ms(now),
        }
        for group, url, by in requests
    ]
    if rows:
        connection.execute(insert(GROUP_END), rows)
