"""The counters, by provider: no account makes a series, and none is ever missing."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import accumulate, product

from rescind.ledger.conditions import ENDS
from rescind.ledger.deliveries.retry_policy import Kind
from rescind.ledger.reading.counter_totals import Total
from rescind.ledger.states import State
from rescind.ledger.storage import counters
from rescind.ledger.storage.counters import BEYOND, BUCKETS
from rescind.provider.outcomes import Reason
from rescind.telemetry.measured import Histogram, Measured

BY_PROVIDER = {
    counters.ACCEPTED: "rescind_accepted_total",
    counters.ATTEMPT: "rescind_attempts_total",
    counters.LEASE: "rescind_leases_expired_total",
    counters.RETRY: "rescind_retries_total",
    counters.THROTTLE: "rescind_throttles_total",
}
BY = ("fault", "operator")
REFUSED = (counters.NO_LANE[0], str(State.REJECTED), str(Reason.INVALID_REQUEST))
"""The labels of entries refused at intake."""


def of_events(counted: Iterable[Total], providers: Iterable[str]) -> Iterator[Measured]:
    """Counters of each provider, which begin at 0: an alert on growth needs that."""
    found = Counter[tuple[str, tuple[str, ...]]]()
    found.update(dict.fromkeys(_from_zero(providers), 0))
    for one in counted:
        named = _named(one)
        if named is not None:
            found[named] += one.count
    for (name, labels), count in found.items():
        yield name, labels, count


def _from_zero(providers: Iterable[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    ends = [(str(s), str(reason)) for s, reasons in ENDS.items() for reason in reasons]
    yield "rescind_outcomes_total", REFUSED
    for provider in providers:
        yield from ((name, (provider,)) for name in BY_PROVIDER.values())
        yield from (("rescind_outcomes_total", (provider, *end)) for end in ends)
        yield from (("rescind_holds_total", (provider, by)) for by in BY)


def _named(one: Total) -> tuple[str, tuple[str, ...]] | None:
    """The metric that a counter belongs to, with its labels."""
    if one.metric in BY_PROVIDER:
        return BY_PROVIDER[one.metric], (one.provider,)
    if one.metric == counters.OUTCOME:
        return "rescind_outcomes_total", (one.provider, one.first, one.second)
    if one.metric == counters.HOLD:
        return "rescind_holds_total", (one.provider, one.first)
    return None


def of_calls(calls: Iterable[Total]) -> Iterator[Measured]:
    """The histogram of the calls, and the orders in them."""
    by_kind: defaultdict[tuple[str, ...], list[Total]] = defaultdict(list)
    for one in calls:
        by_kind[one.provider, one.first, one.second].append(one)
    for labels, its in by_kind.items():
        yield "rescind_provider_call_duration_seconds", labels, _histogram(its)
        orders = sum(one.orders for one in its)
        yield "rescind_provider_call_orders_total", labels, orders


def _histogram(calls: Iterable[Total]) -> Histogram:
    each = {one.third: one.count for one in calls}
    limits = [f"{ms / 1000:g}" for ms in BUCKETS]
    counts = [each.get(name, 0) for name in (*map(str, BUCKETS), BEYOND)]
    took = sum(one.took_ms for one in calls) / 1000
    return list(zip((*limits, "+Inf"), accumulate(counts), strict=True)), took


def of_webhooks(
    counted: Iterable[Total], delivering: dict[tuple[str, str], int]
) -> Iterator[Measured]:
    """Attempts to deliver, by result, and the deliveries that wait or were given up."""
    results = dict.fromkeys(("delivered", "failed", "given_up"), 0)
    results |= {
        one.first: one.count for one in counted if one.metric == counters.WEBHOOK
    }
    for result, count in results.items():
        yield "rescind_webhooks_total", (result,), count
    for kind, state in product(Kind, ("waiting", "given_up")):
        yield f"rescind_webhooks_{state}", (kind,), delivering.get((kind, state), 0)
