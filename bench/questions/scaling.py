"""Does the rate grow with the number of workers?"""

from __future__ import annotations

import os
from functools import partial

from bench.bench_plan import MEMORY, SPENT, Notes, Plan, noted, rows, throughput
from bench.rescind_contender import Rescind, Setup
from bench.results import LIGHT_MB, US, Result, Target

WORKERS = (1, 2, 4)
AT_ONCE = 16
"""Calls at once of each worker."""
TIMES = {2: 1.9}
"""Target ratio of so many workers to one. Four workers may need more cores than the
machine has: they are shown without a target then."""
CORES = os.cpu_count() or 1
HOW = (
    f"iletiMerkezi after 50 ms, on PostgreSQL; each worker makes {AT_ONCE} calls at"
    " once, so that one of them leaves a core idle. Measured as the single lane is."
    " Memory is that of the first worker."
)
BEYOND = (
    f" This machine has {CORES} cores, which PostgreSQL, Redis and the provider use as"
    " well: of more workers than cores nothing is asked, and they are shown for what"
    " they are."
)


def ask(plan: Plan) -> Result:
    """Measure 1, 2 and 4 workers on one lane. Targets end at the number of cores."""
    case, seen = "after 50 ms, postgresql", dict[str, Notes]()
    orders = plan.size(5_000, 1_500)
    tries = {
        who: throughput(partial(_rescind, plan, many), orders, seen, who)
        for many, who in ((many, _name(many)) for many in WORKERS)
    }
    found = rows(plan, case, "orders/s", tries)
    found += noted(case, seen, SPENT, MEMORY)
    targets = [
        Target(case, _name(many), times, _name(1)) for many, times in TIMES.items()
    ]
    memory = f"{case}, {MEMORY[0]}"
    targets += [Target(memory, _name(many), LIGHT_MB, at_most=True) for many in WORKERS]
    how = HOW if max(WORKERS) <= CORES else HOW + BEYOND
    return Result("scaling", "More workers", how, found, targets)


def _name(workers: int) -> str:
    return f"{US}, {workers} worker{'s' if workers > 1 else ''}"


def _rescind(plan: Plan, workers: int) -> Rescind:
    setup = Setup({"rate": "none", "concurrency": AT_ONCE}, workers)
    return Rescind(plan.stage("postgresql", latency=0.05), "iletimerkezi", setup)
