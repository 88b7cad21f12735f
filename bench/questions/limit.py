"""Is a provider's limit used up, and never passed? And how many calls does it take?"""

from __future__ import annotations

import time
from collections.abc import Iterator

from bench.contenders import FIRST, Rescind, Setup
from bench.plan import Plan, say
from bench.processes import until
from bench.results import US, Result, Row, Target
from bench.stats import median, most_within

WORKERS = 4
LIMIT = 100
SHORTER = 0.98
"""What use of the limit is asked for."""
POLLED, CANCELS = 500, 100
NEVER = 1e9
AMONG = "cancels among polls"
LOOKS = {0.0: 1, 3.0: 2}
"""Status calls an order needs by the poll schedule (after 1 s, then 5 s later), by how
long notpanel takes to carry its cancel out."""
HOW = (
    "Four workers, each with its own locks as if on its own machine, share one lane of"
    " iletiMerkezi that has more orders than its rate allows. The provider answers"
    " after 20 ms and notes when each call came: use is the calls of whole windows from"
    " the first call on, beside what the limit allows; the most calls in any window"
    " slide over all of them. Calls for each 1,000 notpanel orders are counted with a"
    " poll schedule of 1 s and 5 s, once where every order is final at the first look"
    " and once where it takes 3 s; the naive count is a call for each cancel and each"
    " look. Cancels among polls: two workers, 100 calls a second, an order a call;"
    " 500 orders that notpanel has taken on are due for a poll each second, five times"
    " what the rate allows, while ten cancels a second are submitted, one by one; a"
    " wait is from just before the send until the provider has the call."
)


def ask(plan: Plan) -> Result:
    """A lane of 100 calls a second, one of 100 a minute, and notpanel's calls."""
    kind = plan.databases[-1]
    windows = {"second": (1.0, 10)} if plan.quick else {"second": (1.0, 30)}
    if not plan.quick:
        windows["minute"] = (60.0, 2)
    found: list[Row] = []
    for name, (seconds, many) in windows.items():
        found += _used(plan, kind, name, seconds, many)
    found += _among_polls(plan, kind)
    for settle, looks in LOOKS.items():
        found += _calls(plan, kind, settle, looks)
    targets = [target for name in windows for target in _targets(name)]
    targets.append(Target(f"{AMONG}, the longest wait", US, 1000, at_most=True))
    targets.append(Target(f"{AMONG}, most in any second", US, LIMIT, at_most=True))
    targets += [_fewest(settle) for settle in LOOKS]
    return Result("limit", "At the provider's limit", HOW, found, targets)


def _targets(name: str) -> Iterator[Target]:
    yield Target(f"{LIMIT} a {name}, use", US, SHORTER * 100)
    yield Target(f"{LIMIT} a {name}, most in any {name}", US, LIMIT, at_most=True)


def _used(plan: Plan, kind: str, name: str, seconds: float, many: int) -> Iterator[Row]:
    setup = Setup({"rate": f"{LIMIT}/{name}", "concurrency": 32}, WORKERS)
    with Rescind(plan.stage(kind, latency=0.02), "iletimerkezi", setup) as team:
        team.send(LIMIT * (many + 2))
        provider = team.stage.provider
        until(lambda: provider.orders() > 0, "a first call", 60)
        span = seconds * many
        until(lambda: _span(team) > span, "the last window", span + 60, every=0.5)
        times = [at for _, _, at, _ in provider.calls()]
    within = [at for at in times if at < times[0] + span]
    use = 100 * len(within) / (LIMIT * many)
    most = most_within(times, seconds)
    say(f"  {LIMIT} a {name}: {use:.1f} % used, at most {most} in any {name}")
    yield Row(f"{LIMIT} a {name}, use", US, "%", [use])
    yield Row(f"{LIMIT} a {name}, most in any {name}", US, "calls", [most])


def _span(team: Rescind) -> float:
    times = [at for _, _, at, _ in team.stage.provider.calls()]
    return max(times) - min(times)


# --- cancels among polls --------------------------------------------------------------


def _among_polls(plan: Plan, kind: str) -> Iterator[Row]:
    alone = {"rate": f"{LIMIT}/second", "batch": 1, "read_batch": 1, "concurrency": 32}
    setup = Setup({**alone, "poll_delays": [1]}, workers=2)
    with Rescind(plan.stage(kind, settle=NEVER), "notpanel", setup) as team:
        team.send(POLLED)
        provider = team.stage.provider
        until(lambda: provider.orders() >= POLLED, "the polled orders", 60)
        sent = dict(_trickle(team) for _ in range(CANCELS))
        until(lambda: provider.orders() >= POLLED + CANCELS, "the cancels", 60)
        calls = provider.calls()
    came = {orders[0]: at for _, what, at, orders in calls if what == "cancel"}
    waits = [1000 * (came[order] - at) for order, at in sent.items()]
    began, ended = min(sent.values()), max(came.values())
    during = [(what, at) for _, what, at, _ in calls if began <= at <= ended]
    reads = sum(what == "status" for what, _ in during)
    yield Row(f"{AMONG}, the usual wait", US, "ms", [median(waits)])
    yield Row(f"{AMONG}, the longest wait", US, "ms", [max(waits)])
    yield Row(f"{AMONG}, reads of all calls", US, "%", [100 * reads / len(during)])
    most = most_within([at for _, _, at, _ in calls], 1.0)
    yield Row(f"{AMONG}, most in any second", US, "calls", [most])


def _trickle(team: Rescind) -> tuple[str, float]:
    """Submit one order, and wait a tenth of a second; the order, and when."""
    order = str(FIRST + team.sent)
    at = team.send(1, many=False)["at"]
    time.sleep(0.1)
    return order, at


# --- notpanel's calls -----------------------------------------------------------------


def _case(settle: float, operation: str) -> str:
    when = f"final after {settle:g} s" if settle else "final at once"
    return f"notpanel, {when}: {operation} calls for 1,000"


def _fewest(settle: float) -> Target:
    return Target(_case(settle, "cancel"), US, 10.1, at_most=True)


def _calls(plan: Plan, kind: str, settle: float, looks: int) -> Iterator[Row]:
    orders = plan.size(10_000, 2_000)
    setup = Setup({"rate": "none", "poll_delays": [1, 5]})
    with Rescind(plan.stage(kind, settle=settle), "notpanel", setup) as team:
        team.hold()
        team.send(orders)
        team.go()
        team.settle(300)
        counts = team.stage.provider.counts()
    for operation, naive in (("cancel", 1), ("status", looks)):
        case = _case(settle, operation)
        made = counts[f"notpanel.{operation}"] * 1000 / orders
        yield Row(case, US, "calls", [made])
        yield Row(case, "fewest there can be", "calls", [naive * 1000 / 100])
        yield Row(case, "naive", "calls", [naive * 1000])
