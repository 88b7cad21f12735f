"""Reads who is told of a group's end, and when they were."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from rescind.ledger.access_limits import Limits
from rescind.ledger.delivery_target import target_of
from rescind.ledger.reading.group_summary import GroupSummary, summary_of
from rescind.ledger.reading.queries import stamp
from rescind.ledger.storage.group_end_table import GROUP_END

G = GROUP_END.c
MOST_TOLD = 100
"""The latest requests that a document names."""


class GroupSeen(NamedTuple):
    """A group as far as it is within somebody's limits."""

    summary: GroupSummary
    told: Sequence[dict[str, Any]]
    """Empty for those who do not see the whole group."""

    @property
    def is_unknown(self) -> bool:
        return not self.summary.total


def group_seen(connection: Connection, name: str, limits: Limits) -> GroupSeen:
    """All cancellations of the group are counted, without a limit."""
    whole = limits.allows_group(name)
    told = told_of(connection, name) if whole else []
    return GroupSeen(summary_of(connection, name, limits), told)


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
