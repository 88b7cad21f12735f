"""How much time passes from a producer's send until the provider has the call?"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack

from bench.bench_plan import Plan, say
from bench.contenders import DURABLE, PlainCelery
from bench.rescind_contender import Rescind
from bench.results import CELERY, US, Result, Row, Target
from bench.stats import percentile
from bench.team import FIRST, Team

BLOCK = 25
"""Jobs of one contender before the other's turn."""
IDLE_SECONDS = 0.03
"""Seconds between two jobs: leftover work of one must not slow the next."""
SHARES = {"p50": 0.5, "p99": 0.99}
TIMES = {"p50": 1.2, "p99": 1.5}
"""The target beside plain Celery, which commits nothing before its call."""
HOW = (
    "Both systems run, idle but for the one job; each takes its turn with 25 jobs, and"
    " the next is sent when the provider has had the one before. From just before the"
    " producer's send to the provider's receiving of the whole request, by one clock;"
    " between them Rescind has committed the order and its claim to the ledger. DBOS"
    " and procrastinate run alone, one after the other: both ask PostgreSQL all the"
    " time, which would slow the others."
)


def ask(plan: Plan) -> Result:
    """Measure iletiMerkezi, on an idle system."""
    found: list[Row] = []
    for kind in plan.databases:
        found += _measure(plan, kind)
    targets = [
        Target(f"{name}, {kind}", US, times, CELERY, at_most=True)
        for kind in plan.databases
        for name, times in TIMES.items()
    ]
    return Result("latency", "From a send to the provider", HOW, found, targets)


def _measure(plan: Plan, kind: str) -> list[Row]:
    groups: list[tuple[type[Team], ...]] = [(Rescind, PlainCelery)]
    if kind == "postgresql":
        groups += [(peer,) for peer in DURABLE]
    taken: dict[str, list[float]] = {}
    for teams in groups:
        taken.update(_in_turns(plan, kind, teams))
    return [
        _row(f"{name}, {kind}", who, share, every)
        for name, share in SHARES.items()
        for who, every in taken.items()
    ]


def _in_turns(
    plan: Plan, kind: str, teams: Sequence[type[Team]]
) -> dict[str, list[float]]:
    """The times of all jobs, by contender. All contenders run, and take turns."""
    with ExitStack() as stack:
        working = []
        for number, team in enumerate(teams):
            stage = plan.stage(kind, redis=number)
            made = stack.enter_context(team(stage, "iletimerkezi"))
            # No other contender may send these orders: they share a provider.
            made.sent = number * 1_000_000
            working.append(made)
        for one in working:
            _block(one)
        taken: dict[str, list[float]] = {one.name: [] for one in working}
        for _ in range(plan.size(400, 100) // BLOCK):
            for one in working:
                taken[one.name] += _block(one)
    return taken


def _row(case: str, who: str, share: float, every: Sequence[float]) -> Row:
    say(f"  {case}, {who}: {percentile(every, share):.2f} ms")
    # Over all jobs: a block is too small for a 99th percentile.
    return Row(case, who, "ms", [percentile(every, share)])


def _block(team: Team) -> list[float]:
    return [_once(team) for _ in range(BLOCK)]


def _once(team: Team) -> float:
    order = str(FIRST + team.sent)
    sent = team.send(1, many=False)
    came = team.stage.provider.came(order)
    time.sleep(IDLE_SECONDS)
    return (came - sent["at"]) * 1000
