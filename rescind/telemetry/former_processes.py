"""Which processes would not survive a contracting migration of the ledger."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from redis import Redis

from rescind.telemetry.worker_records import (
    API_KEY,
    KEY,
    LATE,
    WorkerRecord,
    records,
)

MOST_NAMED = 3
Objection = Callable[[str], str | None]


def objection(redis: Redis, now: Callable[[], datetime]) -> Objection:
    """Says of a migration why it may not be applied yet; ``None`` if it may.

    A process that does not know the migration would not survive it. Raises
    ``RedisError``.
    """

    def why(revision: str) -> str | None:
        at = now()
        found = [one for key in (KEY, API_KEY) for one in records(redis, at, key)]
        alive = [one for one in found if at - one.seen_at <= LATE]
        former = [one for one in alive if one.schema < revision]
        return _says(former, revision) if former else None

    return why


def _says(former: list[WorkerRecord], revision: str) -> str:
    named = [
        f"process {one.pid} on {one.host} (Rescind {one.version})"
        for one in former[:MOST_NAMED]
    ]
    more = len(former) - len(named)
    listed = ", ".join(named) + (f" and {more} more" if more else "")
    return (
        f"migration {revision} is for later: an older version still runs: {listed}."
        " Stop or upgrade it, then run `rescind migrate --finish`"
    )
