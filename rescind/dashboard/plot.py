"""Computes the bar chart of a day's outcomes; a template draws it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from rescind.ledger.reading.counter_totals import Flow
from rescind.ledger.states import State
from rescind.ledger.storage.milliseconds import in_ms, moment

ORDER = (
    State.CANCELLED,
    State.WITHDRAWN,
    State.REJECTED,
    State.EXPIRED,
    State.FAILED,
)
"""The states in a bar, from bottom to top."""
HOURS = 24
LEFT, TOP, HEIGHT, STEP, WIDTH = 46, 8, 150, 28, 20
LEAST = 2.0
"""The least height of a part of a bar, so that one failure among thousands shows."""
HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Hour:
    """The number of cancellations that ended in one hour and stand so, by state."""

    start: datetime
    counts: Mapping[State, int]

    @property
    def period(self) -> Mapping[str, str]:
        """The fields of a list of what ended in this hour."""
        until = written(self.start + timedelta(hours=1))
        return {"sort": "ended", "since": written(self.start), "until": until}

    @property
    def total(self) -> int:
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class Bar:
    """The part of an hour's bar for one state, in SVG units."""

    state: State
    x: float
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Plot:
    """Everything that the template draws."""

    hours: Sequence[Hour]
    bars: Sequence[tuple[Hour, Sequence[Bar]]]
    ticks: Sequence[tuple[float, int]]
    totals: Mapping[State, int]
    reasons: Sequence[tuple[State, str, int]]

    @property
    def total(self) -> int:
        return sum(self.totals.values())

    @property
    def since(self) -> str:
        """The start of the first hour, as the field ``since`` of a list."""
        return written(self.hours[0].start)


def plot_of(counts: Iterable[Flow], now: datetime) -> Plot:
    """The plot of the last 24 hours, including the current one."""
    listed = [one for one in counts if one.state in ORDER]
    hours = _hours(listed, now)
    top = _round_up(max(hour.total for hour in hours))
    return Plot(
        hours=hours,
        bars=[(hour, _bars(hour, at, top)) for at, hour in enumerate(hours)],
        ticks=[(_y(value, top), value) for value in _ticks(top)],
        totals={s: sum(hour.counts[s] for hour in hours) for s in ORDER},
        reasons=_reasons(listed, hours[0].start),
    )


def written(start: datetime) -> str:
    """A whole hour, as lists write times."""
    return f"{start:%Y-%m-%dT%H:%MZ}"


def _hours(listed: Iterable[Flow], now: datetime) -> list[Hour]:
    last = in_ms(now) // HOUR_MS * HOUR_MS
    first = last - (HOURS - 1) * HOUR_MS
    found = [dict.fromkeys(ORDER, 0) for _ in range(HOURS)]
    for one in listed:
        at = (in_ms(one.slot) - first) // HOUR_MS
        if 0 <= at < HOURS:
            found[at][State(one.state)] += one.count
    start = moment(first)
    return [Hour(start + timedelta(hours=at), one) for at, one in enumerate(found)]


def _reasons(listed: Iterable[Flow], first: datetime) -> list[tuple[State, str, int]]:
    """Each state and reason with its count, the most frequent of a state first."""
    sums: dict[tuple[State, str], int] = {}
    for one in listed:
        if one.slot >= first:
            key = (State(one.state), one.reason)
            sums[key] = sums.get(key, 0) + one.count
    found = [(state, reason, n) for (state, reason), n in sums.items() if n]
    return sorted(found, key=lambda one: (ORDER.index(one[0]), -one[2], one[1]))


def _bars(hour: Hour, at: int, top: int) -> list[Bar]:
    x, foot, found = LEFT + at * STEP, float(TOP + HEIGHT), []
    for state in ORDER:
        if hour.counts[state]:
            height = max(LEAST, hour.counts[state] * HEIGHT / top)
            foot -= height
            found.append(Bar(state, x, round(foot, 2), round(height, 2)))
    return found


def _y(value: int, top: int) -> float:
    return round(TOP + HEIGHT - value * HEIGHT / top, 2)


def _round_up(value: int) -> int:
    """The next of 4, 10, 20, 40, 100, …, so that half of it is a whole number."""
    size = 1
    while True:
        for step in (4, 10, 20):
            if value <= step * size:
                return step * size
        size *= 10


def _ticks(top: int) -> list[int]:
    return [0, top // 2, top]
