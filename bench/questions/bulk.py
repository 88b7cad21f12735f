"""How many orders a second where the provider takes many in a call?"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from bench.contenders import PEERS_OF_OURS, Peer, PlainCelery, Rescind
from bench.plan import Plan, bare, rows, throughput
from bench.results import BARE, CELERY, US, Result, Row, Target

TIMES = {"sqlite": 60.0, "postgresql": 40.0}
HOW = (
    "From messages that lie on the queue to the last final state in the database:"
    " workers are started and warmed up, stopped by a signal while all orders are"
    " enqueued, and go on when the clock starts. Rescind takes 1,000 orders a message"
    " and 100 a call, and writes history and call rows; the queues take a task and a"
    " call for each order and commit its outcome, on a smaller number of orders. The"
    " bare loop cancels 100 a call, without queue or database."
)


def ask(plan: Plan) -> Result:
    """iThink's cancel, then notpanel's with its polls."""
    found: list[Row] = []
    for kind in plan.databases:
        found += rows(plan, f"iThink, {kind}", "orders/s", _ithink(plan, kind))
        found += rows(plan, f"notpanel, {kind}", "orders/s", _notpanel(plan, kind))
    return Result(
        "bulk",
        "Bulk lane: 100 orders a call",
        HOW,
        found,
        [target for kind in plan.databases for target in _targets(kind)],
        scale="log",
    )


def _targets(kind: str) -> list[Target]:
    ithink, notpanel = f"iThink, {kind}", f"notpanel, {kind}"
    return [
        Target(ithink, US, TIMES[kind], CELERY),
        Target(notpanel, US, TIMES[kind] / 2, CELERY, to_case=ithink),
    ]


def _ithink(plan: Plan, kind: str) -> dict[str, Callable[[], float]]:
    tries = {US: _ours(plan, kind, "ithink")}
    for peer in PEERS_OF_OURS:
        tries[peer.name] = _peer(plan, kind, "ithink", peer)
    tries[BARE] = lambda: bare(
        plan.stage("sqlite"), "ithink", plan.size(100_000, 20_000), 100, 1
    )
    return tries


def _notpanel(plan: Plan, kind: str) -> dict[str, Callable[[], float]]:
    return {
        US: _ours(plan, kind, "notpanel"),
        CELERY: _peer(plan, kind, "notpanel", PlainCelery),
    }


def _ours(plan: Plan, kind: str, provider: str) -> Callable[[], float]:
    make = partial(_rescind, plan, kind, provider)
    return throughput(make, plan.size(100_000, 20_000))


def _rescind(plan: Plan, kind: str, provider: str) -> Rescind:
    return Rescind(plan.stage(kind), provider)


def _peer(
    plan: Plan, kind: str, provider: str, peer: type[Peer]
) -> Callable[[], float]:
    orders = min(plan.size(3_000, 1_000), 3_000)
    return throughput(lambda: peer(plan.stage(kind), provider), orders)
