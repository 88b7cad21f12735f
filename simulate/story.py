"""Describes what happened in a world, for a person to read."""

from __future__ import annotations

from collections.abc import Iterator
from pprint import pformat

from simulate.outcome import Outcome
from simulate.scenario import Scenario


def describe(outcome: Outcome) -> str:
    """The scenario, all events, the end of each order, and the offences, as text."""
    return "\n".join(_lines(outcome))


def _lines(outcome: Outcome) -> Iterator[str]:
    yield from _scenario(outcome.scenario)
    yield ""
    yield from outcome.trace
    yield ""
    truths = {(one["provider"], one["id"]): one["truth"] for one in outcome.records}
    for row in outcome.rows:
        truth = truths.get((row["provider"], row["order"]), "not asked for")
        key = "" if row["key"] == row["order"] else f" ({row['key']})"
        said = f"{row['state']}/{row['reason']}, attempts {row['attempts']}"
        yield f"{row['provider']} {row['order']}{key}: {said}; in truth {truth}"
    yield ""
    yield from outcome.offences or ["nothing is wrong"]


def _scenario(scenario: Scenario) -> Iterator[str]:
    workers = "a worker" if scenario.workers == 1 else f"{scenario.workers} workers"
    times = f"settle {scenario.settle:g} s, lag {scenario.lag:g} s"
    yield f"seed {scenario.seed}: {workers}, {times}"
    for message in scenario.messages:
        again = "" if message.again is None else f", and again at {message.again:.3f}"
        yield f"  message at {message.at:.3f}{again}"
        for entry in message.entries:
            yield f"    {pformat(dict(entry), width=1000)}"
    for taken_back in scenario.withdrawals:
        what = f"{taken_back.entry['provider']} {taken_back.entry['order']}"
        yield f"  withdrawal of {what} at {taken_back.at:.3f}"
    for number, skew in scenario.skews.items():
        yield f"  the clock of machine {number} is ahead by {skew:g} s"
    for one in scenario.troubles:
        where = f"at {one.point} number {one.nth}" if one.point else f"at {one.at:.3f}"
        yield f"  {one.kind} {where} ({one.seconds:g} s)"
    for number, kind in scenario.faults.items():
        yield f"  call {number}: {kind}"
    for number, delay in scenario.delays.items():
        yield f"  call {number}: {delay}"
