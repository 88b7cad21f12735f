"""Does it stay as fast and as small as it began?"""

from __future__ import annotations

import time

from bench.contenders import Rescind
from bench.plan import Plan, say
from bench.processes import memory
from bench.results import US, Result, Row, Target

TENTHS = 10
HOW = (
    "iThink's cancel, 1,000 orders a message and 100 a call, through one worker and one"
    " beat, a tenth of all orders at a time, each settled before the next. Memory is"
    " the proportional memory of each process that lives from the second tenth to the"
    " last; of the growth of each, the greatest is shown."
)


def ask(plan: Plan) -> Result:
    """Rates, memory and Redis, tenth by tenth."""
    kind = plan.databases[-1]
    orders = plan.size(1_000_000, 20_000)
    with Rescind(plan.stage(kind), "ithink") as team:
        team.warm()
        measured = [_tenth(team, orders // TENTHS) for _ in range(TENTHS)]
    found = _rows(f"{orders:,} orders, {kind}", measured)
    targets = [
        Target(found[1].case, found[1].who, 0.9, found[0].who),
        Target(found[2].case, US, 1.05, at_most=True),
        Target(found[3].case, US, 1.0, at_most=True),
    ]
    return Result("endurance", "Endurance", HOW, found, targets)


Tenth = tuple[float, dict[int, float], int]
"""Orders a second, memory by process, and Redis's bytes."""


def _tenth(team: Rescind, orders: int) -> Tenth:
    began = time.perf_counter()
    team.send(orders)
    rate = orders / (team.settle(3600) - began)
    by_pid = {pid: memory([pid])[1] for group in team.groups for pid in group.pids}
    with team.stage.redis() as client:
        used = int(client.info("memory")["used_memory"])
    say(f"  {rate:,.0f} orders/s, {sum(by_pid.values()):.0f} MB, Redis {used:,} bytes")
    return rate, by_pid, used


def _rows(case: str, measured: list[Tenth]) -> list[Row]:
    rates = [rate for rate, _, _ in measured]
    early, late = measured[1][1], measured[-1][1]
    growth = max(late[pid] / early[pid] for pid in early.keys() & late.keys())
    redis = measured[-1][2] / measured[1][2]
    return [
        Row(f"{case}, rate", f"{US}, first tenth", "orders/s", [rates[0]]),
        Row(f"{case}, rate", f"{US}, last tenth", "orders/s", [rates[-1]]),
        Row(f"{case}, a process's memory, last by second", US, "×", [growth]),
        Row(f"{case}, Redis's memory, last by second", US, "×", [redis]),
    ]
