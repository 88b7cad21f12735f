"""Does it stay as fast and as small as it began?"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench.plan import SPENT, Plan, say
from bench.processes import BenchError, memory, processor_seconds
from bench.rescind import Rescind
from bench.results import US, Result, Row, Target
from bench.stage import run
from worker.service import TURN_SECONDS

TENTHS = 10
TURNS_SECONDS, BURST = 2.5 * TURN_SECONDS, 5_000
"""How long each child has to take each part for the first time, for which it grows."""
ROWS = "SELECT count(*) FROM cancellation WHERE finished_at IS NOT NULL"
HOW = (
    "iThink's cancel, 1,000 orders a message and 100 a call, through one worker and one"
    " beat, a tenth of all orders at a time, each settled before the next. Before them"
    " go some 50,000 in bursts, until more than one child has had its turn at serving"
    " the provider. Processor time is that of the worker. Memory is proportional: that"
    " of a worker with all its children, whoever they are by then, of the largest of"
    " them, and of each process that lives from the second tenth to the last, of whose"
    " growth the greatest is shown: a child grows when it takes a part for the first"
    " time. One that was replaced in between had grown beyond its limit."
)


def ask(plan: Plan) -> Result:
    """Rates, memory and Redis, tenth by tenth."""
    orders = plan.size(1_000_000, 100_000)
    found: list[Row] = []
    targets: list[Target] = []
    for kind in plan.databases:
        case = f"{orders:,} orders, {kind}"
        measured = _measured(plan, kind, orders)
        rates = _by_tenth(f"{case}, rate", "orders/s", [one.rate for one in measured])
        spent = _by_tenth(f"{case}, {SPENT[0]}", SPENT[1], [x.spent for x in measured])
        grown = list(_growth(case, measured))
        found += [*rates, *spent, *(row for row, _ in grown)]
        targets.append(Target(rates[0].case, rates[-1].who, 0.9, rates[0].who))
        targets += [Target(row.case, US, limit, at_most=True) for row, limit in grown]
    return Result("endurance", "Endurance", HOW, found, targets)


@dataclass(frozen=True)
class Tenth:
    """What was seen at its end."""

    rate: float
    spent: float
    """Processor time of the worker for each order, in ms."""
    memory: Sequence[Mapping[int, float]]
    """Of each process in MB, for the worker and for beat."""
    redis_bytes: int
    redis_keys: int


def _measured(plan: Plan, kind: str, orders: int) -> list[Tenth]:
    with Rescind(plan.stage(kind), "ithink") as team:
        _warm(team, 0.0 if plan.quick else TURNS_SECONDS)
        measured = [_tenth(team, orders // TENTHS) for _ in range(TENTHS)]
        # Until here it went by the ledger's own count, which costs it nothing.
        [(rows,)] = run(team.stage.database_url, ROWS)
        if rows != team.sent:
            raise BenchError(f"{team.sent:,} orders were sent, and {rows:,} have ended")
    return measured


def _warm(team: Rescind, seconds: float) -> None:
    team.warm()
    over = time.monotonic() + seconds
    while time.monotonic() < over:
        team.send(BURST)
        team.settle()
        time.sleep(seconds / 10)


def _tenth(team: Rescind, orders: int) -> Tenth:
    before = processor_seconds(team.groups[0].pids)
    began = time.perf_counter()
    team.send(orders)
    rate = orders / (team.settle(3600) - began)
    spent = 1000 * (processor_seconds(team.groups[0].pids) - before) / orders
    used = [{pid: memory([pid])[1] for pid in group.pids} for group in team.groups]
    with team.stage.redis() as client:
        size = int(client.info("memory")["used_memory"])
        keys = int(str(client.dbsize()))
    each = " ".join(f"{size:.0f}" for group in used for size in group.values())
    say(f"  {rate:,.0f} orders/s, {each} MB, Redis {size:,} bytes, {keys} keys")
    return Tenth(rate, spent, used, size, keys)


def _by_tenth(case: str, unit: str, values: Sequence[float]) -> list[Row]:
    return [
        Row(case, f"{US}, tenth {number}", unit, [value])
        for number, value in enumerate(values, 1)
    ]


def _growth(case: str, measured: Sequence[Tenth]) -> Iterator[tuple[Row, float]]:
    """The last tenth by the second, each with how much is allowed."""
    early, late = measured[1], measured[-1]
    for name, was, now_is in zip(
        ("worker", "beat"), early.memory, late.memory, strict=True
    ):
        whole = sum(now_is.values()) / sum(was.values())
        yield Row(f"{case}, {name}'s memory, last by second", US, "×", [whole]), 1.05
        largest = max(now_is.values()) / max(was.values())
        its = f"{case}, memory of the largest process of the {name}, last by second"
        yield Row(its, US, "×", [largest]), 1.05
        stayed = was.keys() & now_is.keys()
        most = max((now_is[pid] / was[pid] for pid in stayed), default=math.inf)
        one = f"{case}, memory of a process of the {name}, last by second"
        yield Row(one, US, "×", [most]), 1.05
        gone = len(was.keys() - now_is.keys())
        yield Row(f"{case}, processes of the {name} replaced", US, "", [gone]), 0
    grown = late.redis_bytes / early.redis_bytes
    # Its buffers come and go by some per mille.
    yield Row(f"{case}, Redis's memory, last by second", US, "×", [grown]), 1.01
    keys = late.redis_keys - early.redis_keys
    yield Row(f"{case}, Redis's keys, last less second", US, "", [keys]), 0
