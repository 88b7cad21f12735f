"""Arranges the outcomes of a period for a page: by provider, and by part of time."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from itertools import pairwise

from rescind.browse.outcome_history import Counted, percentile
from rescind.dashboard.bar_chart import Chart, chart_of
from rescind.dashboard.plot import ORDER
from rescind.ledger.states import FINAL, State
from rescind.ledger.storage.counters import OUTCOME
from rescind.ledger.storage.milliseconds import in_ms

STATES = (*ORDER, *(s for s in State if s in FINAL and s not in ORDER))
"""Final states, as the overview's plot orders them."""


class Span(StrEnum):
    """The periods of the page, each ending now."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


PARTS: Mapping[Span, tuple[timedelta, int]] = {
    Span.HOUR: (timedelta(minutes=15), 4),
    Span.DAY: (timedelta(hours=1), 24),
    Span.WEEK: (timedelta(hours=6), 28),
    Span.MONTH: (timedelta(days=1), 30),
}
"""The length of a part and how many there are. Parts begin at whole times of the
reader's clock, so the last one has not ended yet, and one may be an hour longer or
shorter than the others."""


@dataclass(slots=True)
class Numbers:
    """Outcomes by state, and a histogram of the time that they took."""

    states: Counter[State] = field(default_factory=Counter)
    waits: Counter[str] = field(default_factory=Counter)

    def add(self, one: Counted) -> None:
        if one.metric == OUTCOME:
            self.states[State(one.first)] += one.count
        else:
            self.waits[one.first] += one.count

    @property
    def total(self) -> int:
        return self.states.total()

    @property
    def half(self) -> int | None:
        """Half of the outcomes took at most so many ms."""
        return percentile(self.waits, 0.5)

    @property
    def most(self) -> int | None:
        """95 of 100 outcomes took at most so many ms."""
        return percentile(self.waits, 0.95)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the period."""

    start: datetime
    end: datetime
    numbers: Numbers


@dataclass(frozen=True, slots=True)
class Statistics:
    """Everything that the page shows."""

    span: Span
    parts: Sequence[Part]
    providers: Mapping[str, Numbers]
    whole: Numbers
    reasons: Sequence[tuple[State, str, int]]
    chart: Chart

    @property
    def since(self) -> datetime:
        return self.parts[0].start

    @property
    def hours(self) -> float:
        whole = self.parts[-1].end.astimezone(UTC) - self.since.astimezone(UTC)
        return whole.total_seconds() / 3600


def first_moment(span: Span, now: datetime) -> datetime:
    """When the first part of a period begins, in the zone of ``now``."""
    return edges(span, now)[0]


def edges(span: Span, now: datetime) -> list[datetime]:
    """The beginnings of the parts, and the end of the last one: whole times by the
    clock of the zone of ``now``, also where that clock is changed."""
    length, number = PARTS[span]
    zone, steps = now.tzinfo, [length * (n + 1 - number) for n in range(number + 1)]
    wall = now.replace(tzinfo=None, fold=0)
    floor = wall - (wall - datetime.combine(wall, time())) % length
    if length >= timedelta(hours=2):
        # A day or six hours by the clock, which may be an hour longer or shorter.
        local = ((floor + step).replace(tzinfo=zone) for step in steps)
        return [one.astimezone(UTC).astimezone(zone) for one in local]
    begun = now.astimezone(UTC) - (wall - floor)
    return [(begun + step).astimezone(zone) for step in steps]


def statistics_of(span: Span, counts: Iterable[Counted], now: datetime) -> Statistics:
    """The statistics of the period that ends now, in the zone of ``now``."""
    times = edges(span, now)
    parts = [Part(at, end, Numbers()) for at, end in pairwise(times)]
    limits = [in_ms(at) for at in times]
    found = Statistics(span, parts, {}, Numbers(), (), Chart.empty())
    providers: dict[str, Numbers] = {}
    reasons: Counter[tuple[State, str]] = Counter()
    for one in counts:
        place = bisect_right(limits, one.at) - 1
        if not 0 <= place < len(parts):
            continue
        for its in (parts[place].numbers, found.whole):
            its.add(one)
        providers.setdefault(one.provider, Numbers()).add(one)
        if one.metric == OUTCOME:
            reasons[State(one.first), one.second] += one.count
    return Statistics(
        span,
        parts,
        dict(sorted(providers.items())),
        found.whole,
        sorted((*key, n) for key, n in reasons.items()),
        chart_of([(p.start, p.numbers.states) for p in parts], STATES),
    )
