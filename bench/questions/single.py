"""How many orders a second if the provider takes one a call, and in what memory?"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bench.bench_plan import MEMORY, SPENT, Notes, Plan, bare, noted, rows, throughput
from bench.contenders import DURABLE, PEERS_OF_OURS, Peer
from bench.rescind_contender import Rescind, Setup
from bench.results import BARE, CELERY, LIGHT_MB, US, Result, Row, Target
from bench.team import Team

SLOW = 0.05
"""Seconds that the slow provider takes to answer."""
AT_ONCE = {0.0: 8, SLOW: 128}
"""Calls at once of Rescind's lane: its policy's own number, and one for a slow one."""
PEERS_AT_ONCE = {0.0: 2, SLOW: 32}
TIMES_CELERY = {"sqlite": 4.0, "postgresql": 3.0}
"""At once; after 50 ms it is three times on both."""
TIMES_DURABLE = {0.0: 6.0, SLOW: 8.0}
"""Beside each queue that is kept in PostgreSQL, and so beside the better one."""
MOST_OF_DURABLE = 2_000
HOW = (
    "As with the bulk lane, but an order a call. Rescind's lane makes 8 calls at once"
    " where the provider answers at once and 128 where it takes 50 ms, and its rate is"
    " lifted; the queues on Redis have 2 processes, and 32 processes or threads. DBOS"
    " and procrastinate keep their queue in PostgreSQL: two processes each, of 64 and"
    " 16 orders at once, on 2,000 orders. DBOS runs a workflow of one step an order,"
    " its queue polled each 20 ms, and the outcome is what the workflow returned. The"
    " bare loop is one process, with one thread or 128. Memory is that of a worker with"
    " its children at the end of the run, of DBOS and procrastinate that of both"
    " processes: proportional, so that what processes share is counted once."
)


def ask(plan: Plan) -> Result:
    """Measure iletiMerkezi, answering at once and after 50 ms."""
    found: list[Row] = []
    for kind in plan.databases:
        for latency in (0.0, SLOW):
            found += _measure(plan, kind, latency)
    asked = [one for kind in plan.databases for one in targets(kind)]
    return Result("single", "Single lane: one order a call", HOW, found, asked)


def case(kind: str, latency: float) -> str:
    return f"{'after 50 ms' if latency else 'at once'}, {kind}"


def targets(kind: str) -> Iterator[Target]:
    """The targets on one database. A target without its row is not judged."""
    times = {0.0: TIMES_CELERY[kind], SLOW: 3.0}
    for latency, celery in times.items():
        name = case(kind, latency)
        yield Target(name, US, celery, CELERY)
        yield Target(name, US, 0.5, BARE)
        for peer in DURABLE:
            yield Target(name, US, TIMES_DURABLE[latency], peer.name)
        yield Target(f"{name}, memory", US, LIGHT_MB, at_most=True)


def _measure(plan: Plan, kind: str, latency: float) -> list[Row]:
    orders = plan.size(5_000, 1_500)
    seen: dict[str, Notes] = {}
    tries = {US: throughput(lambda: _rescind(plan, kind, latency), orders, seen)}
    for peer in PEERS_OF_OURS:
        tries[peer.name] = throughput(_peer(plan, kind, latency, peer), orders, seen)
    for peer in DURABLE if kind == "postgresql" else ():
        fewer = min(orders, MOST_OF_DURABLE)
        tries[peer.name] = throughput(_peer(plan, kind, latency, peer), fewer, seen)
    tries[BARE] = lambda: bare(
        plan.stage("sqlite", latency=latency),
        "iletimerkezi",
        orders,
        1,
        AT_ONCE[SLOW] if latency else 1,
    )
    name = case(kind, latency)
    found = rows(plan, name, "orders/s", tries)
    return [*found, *noted(name, seen, SPENT, MEMORY)]


def _rescind(plan: Plan, kind: str, latency: float) -> Rescind:
    policy = {"rate": "none", "concurrency": AT_ONCE[latency]}
    stage = plan.stage(kind, latency=latency)
    return Rescind(stage, "iletimerkezi", Setup(policy))


def _peer(
    plan: Plan, kind: str, latency: float, peer: type[Peer]
) -> Callable[[], Team]:
    def make() -> Team:
        stage = plan.stage(kind, latency=latency)
        return peer(stage, "iletimerkezi", PEERS_AT_ONCE[latency])

    return make
