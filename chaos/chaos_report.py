"""The report of a run: its numbers, its offences, and whether the run is good."""

from __future__ import annotations

import json
import statistics
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from chaos.outages import Outage
from chaos.refusals_said import never_met
from chaos.way import USUAL
from rescind.demo.facts import Offence

PROGRESS_SECONDS = 15.0
SHOWN = 10
KINDS = {
    "lost": "lost",
    "untrue": "untrue",
    "twice": "sent twice",
    "late": "sent too late",
    "reopened": "final states left again",
    "given_up": "given up, though told",
    "dropped": "answers dropped",
    "ended": "workers that ended",
    "withdrawal": "withdrawals untrue",
    "plan": "steps of plans untrue",
    "waiting": "steps that wait for ever",
    "way": "faults of this way alone",
}


@dataclass(frozen=True, slots=True)
class Pause:
    """How long no provider received a call after a worker died, ``at`` seconds in."""

    at: float
    point: str
    seconds: float
    since: float = 0.0
    """When it began to count, in seconds from the start: at the death, or at the end of
    an outage that came in between."""

    @property
    def until(self) -> float:
        return self.since + self.seconds


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that one run has shown."""

    database: str
    seed: int
    mutation: str | None
    orders: int
    seconds: float
    calls: int
    faults: int
    offences: Mapping[str, Sequence[Offence]]
    unresolved: Sequence[str]
    """Failed cancellations whose provider could not have told, each with evidence."""
    deaths: Mapping[str, int]
    """How many workers died, by failpoint."""
    pauses: Sequence[Pause]
    """From each death to the next call that a provider received."""
    due_in_pause: Mapping[str, int]
    """How many cancellations were due at most in the longest pause, by provider."""
    others: Mapping[str, int]
    """Further counts, by name."""
    outcomes: Mapping[str, int]
    """How many cancellations ended so, by state and reason."""
    unfinished: Sequence[Offence] = ()
    """Still open at the end: no offence, but a failing if the run stalled."""
    outages: Mapping[str, float] = field(default_factory=dict)
    """Seconds that services were away or refused requests, by kind of outage."""
    refusals: Mapping[str, int] = field(default_factory=dict)
    """How many lines of the workers' log name each refusal."""
    stalled_for: float | None = None
    """Seconds without progress after which the run was stopped, if it was."""
    way: str = USUAL

    @property
    def failings(self) -> list[str]:
        """The reasons why the run is not good; empty if it is good."""
        found = [
            f"{KINDS[kind]} {len(some)}" for kind, some in self.offences.items() if some
        ]
        if self.stalled_for is not None:
            open_ones = f"not finished {len(self.unfinished)}"
            found.append(f"{open_ones}: nothing moved for {self.stalled_for:.0f} s")
        unmet = never_met(self.outages, self.refusals)
        found += [f"{what}: no worker met it" for what in unmet]
        worst = max((pause.seconds for pause in self.pauses), default=0.0)
        if worst >= PROGRESS_SECONDS:
            due = _counts(self.due_in_pause) or "nothing"
            found.append(f"no progress for {worst:.1f} s, while this was due: {due}")
        return found

    @property
    def caught(self) -> frozenset[str]:
        return frozenset(kind for kind, some in self.offences.items() if some)

    def text(self) -> str:
        return "\n".join(self._lines())

    def document(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False, indent=1)

    def _lines(self) -> list[str]:
        broken = f", broken on purpose: {self.mutation}" if self.mutation else ""
        way = "" if self.way == USUAL else f", {self.way}"
        lines = [f"{self.database}{way}, seed {self.seed}{broken}"]
        lines += [f"  {what:<28}{value}" for what, value in self._rows().items()]
        for kind, words in KINDS.items():
            lines += _listed(words, self.offences.get(kind, ()))
        lines += _listed("not finished", self.unfinished)
        lines.append(f"  {'nobody could tell':<28}{len(self.unresolved)}")
        lines += [f"    {one}" for one in self.unresolved[:SHOWN]]
        lines.append(f"  {'; '.join(['NOT GOOD', *self.failings])}")
        if not self.failings:
            lines[-1] = "  good"
        return lines

    def _rows(self) -> dict[str, str]:
        return {
            "cancellations": f"{self.orders:,}, each submitted twice",
            "from start to end": f"{self.seconds:.0f} s",
            "provider calls": f"{self.calls:,}, {self.faults:,} of them faulty",
            "workers killed": f"{sum(self.deaths.values())}: {_counts(self.deaths)}",
            "services away": _seconds(self.outages),
            "refusals in the log": _counts(self.refusals),
            "besides": _counts(self.others),
            "from a kill to progress": _spread(self.pauses),
            "ended": _counts(self.outcomes),
        }


def _listed(words: str, some: Sequence[Offence]) -> list[str]:
    shown = [f"    {one.provider} {one.order}: {one.why}" for one in some[:SHOWN]]
    return [f"  {words:<28}{len(some)}", *shown]


def _counts(some: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {what}" for what, count in sorted(some.items()))


def _seconds(some: Mapping[str, float]) -> str:
    return ", ".join(f"{what} {spent:.0f} s" for what, spent in sorted(some.items()))


def _spread(pauses: Sequence[Pause]) -> str:
    if not pauses:
        return "no worker was killed"
    median = statistics.median(pause.seconds for pause in pauses)
    worst = max(pauses, key=lambda pause: pause.seconds)
    return (
        f"median {median:.2f} s, worst {worst.seconds:.2f} s"
        f" ({worst.point}, {worst.at:.0f} s after the start)"
    )


def pauses(
    deaths: Sequence[tuple[float, str, str]],
    calls: Sequence[float],
    outages: Sequence[Outage],
    began: float,
    until: float,
) -> list[Pause]:
    """The time from each death to the next of ``calls``, which are in ascending order.

    If one of ``outages`` came in between, the time counts from the end of that outage:
    from the return of a service, or from when a cancellation was due again.
    """
    found = []
    for at, point, _ in deaths:
        start, ended = at, _next(calls, at, until)
        for outage in sorted(outages, key=lambda one: one.began):
            if outage.began < ended and outage.ended > start:
                start, ended = outage.ended, _next(calls, outage.ended, until)
        found.append(Pause(at - began, point, ended - start, start - began))
    return found


def _next(calls: Sequence[float], after: float, until: float) -> float:
    number = bisect_right(calls, after)
    return calls[number] if number < len(calls) else max(after, until)


def tally(rows: Sequence[Mapping[str, Any]]) -> Counter[str]:
    return Counter(f"{row['state']}/{row['reason']}" for row in rows)
