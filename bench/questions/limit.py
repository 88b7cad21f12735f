"""Is a provider's limit fully used, and never exceeded? How many calls are needed?"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from bench.bench_plan import Plan, say
from bench.processes import until
from bench.rescind_contender import Rescind, Setup
from bench.results import US, Result, Row, Target
from bench.stats import median, most_within, spacing
from bench.team import FIRST

WORKERS = 4
LIMIT = 100
SHORTER = 0.98
"""The target for the use of the limit."""
SLOW = 0.02
"""Seconds until a slower provider answers."""
POLLED, CANCELS = 500, 100
NEVER = 1e9
AMONG = "cancels among polls"
LOOKS = {0.0: 1, 3.0: 2}
"""Status calls that an order needs by the poll schedule (after 1 s, then 5 s later),
for each time that notpanel takes to carry the cancel out."""
HOW = (
    "Four workers, each with its own locks as if on its own machine, share one lane of"
    " iletiMerkezi that has more orders than its rate allows. The provider notes when"
    " each call came. Use is a window beside the time from a call to the 100th after"
    " it, the mean of all, without those of the first two seconds, in which one worker"
    " after the other begins; the most calls in any window slide over all of them. A"
    " place in the rate is free again a window after its answer, so that 98.04 % is all"
    " that can be used of 100 a second where each takes 20 ms. Calls for each 1,000"
    " notpanel orders are counted with a poll schedule of 1 s and 5 s, once where every"
    " order is final at the first look and once where it takes 3 s; the naive count is"
    " a call for each cancel and each look. Cancels among polls: two workers, 100 calls"
    " a second, an order a call; 500 orders that notpanel has taken on are due for a"
    " poll each second, five times what the rate allows, while ten cancels a second are"
    " submitted, one by one; a wait is from just before the send until the provider has"
    " the call."
)


@dataclass(frozen=True)
class Lane:
    """A lane with a limit, and the time that its provider takes to answer."""

    window: str
    seconds: float
    windows: int
    """The number of windows that are measured."""
    latency: float
    first: int = 0
    """Windows that are left out, while the workers begin one after the other."""

    @property
    def case(self) -> str:
        after = f"after {1000 * self.latency:.0f} ms" if self.latency else "at once"
        return f"{LIMIT} a {self.window}, answered {after}"

    @property
    def targets(self) -> Iterator[Target]:
        yield Target(f"{self.case}, use", US, SHORTER * 100)
        yield Target(self.most, US, LIMIT, at_most=True)

    @property
    def most(self) -> str:
        return f"{self.case}, most in any {self.window}"


def _lanes(plan: Plan) -> list[Lane]:
    windows = 10 if plan.quick else 30
    of_a_second = [Lane("second", 1.0, windows, latency, 2) for latency in (0.0, SLOW)]
    return of_a_second if plan.quick else [*of_a_second, Lane("minute", 60.0, 2, SLOW)]


def ask(plan: Plan) -> Result:
    """Measure 100 calls a second, 100 a minute, and notpanel's calls."""
    kind = plan.databases[-1]
    lanes = _lanes(plan)
    found = [row for lane in lanes for row in _used(plan, kind, lane)]
    found += _among_polls(plan, kind)
    for settle, looks in LOOKS.items():
        found += _calls(plan, kind, settle, looks)
    targets = [target for lane in lanes for target in lane.targets]
    targets.append(Target(f"{AMONG}, the longest wait", US, 1000, at_most=True))
    targets.append(Target(f"{AMONG}, most in any second", US, LIMIT, at_most=True))
    targets += [_fewest(settle) for settle in LOOKS]
    return Result("limit", "At the provider's limit", HOW, found, targets)


def _used(plan: Plan, kind: str, lane: Lane) -> Iterator[Row]:
    setup = Setup({"rate": f"{LIMIT}/{lane.window}", "concurrency": 32}, WORKERS)
    stage = plan.stage(kind, latency=lane.latency)
    with Rescind(stage, "iletimerkezi", setup) as team:
        team.send(LIMIT * (lane.first + lane.windows + 2))
        provider = team.stage.provider
        until(lambda: provider.orders() > 0, "a first call", 60)
        # The provider answers no other request while it lists its calls.
        span = lane.seconds * (lane.first + lane.windows)
        over = provider.calls()[0][2] + span
        until(lambda: time.time() > over, "the last window", span + 60, every=0.5)
        times = sorted(at for _, _, at, _ in provider.calls())
    counted = [at for at in times if at < over][LIMIT * lane.first :]
    use = 100 * lane.seconds / spacing(counted, LIMIT)
    most = most_within(times, lane.seconds)
    say(f"  {lane.case}: {use:.1f} % used, at most {most} in any {lane.window}")
    yield Row(f"{lane.case}, use", US, "%", [use])
    yield Row(lane.most, US, "calls", [most])


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
    """Submit one order, and wait 0.1 s. Returns the order and the time."""
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
