"""What work costs, as measured: each number with its source and its date.

``rescind capacity`` calculates with them. A new measurement is written here.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cost:
    """One measured number."""

    value: float
    unit: str
    source: str
    """The page that has the measurement, or what the number was taken from."""
    date: str


SINGLE_MS = Cost(0.88, "ms an order", "docs/benchmarks/throughput.md", "2026-11-29")
"""Processor time of an order in a call of its own, on PostgreSQL."""
BULK_MS = Cost(0.16, "ms an order", "docs/benchmarks/throughput.md", "2026-11-29")
"""Processor time of an order in calls of 100, of which one polls, on PostgreSQL."""
GROWTH = Cost(2_800, "bytes an order", "docs/scaling.md", "2026-11")
"""Growth of tables and indexes for an order that is polled once: the largest."""
LOG = Cost(5_100, "bytes an order", "docs/scaling.md", "2026-11")
"""PostgreSQL's write-ahead log for the same order."""
MESSAGE = Cost(1_013, "bytes an order", "docs/scaling.md", "2026-11")
"""Redis' memory for a submission of one order that waits."""
WORKER_MB = Cost(139, "MB a process", "docs/benchmarks.md", "2026-11-29")
"""The memory of the largest worker that was measured."""
WORKER_REDIS = Cost(20, "connections a process", "docs/scaling.md", "2026-11-30")
"""Connections to Redis of a worker with much to do; 9 when it has nothing to do."""
API_REDIS = Cost(3, "connections a process", "docs/scaling.md", "2026-11-30")
BEAT_REDIS = Cost(2, "connections a process", "docs/scaling.md", "2026-11-30")
BEAT_MB = Cost(54, "MB a process", "docs/benchmarks.md", "2026-11-30")
