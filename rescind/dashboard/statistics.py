"""Arranges the outcomes of a period for a page: by provider, and by part of time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from rescind.browse.outcome_history import Counted, percentile
from rescind.dashboard.bar_chart import Chart, chart_of
from rescind.dashboard.plot import ORDER
from rescind.ledger.states import FINAL, State
from rescind.ledger.storage.counters import OUTCOME
from rescind.ledger.storage.milliseconds import in_ms, moment

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
"""The length of a part and how many there are. Parts begin at whole times in UTC, so
the last one has not ended yet."""


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
        length, number = PARTS[self.span]
        return length.total_seconds() * number / 3600


def first_moment(span: Span, now: datetime) -> datetime:
    """When the first part of a period begins."""
    length, number = PARTS[span]
    ms = round(length.total_seconds() * 1000)
    return moment(in_ms(now) // ms * ms) - length * (number - 1)


def statistics_of(span: Span, counts: Iterable[Counted], now: datetime) -> Statistics:
    """The statistics of the period that ends now."""
    length, number = PARTS[span]
    start = first_moment(span, now)
    starts = [start + length * n for n in range(number)]
    parts = [Part(at, at + length, Numbers()) for at in starts]
    found = Statistics(span, parts, {}, Numbers(), (), Chart.empty())
    providers: dict[str, Numbers] = {}
    reasons: Counter[tuple[State, str]] = Counter()
    for one in counts:
        place = (one.at - in_ms(start)) // round(length.total_seconds() * 1000)
        if not 0 <= place < number:
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
