"""What happened in a world, for a person to read."""

from __future__ import annotations

from collections.abc import Iterator
from pprint import pformat

from simulate.plan import Plan
from simulate.world import Outcome


def told(outcome: Outcome) -> str:
    """The plan, all that happened, where each order ended, and what is wrong."""
    return "\n".join(_lines(outcome))


def _lines(outcome: Outcome) -> Iterator[str]:
    yield from _plan(outcome.plan)
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


def _plan(plan: Plan) -> Iterator[str]:
    workers = "a worker" if plan.workers == 1 else f"{plan.workers} workers"
    yield f"seed {plan.seed}: {workers}, settle {plan.settle:g} s, lag {plan.lag:g} s"
    for message in plan.messages:
        again = "" if message.again is None else f", and again at {message.again:.3f}"
        yield f"  message at {message.at:.3f}{again}"
        for entry in message.entries:
            yield f"    {pformat(dict(entry), width=1000)}"
    for one in plan.troubles:
        where = f"at {one.point} number {one.nth}" if one.point else f"at {one.at:.3f}"
        yield f"  {one.kind} {where} ({one.seconds:g} s)"
    for number, kind in plan.faults.items():
        yield f"  call {number}: {kind}"
    for number, delay in plan.delays.items():
        yield f"  call {number}: {delay}"
