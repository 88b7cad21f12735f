"""How long is it from a producer's send until the provider has the call?"""

from __future__ import annotations

import time
from contextlib import ExitStack

from bench.contenders import PlainCelery
from bench.plan import Plan, say
from bench.rescind import Rescind
from bench.results import CELERY, US, Result, Row, Target
from bench.stats import percentile
from bench.team import FIRST, Team

BLOCK = 25
"""Jobs of one contender before it is the other's turn."""
IDLE_SECONDS = 0.03
"""Between two jobs: what the one left to do must not slow the next."""
SHARES = {"p50": 0.5, "p99": 0.99}
HOW = (
    "Both systems run, idle but for the one job; each takes its turn with 25 jobs, and"
    " the next is sent when the provider has had the one before. From just before the"
    " producer's send to the provider's receiving of the whole request, by one clock;"
    " between them Rescind has committed the order and its claim to the ledger."
)


def ask(plan: Plan) -> Result:
    """iletiMerkezi, on an idle system."""
    found: list[Row] = []
    for kind in plan.databases:
        found += _measure(plan, kind)
    targets = [
        Target(f"{name}, {kind}", US, 1.0, CELERY, at_most=True)
        for kind in plan.databases
        for name in SHARES
    ]
    return Result("latency", "From a send to the provider", HOW, found, targets)


def _measure(plan: Plan, kind: str) -> list[Row]:
    blocks = plan.size(400, 100) // BLOCK
    teams: tuple[type[Team], ...] = (Rescind, PlainCelery)
    with ExitStack() as stack:
        working = []
        for number, team in enumerate(teams):
            stage = plan.stage(kind, redis=number)
            made = stack.enter_context(team(stage, "iletimerkezi"))
            # Orders that nobody else sends: the two share a provider.
            made.sent = number * 1_000_000
            working.append(made)
        for one in working:
            _block(one)
        taken: dict[str, list[list[float]]] = {one.name: [] for one in working}
        for _ in range(blocks):
            for one in working:
                taken[one.name].append(_block(one))
    return [
        _row(f"{name}, {kind}", who, share, some)
        for name, share in SHARES.items()
        for who, some in taken.items()
    ]


def _row(case: str, who: str, share: float, blocks: list[list[float]]) -> Row:
    every = [one for block in blocks for one in block]
    say(f"  {case}, {who}: {percentile(every, share):.2f} ms")
    # Of all jobs, not of blocks: a block is too small for its 99th percentile.
    return Row(case, who, "ms", [percentile(every, share)])


def _block(team: Team) -> list[float]:
    return [_once(team) for _ in range(BLOCK)]


def _once(team: Team) -> float:
    order = str(FIRST + team.sent)
    sent = team.send(1, many=False)
    came = team.stage.provider.came(order)
    time.sleep(IDLE_SECONDS)
    return (came - sent["at"]) * 1000
