"""Keeps the counts of outcomes by the hour when their quarters of an hour are deleted.

Quarters are kept by lane for ``counters.KEPT``; hours are kept by provider for
``HOURS_KEPT``, which is enough for a month's statistics.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, func, select

from rescind.ledger.storage.counters import KEPT, OUTCOME, WAIT, T
from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.side_tables import OUTCOME_HOUR, TALLY
from rescind.ledger.storage.upsert import insert_into

H = OUTCOME_HOUR.c
HOURS_KEPT = timedelta(days=32)
HOUR_MS = 3_600_000


def roll_up_oldest(connection: Connection, now: datetime) -> bool:
    """Add the oldest quarter beyond ``KEPT`` to its hour, and delete it; false if there
    is none. Then delete hours beyond ``HOURS_KEPT``."""
    oldest = connection.execute(select(func.min(T.slot)).where(T.slot > 0)).scalar()
    if oldest is None or oldest >= in_ms(now - KEPT):
        connection.execute(delete(OUTCOME_HOUR).where(H.hour < in_ms(now - HOURS_KEPT)))
        return False
    # Deleted first: of two processes that do this at once, one gets the rows.
    columns = (T.provider, T.metric, T.first, T.second, T.count)
    gone = delete(TALLY).where(T.slot == oldest).returning(*columns)
    counts: Counter[tuple[str, ...]] = Counter()
    for *names, number in connection.execute(gone):
        if names[1] in (OUTCOME, WAIT):
            counts[tuple(names)] += number
    _add(connection, oldest - oldest % HOUR_MS, counts)
    return True


def _add(connection: Connection, hour: int, counts: Counter[tuple[str, ...]]) -> None:
    if not counts:
        return
    rows = [
        {
            **dict(zip(("provider", "metric", "first", "second"), names, strict=True)),
            "hour": hour,
            "count": number,
        }
        # Sorted: two transactions that raise the same counts must not deadlock.
        for names, number in sorted(counts.items())
    ]
    added = insert_into(connection, OUTCOME_HOUR).values(rows)
    key = ["hour", "provider", "metric", "first", "second"]
    more = {"count": H.count + added.excluded.count}
    connection.execute(added.on_conflict_do_update(index_elements=key, set_=more))
