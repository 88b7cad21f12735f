"""Computes the bar chart of a day's outcomes; a template draws it.

Hours begin at another minute of UTC in some zones, so there is a plot for each of
these minutes. All readers of zones with one minute share a plot.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from rescind.dashboard.bar_chart import LEFT, Bar, bars_of, round_up, ticks_of
from rescind.ledger.reading.counter_totals import Flow
from rescind.ledger.states import State
from rescind.ledger.storage.milliseconds import in_ms, moment
from rescind.provider.outcomes import Reason

ORDER = (
    State.CANCELLED,
    State.WITHDRAWN,
    State.REJECTED,
    State.EXPIRED,
    State.FAILED,
)
"""The states in a bar, from bottom to top."""
HOURS = 24
STEP = 28
HOUR_MS = 3_600_000
QUARTER = 15
"""Minutes of the ledger's counters; each zone's offset is a multiple of them."""


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
    def refusals(self) -> Sequence[tuple[State, str, int]]:
        """Why orders were not cancelled, though their submissions were right."""
        return [one for one in self._not_cancelled if one[1] != Reason.INVALID_REQUEST]

    @property
    def refused(self) -> int:
        """How many orders ``refusals`` counts."""
        return sum(count for _, _, count in self.refusals)

    @property
    def wrong(self) -> int:
        """Entries that were refused because something in them is wrong."""
        return sum(count for _, _, count in self._not_cancelled) - self.refused

    @property
    def _not_cancelled(self) -> Sequence[tuple[State, str, int]]:
        states = (State.REJECTED, State.EXPIRED)
        return [one for one in self.reasons if one[0] in states]

    @property
    def since(self) -> str:
        """The start of the first hour, as the field ``since`` of a list."""
        return written(self.hours[0].start)


def plots_of(counts: Sequence[Flow], now: datetime) -> Mapping[int, Plot]:
    """The plots of the last 24 hours, by the minute of UTC at which hours begin."""
    return {minute: plot_of(counts, now, minute) for minute in range(0, 60, QUARTER)}


def minute_of(zone: tzinfo, now: datetime) -> int:
    """The minute of UTC at which hours begin in the zone: 0, 15, 30 or 45."""
    offset = now.astimezone(zone).utcoffset() or timedelta()
    minute = -offset // timedelta(minutes=1) % 60
    return minute // QUARTER * QUARTER


def plot_of(counts: Iterable[Flow], now: datetime, minute: int = 0) -> Plot:
    """The plot of the last 24 hours, including the current one.

    Each hour begins at this minute of UTC.
    """
    listed = [one for one in counts if one.state in ORDER]
    hours = _hours(listed, now, minute)
    top = round_up(max(hour.total for hour in hours))
    return Plot(
        hours=hours,
        bars=[
            (hour, bars_of(hour.counts, ORDER, LEFT + at * STEP, top))
            for at, hour in enumerate(hours)
        ],
        ticks=ticks_of(top),
        totals={s: sum(hour.counts[s] for hour in hours) for s in ORDER},
        reasons=_reasons(listed, hours[0].start),
    )


def written(start: datetime) -> str:
    """The start of an hour, as lists write times."""
    return f"{start:%Y-%m-%dT%H:%MZ}"


def _hours(listed: Iterable[Flow], now: datetime, minute: int) -> list[Hour]:
    shift = minute * 60_000
    last = (in_ms(now) - shift) // HOUR_MS * HOUR_MS + shift
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
