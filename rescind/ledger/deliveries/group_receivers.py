"""Reads who is told of a group's end, and when they were."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, select

from rescind.ledger.delivery_target import target_of
from rescind.ledger.reading.queries import stamp
from rescind.ledger.storage.group_end_table import GROUP_END

G = GROUP_END.c
MOST_TOLD = 100
"""The latest requests that a document names."""


def told_of(connection: Connection, name: str) -> Sequence[dict[str, Any]]:
    """Who is told of the group's end, the latest request first. ``told_at`` is ``None``
    until it is told. Of an address it holds only the host: the rest may hold a
    secret."""
    its = select(GROUP_END).where(G.group_name == name)
    rows = connection.execute(its.order_by(G.group_name, G.id.desc()).limit(MOST_TOLD))
    return [
        {
            "target": target_of(row.url),
            "by": row.by,
            "created_at": stamp(row.created_at),
            "told_at": stamp(row.told_at),
        }
        for row in rows
    ]
