"""Outcomes of up to a month, by provider, from the counters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from rescind.ledger.storage.counters import BEYOND, OUTCOME, WAIT, WAITS, T, slot_of
from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.side_tables import OUTCOME_HOUR

H = OUTCOME_HOUR.c
FOREVER = 2**62


@dataclass(frozen=True, slots=True)
class Counted:
    """So many outcomes of one provider that began in this quarter or hour (in ms)."""

    at: int
    provider: str
    metric: str
    """``OUTCOME``: ``first`` is a state, ``second`` a reason. ``WAIT``: ``first`` is a
    bucket of ``WAITS``."""
    first: str
    second: str
    count: int


def outcome_history(connection: Connection, since: datetime) -> list[Counted]:
    """What was counted since then, by quarters of an hour, or by hours where the
    quarters are deleted already. The quarter or hour that holds ``since`` is whole."""
    first = slot_of(since)
    names = (T.slot, T.provider, T.metric, T.first, T.second)
    metrics = T.metric.in_((OUTCOME, WAIT))
    quarters = (
        select(*names, func.sum(T.count))
        .where(T.slot > 0, T.slot >= first, metrics)
        .group_by(*names)
    )
    hour = in_ms(since) - in_ms(since) % 3_600_000
    columns = (H.hour, H.provider, H.metric, H.first, H.second, H.count)
    hours = select(*columns).where(H.hour >= hour)
    rows = [*connection.execute(hours), *connection.execute(quarters)]
    return [Counted(r[0], r[1], r[2], r[3], r[4], int(r[5])) for r in rows]


def percentile(buckets: Mapping[str, int], part: float) -> int | None:
    """The time in ms within which this part (0 to 1) of outcomes came: the upper bound
    of its bucket. ``FOREVER`` if that has none; ``None`` without outcomes."""
    wanted = part * sum(buckets.values())
    if not wanted:
        return None
    seen = 0
    for bound in WAITS:
        seen += buckets.get(str(bound), 0)
        if seen >= wanted:
            return bound
    assert buckets.get(BEYOND)  # noqa: S101  (all counts are in some bucket)
    return FOREVER
