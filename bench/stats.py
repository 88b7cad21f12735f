"""Statistics of samples and of times."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence

median = statistics.median


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least ``share`` of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def most_within(times: Sequence[float], seconds: float) -> int:
    """The most ``times`` in any window of so many seconds."""
    ordered = sorted(times)
    most = first = 0
    for last, time in enumerate(ordered):
        while time >= ordered[first] + seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


def spacing(times: Sequence[float], places: int) -> float:
    """The mean distance from each of ``times`` to the one so many places later."""
    ordered = sorted(times)
    pairs = zip(ordered, ordered[places:], strict=False)
    return statistics.fmean(later - earlier for earlier, later in pairs)


def alternate(
    tries: Mapping[str, Callable[[], float]], rounds: int
) -> dict[str, list[float]]:
    """Run each try once a round, in turns, so that a slow minute slows all of them."""
    found: dict[str, list[float]] = {name: [] for name in tries}
    for _ in range(rounds):
        for name, one in tries.items():
            found[name].append(one())
    return found


def round_to(value: float, digits: int = 3) -> float:
    """``value``, rounded to so many significant digits."""
    if value == 0 or not math.isfinite(value):
        return value
    return round(value, digits - 1 - math.floor(math.log10(abs(value))))
