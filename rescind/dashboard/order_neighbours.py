"""Reads the cancellations that another one has to do with: what it waits for, what
waits for it, and others of the same order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from rescind.browse.successor_listing import successors_of
from rescind.dashboard.plan_story import waited_for, waiting_advice, wanted_ends
from rescind.dashboard.same_order_notes import same_order
from rescind.ledger.access_limits import Limits
from rescind.ledger.changes.waiting_rows import is_waiting
from rescind.ledger.reading.limited import sees
from rescind.ledger.reading.plans import plans_of
from rescind.ledger.reading.predecessors import predecessors_of
from rescind.ledger.reading.queries import rows_of

SHOWN = 20
"""Successors that a page lists, and plans."""

Entries = Sequence[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Neighbours:
    """What the page of a cancellation shows of others. Others that the reader may not
    see have no id, or are left out."""

    before: Entries
    """What it waits for, or waited for."""
    after: Entries
    """What waits for it, or waited for it: the first ``SHOWN``."""
    more_after: bool
    same_order: Entries
    plans: Entries
    """The plans of which it is a step, the newest ``SHOWN`` first."""
    more_plans: bool
    it_waits: bool
    """Whether the ones before keep it from being sent."""
    advice: str | None
    """What to do about one that waits; ``None`` if it does not."""


def read_neighbours(
    connection: Connection, row: Row[Any], limits: Limits, now: datetime
) -> Neighbours:
    before = predecessors_of(connection, [row.id]).get(row.id, [])
    rows = rows_of(connection, [each.id for each in before])
    after = successors_of(connection, row, SHOWN + 1)
    # One more than is shown tells whether there are more.
    plans = plans_of(connection, row.id, SHOWN + 1, limits) if row.followed else []
    return Neighbours(
        before=waited_for(before, {one.id: one for one in rows if sees(limits, one)}),
        after=[
            {
                "id": one.row.id,
                "order": one.row.order_id,
                "state": one.row.state,
                "reason": one.row.reason,
                "wanted": wanted_ends(one.condition),
            }
            for one in after[:SHOWN]
            if sees(limits, one.row)
        ],
        more_after=len(after) > SHOWN,
        same_order=same_order(connection, row, limits, now),
        plans=plans[:SHOWN],
        more_plans=len(plans) > SHOWN,
        it_waits=is_waiting(row),
        advice=waiting_advice(before) if is_waiting(row) else None,
    )
