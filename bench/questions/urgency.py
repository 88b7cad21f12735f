"""How soon is an order with a near deadline called, beside other work?"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from bench.bench_plan import Plan, say
from bench.processes import BenchError, until
from bench.rescind_contender import Rescind, Setup
from bench.results import LIGHT_MB, US, Result, Row, Target
from bench.stats import percentile
from bench.team import FIRST

URGENT = 5
"""Urgent orders behind a backlog of their own lane."""
BULK, SINGLE = ("ithink", "bulk"), ("iletimerkezi", "single")
SAMPLES, LEAST = 200, 10
"""Urgent orders beside another lane's bulk, and the fewest that are enough."""
PAUSE_SECONDS = 0.03
PATIENCE = 600.0
MS = 100.0
"""Most milliseconds of the 99th percentile beside another lane's bulk."""
SHARES = {"p50": 0.5, "p99": 0.99}
HOW = (
    "Behind a backlog: an iThink lane of one call a second has its backlog; then five"
    " orders with a `cancel_before` an hour away are submitted, one after the other."
    " Counted are the calls that the provider received after such an order was seen in"
    " the ledger and before the call that held it. Beside a bulk lane: single orders of"
    " an iletiMerkezi account with such a deadline are submitted, one after the other,"
    " 30 ms after the former's call; first while the worker is idle, then while an"
    " iThink account, 100 orders a call and no rate, works off a backlog that the"
    " ledger has taken in before (it was held, and is resumed). From just before the"
    " producer's send to the provider's receiving of the request, by one clock. Orders"
    " that were sent after the backlog had ended are not among them. Behind an upload:"
    " one such order, whose message lies on the queue behind those of an upload, 1,000"
    " orders in each; from the moment at which the worker begins with the first."
)


def ask(plan: Plan) -> Result:
    """Measure calls before an urgent order, and its wait beside another lane's bulk."""
    found: list[Row] = []
    targets: list[Target] = []
    for kind in plan.databases:
        behind, beside = _behind(plan, kind), list(_beside(plan, kind))
        found += [behind, *beside]
        targets.append(Target(behind.case, US, 0, at_most=True))
        targets += _targets(kind)
    return Result("urgency", "An urgent order", HOW, found, targets)


def _targets(kind: str) -> Iterator[Target]:
    yield Target(f"{_busy(kind)}, p99", US, MS, at_most=True)
    yield Target(f"{_busy(kind)}, memory", US, LIGHT_MB, at_most=True)


# --- behind a backlog of its own lane -------------------------------------------------


def _behind(plan: Plan, kind: str) -> Row:
    backlog = plan.size(100_000, 10_000)
    setup = Setup({"rate": "1/second"})
    with Rescind(plan.stage(kind), "ithink", setup) as team:
        team.send(backlog)
        until(lambda: team.rows() >= backlog, "the intake", PATIENCE, every=0.5)
        before = [_calls_before(team) for _ in range(URGENT)]
    case = f"behind {backlog:,}, {kind}"
    say(f"  {case}: {before}")
    return Row(f"{case}, the worst of {URGENT}", US, "calls", [max(before)])


def _calls_before(team: Rescind) -> float:
    order = str(FIRST + team.sent)
    team.send(1, many=False, cancel_before="+1h")
    its = f"provider = 'ithink' AND account = 'default' AND key = '{order}'"
    until(lambda: team.rows(its), "the intake of an urgent order", 30)
    accepted = time.time()
    came = team.stage.provider.came(order)
    times = [at for _, _, at, _ in team.stage.provider.calls()]
    time.sleep(0.3)
    return sum(accepted < at < came for at in times)


# --- beside another lane's bulk -------------------------------------------------------


def _busy(kind: str) -> str:
    return f"beside a bulk lane, {kind}"


def _beside(plan: Plan, kind: str) -> Iterator[Row]:
    backlog = plan.size(400_000, 60_000)
    upload = plan.size(100_000, 20_000)
    samples = SAMPLES // 4 if plan.quick else SAMPLES
    setup = Setup({"rate": "none"}, lanes=[BULK, SINGLE])
    with Rescind(plan.stage(kind), SINGLE[0], setup) as team:
        idle = _idle(team, samples)
        busy = _in_bulk(team, backlog, samples)
        size = team.memory()[1]
        team.settle(PATIENCE)
        behind = _behind_an_upload(team, upload)
    for case, waits in ((f"idle, {kind}", idle), (_busy(kind), busy)):
        say(f"  {case}: {len(waits)} orders, {max(waits):.0f} ms at most")
        for name, share in SHARES.items():
            yield Row(f"{case}, {name}", US, "ms", [percentile(waits, share)])
    yield Row(f"{_busy(kind)}, orders", US, "orders", [len(busy)])
    yield Row(f"{_busy(kind)}, memory", US, "MB", [size])
    say(f"  behind an upload of {upload:,}, {kind}: {behind:.0f} ms")
    yield Row(f"behind an upload of {upload:,}, {kind}", US, "ms", [behind])


def _idle(team: Rescind, samples: int) -> Sequence[float]:
    team.spread(2, [BULK, SINGLE])
    team.settle()
    return [_wait(team) for _ in range(samples)]


def _in_bulk(team: Rescind, backlog: int, samples: int) -> Sequence[float]:
    """Waits of urgent orders while the other lane has work, in ms."""
    lane = "/".join(BULK)
    team.command("hold", lane)
    before = team.rows()
    team.spread(backlog, [BULK])
    until(lambda: team.rows() >= before + backlog, "the intake", PATIENCE, every=0.5)
    seen = team.stage.provider.orders()
    team.command("resume", lane)
    until(lambda: team.stage.provider.orders() > seen, "the bulk lane's call", 60)
    waits: list[float] = []
    while len(waits) < samples:
        waited = _wait(team)
        # The provider's count includes the urgent orders.
        if team.stage.provider.orders() >= seen + backlog + len(waits) + 1:
            break
        waits.append(waited)
    if len(waits) < LEAST:
        raise BenchError(f"the bulk lane had ended after {len(waits)} urgent orders")
    return waits


def _behind_an_upload(team: Rescind, upload: int) -> float:
    """Milliseconds that an order waits behind all messages of another lane, with 1,000
    orders in each."""
    team.hold()
    team.spread(upload, [BULK])
    order, _ = _send(team)
    at = time.time()
    team.go()
    return (team.stage.provider.came(order) - at) * 1000


def _wait(team: Rescind) -> float:
    """Submit an urgent order. Returns the milliseconds until the provider has it."""
    order, at = _send(team)
    came = team.stage.provider.came(order)
    time.sleep(PAUSE_SECONDS)
    return (came - at) * 1000


def _send(team: Rescind) -> tuple[str, float]:
    order = str(FIRST + team.sent)
    provider, account = SINGLE
    its = {"provider": provider, "account": account, "cancel_before": "+1h"}
    return order, team.send(1, many=False, **its)["at"]
