"""How many orders a second where the provider takes many in a call?"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from bench.bench_plan import MEMORY, SPENT, Notes, Plan, bare, noted, rows, throughput
from bench.contenders import IN_BULK, Peer, PlainCelery
from bench.rescind_contender import Rescind
from bench.results import BARE, CELERY, LIGHT_MB, US, Result, Row, Target

Tries = dict[str, Callable[[], float]]
Seen = dict[str, Notes]
TIMES = {"sqlite": 25.0, "postgresql": 20.0}
HOW = (
    "From messages that lie on the queue to the last final state in the database:"
    " workers are started and warmed up, stopped by a signal while all orders are"
    " enqueued, and go on when the clock starts. Rescind takes 1,000 orders a message"
    " and 100 a call, and writes history and call rows; the queues take a task and a"
    " call for each order and commit its outcome, on a smaller number of orders;"
    " celery-batches gathers 100 of its tasks for a call and a commit. The bare loop"
    " cancels 100 a call, without queue or database. Processor time is that"
    " of the workers alone."
)


def ask(plan: Plan) -> Result:
    """Measure iThink's cancel, then notpanel's with its polls."""
    found: list[Row] = []
    for kind in plan.databases:
        for name, contest in (("iThink", _ithink), ("notpanel", _notpanel)):
            case, seen = f"{name}, {kind}", dict[str, Notes]()
            found += rows(plan, case, "orders/s", contest(plan, kind, seen))
            found += noted(case, seen, SPENT, MEMORY)
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
        Target(f"{ithink}, memory", US, LIGHT_MB, at_most=True),
        Target(f"{notpanel}, memory", US, LIGHT_MB, at_most=True),
    ]


def _ithink(plan: Plan, kind: str, seen: Seen) -> Tries:
    tries = {US: _ours(plan, kind, "ithink", seen)}
    for peer in IN_BULK:
        tries[peer.name] = _peer(plan, kind, "ithink", peer, seen)
    tries[BARE] = lambda: bare(
        plan.stage("sqlite"), "ithink", plan.size(100_000, 20_000), 100, 1
    )
    return tries


def _notpanel(plan: Plan, kind: str, seen: Seen) -> Tries:
    return {
        US: _ours(plan, kind, "notpanel", seen),
        CELERY: _peer(plan, kind, "notpanel", PlainCelery, seen),
    }


def _ours(plan: Plan, kind: str, provider: str, seen: Seen) -> Callable[[], float]:
    make = partial(_rescind, plan, kind, provider)
    return throughput(make, plan.size(100_000, 20_000), seen)


def _rescind(plan: Plan, kind: str, provider: str) -> Rescind:
    return Rescind(plan.stage(kind), provider)


def _peer(
    plan: Plan, kind: str, provider: str, peer: type[Peer], seen: Seen
) -> Callable[[], float]:
    orders = min(plan.size(3_000, 1_000), 3_000)
    return throughput(lambda: peer(plan.stage(kind), provider), orders, seen)
