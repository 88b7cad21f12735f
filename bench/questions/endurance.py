"""Does it stay as fast and as small as it began?"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.bench_plan import SPENT, Plan, say
from bench.processes import BenchError, memory, processor_seconds
from bench.rescind_contender import Rescind
from bench.results import LIGHT_MB, US, Result, Row, Target
from bench.stage import run

TENTHS = 10
BURST, BURSTS, PAUSE_SECONDS = 5_000, 10, 2.0
"""Orders of each burst before the measurement, bursts, and seconds between them. They
let the worker load all its code and use all the memory that it needs."""
SLOWER, LARGER, REDIS_LARGER = 0.95, 1.03, 1.01
ROWS = "SELECT count(*) FROM cancellation WHERE finished_at IS NOT NULL"
HOW = (
    "iThink's cancel, 1,000 orders a message and 100 a call, through one worker and one"
    " beat, a tenth of all orders at a time, each settled before the next. Before them"
    " go 50,000 in bursts. Processor time is that of the worker. Memory is proportional"
    " (PSS), of the worker with all processes that it has by then; it is compared"
    " between the ends of the second tenth and the last."
)


def ask(plan: Plan) -> Result:
    """Measure rates, memory and Redis, tenth by tenth."""
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
        targets.append(Target(rates[0].case, rates[-1].who, SLOWER, rates[0].who))
        targets += [Target(row.case, US, limit, at_most=True) for row, limit in grown]
    return Result("endurance", "Endurance", HOW, found, targets)


@dataclass(frozen=True)
class Tenth:
    """The measurements at the end of a tenth."""

    rate: float
    spent: float
    """Processor time of the worker for each order, in ms."""
    memory: Sequence[float]
    """Memory of the worker and of beat, in MB."""
    processes: Sequence[frozenset[int]]
    """Processes of the worker and of beat."""
    redis_bytes: int
    redis_keys: int


def _measured(plan: Plan, kind: str, orders: int) -> list[Tenth]:
    with Rescind(plan.stage(kind), "ithink") as team:
        _warm(team, 1 if plan.quick else BURSTS)
        measured = [_tenth(team, orders // TENTHS) for _ in range(TENTHS)]
        # The wait before used the ledger's own counter, which costs nothing.
        [(rows,)] = run(team.stage.database_url, ROWS)
        if rows != team.sent:
            raise BenchError(f"{team.sent:,} orders were sent, and {rows:,} have ended")
    return measured


def _warm(team: Rescind, bursts: int) -> None:
    team.warm()
    for _ in range(bursts):
        team.send(BURST)
        team.settle()
        time.sleep(PAUSE_SECONDS)


def _tenth(team: Rescind, orders: int) -> Tenth:
    before = processor_seconds(team.groups[0].pids)
    began = time.perf_counter()
    team.send(orders)
    rate = orders / (team.settle(3600) - began)
    spent = 1000 * (processor_seconds(team.groups[0].pids) - before) / orders
    processes = [frozenset(group.pids) for group in team.groups]
    used = [memory(sorted(pids))[1] for pids in processes]
    with team.stage.redis() as client:
        size = int(client.info("memory")["used_memory"])
        keys = int(str(client.dbsize()))
    each = " ".join(f"{size:.0f}" for size in used)
    say(f"  {rate:,.0f} orders/s, {each} MB, Redis {size:,} bytes, {keys} keys")
    return Tenth(rate, spent, used, processes, size, keys)


def _by_tenth(case: str, unit: str, values: Sequence[float]) -> list[Row]:
    return [
        Row(case, f"{US}, tenth {number}", unit, [value])
        for number, value in enumerate(values, 1)
    ]


def _growth(case: str, measured: Sequence[Tenth]) -> Iterator[tuple[Row, float]]:
    """Targets for the ratio of the last tenth to the second one."""
    early, late = measured[1], measured[-1]
    yield Row(f"{case}, worker's memory", US, "MB", [late.memory[0]]), LIGHT_MB
    for place, name in enumerate(("worker", "beat")):
        whole = late.memory[place] / early.memory[place]
        yield Row(f"{case}, {name}'s memory, last by second", US, "×", [whole]), LARGER
        gone = len(early.processes[place] - late.processes[place])
        replaced = f"{case}, processes of the {name} replaced"
        yield Row(replaced, US, "processes", [gone]), 0
    grown = late.redis_bytes / early.redis_bytes
    # The size of Redis's buffers varies by some per mille.
    redis = f"{case}, Redis's memory, last by second"
    yield Row(redis, US, "×", [grown]), REDIS_LARGER
    keys = late.redis_keys - early.redis_keys
    yield Row(f"{case}, Redis's keys, last less second", US, "keys", [keys]), 0
