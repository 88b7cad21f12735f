"""Do more workers do more?"""

from __future__ import annotations

import os
from functools import partial

from bench.plan import Plan, rows, throughput
from bench.rescind import Rescind, Setup
from bench.results import US, Result, Target

WORKERS = (1, 2, 4)
AT_ONCE = 16
"""Calls at once of each worker."""
SHARE = 0.85
CORES = os.cpu_count() or 1
HOW = (
    f"iletiMerkezi after 50 ms, on PostgreSQL; each worker makes {AT_ONCE} calls at"
    " once, so that one of them leaves a core idle. Measured as the single lane is."
)
BEYOND = (
    f" This machine has {CORES} cores, which PostgreSQL, Redis and the provider use as"
    " well: of more workers than cores nothing is asked, and they are shown for what"
    " they are."
)


def ask(plan: Plan) -> Result:
    """1, 2 and 4 workers on one lane; the target goes up to the cores."""
    tries = {
        _name(many): throughput(partial(_rescind, plan, many), plan.size(5_000, 1_500))
        for many in WORKERS
    }
    case = "after 50 ms, postgresql"
    found = rows(plan, case, "orders/s", tries)
    targets = [
        Target(case, _name(many), SHARE * many, _name(1))
        for many in WORKERS[1:]
        if many <= CORES
    ]
    how = HOW if max(WORKERS) <= CORES else HOW + BEYOND
    return Result("scaling", "More workers", how, found, targets)


def _name(workers: int) -> str:
    return f"{US}, {workers} worker{'s' if workers > 1 else ''}"


def _rescind(plan: Plan, workers: int) -> Rescind:
    setup = Setup({"rate": "none", "concurrency": AT_ONCE}, workers)
    return Rescind(plan.stage("postgresql", latency=0.05), "iletimerkezi", setup)
