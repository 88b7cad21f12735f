"""What do many accounts cost, each of which has only a few orders?"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.bench_plan import SPENT, Plan, say
from bench.processes import BenchError, until
from bench.rescind_contender import PROVIDERS, Lane, Rescind, Setup, lanes_of
from bench.results import LIGHT_MB, Result, Row, Target

ORDERS, LANES = 3_000, 300
SINGLE = "iletimerkezi"
FEW = 400
"""The number of orders, and of accounts with one order each."""
PATIENCE, QUICK_PATIENCE = 300.0, 40.0
WARMING_SECONDS = 60.0
MORE_THAN_ONE = 1.5
"""Limit of an order's cost on many accounts, as a multiple of its cost on one."""
FEW_SECONDS = 2.0
"""Processor time allowed for ``FEW`` orders, on SQLite."""
HOW = (
    "One worker and one beat; no account has a rate. As with the single lane, the clock"
    " runs from messages that lie on the queue, 1,000 orders in each, to the last final"
    " state. On 300 accounts, 100 each of iletiMerkezi, iThink and notpanel, orders go"
    " to one account after the other, so that each message holds orders of all; the"
    " last two take up to 100 orders a call, and notpanel's orders are polled a second"
    " later, which is part of the time. Beside it stand as many orders on one account"
    " of iletiMerkezi, an order a call, and on three accounts, one of each provider."
    " 400 orders on 400 accounts are all iletiMerkezi's. Processor time is that of"
    " worker and beat, and is shared out to the orders that ended. The wait has an end:"
    " orders that are not cancelled by then are not done, and their lanes have failed."
    " Of several rounds the worst is shown of both."
)


@dataclass(frozen=True)
class Case:
    """A number of orders, and their accounts."""

    name: str
    orders: int
    lanes: Sequence[Lane]


@dataclass(frozen=True)
class Seen:
    """The outcome of one round."""

    wall: float
    spent: float
    """Seconds of processor time."""
    done: int
    failed_lanes: int
    memory: float


def cases(plan: Plan) -> tuple[Case, Case, Case, Case]:
    """The cases: many accounts, one, one of each provider, an account an order."""
    orders, few = plan.size(ORDERS, ORDERS // 5), FEW // 4 if plan.quick else FEW
    lanes = lanes_of(LANES // 5 if plan.quick else LANES)
    return (
        Case(f"{orders:,} orders on {len(lanes)} accounts", orders, lanes),
        Case(f"{orders:,} orders on 1 account", orders, lanes_of(1, [SINGLE])),
        Case(f"{orders:,} orders on 3 accounts", orders, lanes_of(3, PROVIDERS)),
        Case(f"{few} orders on {few} accounts", few, lanes_of(few, [SINGLE])),
    )


def ask(plan: Plan) -> Result:
    """Measure 300 accounts beside one, and an account an order."""
    found: list[Row] = []
    targets: list[Target] = []
    many, one, _, each = every = cases(plan)
    for kind in plan.databases:
        turns = [[_run(plan, kind, case) for case in every] for _ in range(plan.rounds)]
        seen = zip(*turns, strict=True)
        rows = [rows_of(kind, case, its) for case, its in zip(every, seen, strict=True)]
        # All cases of one measurement, then the next measurement.
        found += [row for same in zip(*rows, strict=True) for row in same]
        targets += _targets(kind, many, one, each)
    return Result("accounts", "Many accounts", HOW, found, targets)


def _targets(kind: str, many: Case, one: Case, each: Case) -> Iterator[Target]:
    spent = f"{SPENT[0]}, {kind}"
    for case in (many, each):
        yield Target(f"done, {kind}", case.name, case.orders)
    yield Target(spent, many.name, MORE_THAN_ONE, one.name, at_most=True)
    if kind == "sqlite":
        in_all = f"processor time, {kind}"
        yield Target(in_all, each.name, FEW_SECONDS, at_most=True)
    yield Target(f"lanes that failed, {kind}", each.name, 0, at_most=True)
    for case in (many, one, each):
        yield Target(f"memory, {kind}", case.name, LIGHT_MB, at_most=True)


def rows_of(kind: str, case: Case, seen: Sequence[Seen]) -> list[Row]:
    """The rows of one case, over all rounds."""
    values: dict[str, tuple[str, Sequence[float]]] = {
        "wall time": ("s", [one.wall for one in seen]),
        # The worst round, if the question is whether it failed.
        "done": ("orders", [min(one.done for one in seen)]),
        "lanes that failed": ("lanes", [max(one.failed_lanes for one in seen)]),
        "processor time": ("s", [one.spent for one in seen]),
        SPENT[0]: (SPENT[1], [1000 * one.spent / max(one.done, 1) for one in seen]),
        "memory": ("MB", [one.memory for one in seen]),
    }
    return [
        Row(f"{what}, {kind}", case.name, unit, samples)
        for what, (unit, samples) in values.items()
    ]


def _run(plan: Plan, kind: str, case: Case) -> Seen:
    patience = QUICK_PATIENCE if plan.quick else PATIENCE
    stage = plan.stage(kind)
    setup = Setup({"rate": "none"}, lanes=case.lanes)
    with Rescind(stage, case.lanes[0][0], setup) as team:
        _warm(team, case.lanes[: len(PROVIDERS)])
        warmed = team.sent
        team.hold()
        team.spread(case.orders, case.lanes)
        before, began = team.processor_seconds(), time.perf_counter()
        team.go()
        _wait(team, patience)
        wall, spent = time.perf_counter() - began, team.processor_seconds() - before
        done = team.rows("state = 'cancelled'") - warmed
        seen = Seen(wall, spent, done, _failed(team), team.memory()[1])
    summary = f"{done} done in {wall:.1f} s, {spent:.2f} s of processor time"
    say(f"  {case.name}, {kind}: {summary}")
    return seen


def _warm(team: Rescind, lanes: Sequence[Lane]) -> None:
    team.spread(len(lanes), lanes)
    team.settle(WARMING_SECONDS)


def _wait(team: Rescind, patience: float) -> None:
    """Wait until all orders have ended, or for so long. The ledger is asked at most ten
    times a second, and only after the provider has had all calls."""
    try:
        until(lambda: team.stage.provider.orders() >= team.sent, "calls", patience)
        until(lambda: team.finished() >= team.sent, "ends", patience, 0.1)
    except BenchError as error:
        say(f"  measured all the same: {error}")


def _failed(team: Rescind) -> int:
    """The number of lanes with an order that is not cancelled, accepted or not."""
    lanes = "SELECT count(DISTINCT provider || '/' || account) FROM cancellation"
    whole = team.scalar(f"{lanes} WHERE state = 'cancelled'")
    broken = team.scalar(f"{lanes} WHERE state <> 'cancelled'")
    return max(broken, len(team.lanes) - whole)
