"""Does a worker keep up with a trickle, whatever its ``-c`` is?"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence

from bench.bench_plan import Plan, say
from bench.processes import until
from bench.rescind_contender import Rescind, Setup, lanes_of
from bench.results import LIGHT_MB, US, Result, Row, Target
from bench.stage import run
from bench.stats import median, percentile
from bench.team import FIRST, START_SECONDS

SIZES = (1, 2, 4)
"""Celery's ``-c``."""
ACCOUNTS = 5
SECONDS, QUICK_SECONDS = 45, 12
"""Seconds for which one order a second is sent."""
GRACE_SECONDS = 10.0
"""Seconds after the last send: an order that the ledger does not have by then counts as
not accepted."""
WITHIN = 1.0
ACCEPTED = "accepted"
SLOWEST, USUAL = "p99 to accepted", "p50 to accepted"
HOW = (
    "`celery -A worker worker -c N` and a beat, five accounts of iletiMerkezi, iThink"
    " and notpanel, an order a second for 45 s, sent singly to one account after the"
    " other. An order is accepted when the ledger has it; from just before the"
    " producer's send to its `created_at`, by one clock. One that is not there 10 s"
    " after the last was sent is not accepted, and counts with the time for which it"
    " has waited by then. The 99th percentile of 45 is the longest."
)


def ask(plan: Plan) -> Result:
    """Measure ``-c`` 1, 2 and 4."""
    found: list[Row] = []
    targets: list[Target] = []
    orders = QUICK_SECONDS if plan.quick else SECONDS
    for kind in plan.databases:
        for size in SIZES:
            case = f"-c {size}, {kind}"
            found += _measure(plan, kind, size, orders)
            targets += [
                Target(f"{case}, {ACCEPTED} of {orders}", US, orders),
                Target(f"{case}, {SLOWEST}", US, WITHIN, at_most=True),
                Target(f"{case}, memory", US, LIGHT_MB, at_most=True),
            ]
    return Result("concurrency", "A small -c", HOW, found, targets)


def _measure(plan: Plan, kind: str, size: int, orders: int) -> Iterator[Row]:
    lanes = lanes_of(ACCOUNTS)
    setup = Setup({"rate": "none"}, concurrency=size, lanes=lanes)
    with Rescind(plan.stage(kind), lanes[0][0], setup) as team:
        _start(team)
        sent = trickle(team, orders)
        _wait(team)
        waits, missing = waits_of(sent, accepted_at(team), time.time())
        size_now = team.memory()[1]
    case = f"-c {size}, {kind}"
    accepted = orders - missing
    say(f"  {case}: {accepted} of {orders}, {max(waits):.3f} s at most")
    yield Row(f"{case}, {ACCEPTED} of {orders}", US, "orders", [accepted])
    yield Row(f"{case}, {USUAL}", US, "s", [median(waits)])
    yield Row(f"{case}, {SLOWEST}", US, "s", [percentile(waits, 0.99)])
    yield Row(f"{case}, memory", US, "MB", [size_now])


def trickle(team: Rescind, orders: int) -> dict[str, float]:
    """Send an order a second, to the lanes in turns. Returns when each was sent."""
    sent: dict[str, float] = {}
    began = time.monotonic()
    for number in range(orders):
        time.sleep(max(0.0, began + number - time.monotonic()))
        provider, account = team.lanes[number % len(team.lanes)]
        order = str(FIRST + team.sent)
        sent[order] = team.send(1, many=False, provider=provider, account=account)["at"]
    return sent


def _start(team: Rescind) -> None:
    """Wait for a first order: a worker's start is not measured."""
    provider, account = team.lanes[0]
    team.send(1, many=False, provider=provider, account=account)
    until(lambda: team.rows() > 0, "a first order", START_SECONDS, 0.1)


def _wait(team: Rescind) -> None:
    over = time.monotonic() + GRACE_SECONDS
    while team.rows() < team.sent and time.monotonic() < over:
        time.sleep(0.1)


def accepted_at(team: Rescind) -> dict[str, float]:
    """When each order that the ledger has was accepted, as Unix time."""
    asked = "SELECT order_id, created_at FROM cancellation WHERE state <> 'rejected'"
    return {order: at / 1000 for order, at in run(team.stage.database_url, asked)}


def waits_of(
    sent: Mapping[str, float], accepted: Mapping[str, float], now: float
) -> tuple[Sequence[float], int]:
    """Seconds that each order has waited, and how many still wait ``now``."""
    missing = len(sent.keys() - accepted.keys())
    waits = [accepted.get(order, now) - at for order, at in sent.items()]
    return waits, missing
