"""How often each operation was called, and how densely."""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any


class Count:
    """The calls of one operation: eight bytes each."""

    __slots__ = ("faults", "orders", "times")

    def __init__(self) -> None:
        self.times = array("d")
        self.orders = 0
        self.faults: Counter[str] = Counter()


class Tally:
    """Calls by provider and operation."""

    def __init__(self) -> None:
        self._counts: defaultdict[str, defaultdict[str, Count]] = defaultdict(
            lambda: defaultdict(Count)
        )

    def add(self, provider: str, operation: str, now: float, orders: int) -> None:
        count = self._counts[provider][operation]
        count.times.append(now)
        count.orders += orders

    def fault(self, provider: str, operation: str, kind: str) -> None:
        self._counts[provider][operation].faults[kind] += 1

    def unfault(self, provider: str, operation: str, kind: str) -> None:
        """The fault had nothing to spoil after all."""
        faults = self._counts[provider][operation].faults
        faults[kind] -= 1
        if not faults[kind]:
            del faults[kind]

    def clear(self) -> None:
        self._counts.clear()

    def report(self, windows: Iterable[float]) -> dict[str, Any]:
        """Per provider: its operations, and the most calls in any rolling window."""
        windows = list(windows)
        return {
            provider: {
                "operations": {
                    name: _describe(count, windows) for name, count in counts.items()
                },
                "peak": _peaks((c.times for c in counts.values()), windows),
            }
            for provider, counts in self._counts.items()
        }


def _describe(count: Count, windows: list[float]) -> dict[str, Any]:
    return {
        "calls": len(count.times),
        "orders": count.orders,
        "faults": dict(count.faults),
        "peak": _peaks([count.times], windows),
    }


def _peaks(times: Iterable[array[float]], windows: list[float]) -> dict[str, int]:
    merged = sorted(t for one in times for t in one)
    return {f"{window:g}": peak(merged, window) for window in windows}


def peak(times: list[float], window: float) -> int:
    """The most of the sorted ``times`` in any rolling window of that many seconds."""
    most = first = 0
    for last, t in enumerate(times):
        while times[first] <= t - window:
            first += 1
        most = max(most, last - first + 1)
    return most
