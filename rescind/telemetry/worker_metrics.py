"""The metrics of the worker processes, from the records that they write to Redis."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime

from rescind.telemetry.measured import Measured
from rescind.telemetry.worker_records import LATE, WorkerRecord


def of_workers(records: Iterable[WorkerRecord], now: datetime) -> Iterator[Measured]:
    """The number of processes by host and version, and each host's longest sweep."""
    alive = [one for one in records if now - one.seen_at <= LATE]
    for labels, number in Counter((one.host, one.version) for one in alive).items():
        yield "rescind_workers", labels, number
    longest: dict[str, float] = {}
    for one in alive:
        longest[one.host] = max(longest.get(one.host, 0), one.sweeping_for(now))
    for host, seconds in longest.items():
        yield "rescind_sweep_running_seconds", (host,), seconds
