"""How many accounts, workers and connections, and how much disk, a load needs.

A pure calculation: more load never needs less of anything.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rescind.ledger.storage.postgres import OVERFLOW, POOL
from rescind.operations.measured_costs import (
    API_REDIS,
    BEAT_MB,
    BEAT_REDIS,
    BULK_MS,
    GROWTH,
    LOG,
    MESSAGE,
    SINGLE_MS,
    WORKER_MB,
    WORKER_REDIS,
    Cost,
)

DAY = 86_400.0
BUSY = 0.7
"""The share of a core that a worker should use at the peak."""
GB = 1e9


@dataclass(frozen=True, slots=True)
class LaneLoad:
    """The load of one account, and what its policy allows."""

    lane: tuple[str, str]
    orders: float
    """Orders a day."""
    rate: float = math.inf
    """Calls a second that the policy allows."""
    batch: int = 1
    """Orders in one cancel call."""
    concurrency: int = 4
    """Calls at once of each worker."""
    calls: float = 1.0
    """Calls for each order, with its share of readings."""
    answer: float = 1.0
    """Seconds until the provider answers."""

    @property
    def day(self) -> float:
        """Orders a day that the rate allows."""
        return self.rate * DAY / self.calls

    def at_peak(self, peak: float) -> float:
        """Orders a second at the peak; what the rate does not allow waits."""
        return min(self.orders / DAY * peak, self.rate / self.calls)


@dataclass(frozen=True, slots=True)
class Demand:
    """All that is asked of one installation."""

    lanes: Sequence[LaneLoad]
    peak: float
    """The load of the busiest quarter of an hour, as a multiple of the average."""
    keep_days: float
    """How long ended cancellations are kept."""
    one_writer: bool = False
    """Whether the ledger is SQLite: one machine, and no server to connect to."""
    apis: int = 1

    @property
    def orders(self) -> float:
        return sum(one.orders for one in self.lanes)

    @property
    def at_peak(self) -> float:
        return sum(one.at_peak(self.peak) for one in self.lanes)


@dataclass(frozen=True, slots=True)
class Need:
    """One thing that is needed, with the reason in one line."""

    need: str
    number: float
    unit: str
    why: str

    def document(self) -> dict[str, Any]:
        return asdict(self)


def needs(demand: Demand) -> list[Need]:
    """What the demand needs, each with its reason."""
    workers = _workers(demand)
    return [
        *_accounts(demand),
        workers,
        *_memory(workers),
        *_connections(demand, workers),
        *_disk(demand),
        _redis(demand),
        _redis_connections(demand, workers),
    ]


def _accounts(demand: Demand) -> Iterator[Need]:
    by_provider: dict[str, list[LaneLoad]] = {}
    for one in demand.lanes:
        by_provider.setdefault(one.lane[0], []).append(one)
    for provider, lanes in by_provider.items():
        needed = sum(max(1, math.ceil(one.orders / one.day)) for one in lanes)
        fullest = max(lanes, key=lambda one: one.orders / one.day)
        share = fullest.orders / fullest.day
        why = (
            f"{len(lanes)} {'is' if len(lanes) == 1 else 'are'} configured; the rate of"
            f" {'/'.join(fullest.lane)} is used to {share:.0%}"
        )
        yield Need(f"accounts of {provider}", needed, "accounts", why)


def _workers(demand: Demand) -> Need:
    """The largest of what the processor, slow answers and a stop need."""
    reasons = [_for_processor(demand), *map(_for_answers(demand), demand.lanes)]
    if not demand.one_writer:
        reasons.append((2, "one goes on while the other stops"))
    number, why = max(reasons, key=lambda one: one[0])
    return Need("workers", number, "processes", why)


def _for_processor(demand: Demand) -> tuple[int, str]:
    cores = 0.0
    for one in demand.lanes:
        cost = BULK_MS if one.batch > 1 else SINGLE_MS
        cores += one.at_peak(demand.peak) * cost.value / 1000
    why = (
        f"{demand.at_peak:,.1f} orders a second at the peak take {cores:.2f} cores, and"
        f" a worker should use {BUSY:.0%} of one; {_of(SINGLE_MS)}, {_of(BULK_MS)} in"
        " bulk"
    )
    return max(1, math.ceil(cores / BUSY)), why


def _for_answers(demand: Demand) -> Any:
    def needed(one: LaneLoad) -> tuple[int, str]:
        calls = one.at_peak(demand.peak) * one.calls
        why = (
            f"{'/'.join(one.lane)} makes {calls:,.1f} calls a second at the peak, each"
            f" takes {one.answer:g} s, and a worker makes {one.concurrency} at once"
        )
        return math.ceil(calls * one.answer / one.concurrency), why

    return needed


def _memory(workers: Need) -> Iterator[Need]:
    number = (workers.number * WORKER_MB.value + BEAT_MB.value) / 1000
    why = f"{_of(WORKER_MB)} for each worker, {BEAT_MB.value:g} MB for beat"
    yield Need("memory", round(number, 2), "GB", why)


def _connections(demand: Demand, workers: Need) -> Iterator[Need]:
    if demand.one_writer:
        return
    processes = int(workers.number) + demand.apis
    each = POOL + OVERFLOW
    why = (
        f"{processes} processes (workers, {demand.apis} of the HTTP API) with a pool"
        f" of at most {each}; idle, a worker and beat had 3 (docs/benchmarks/idle.md)"
    )
    yield Need("database connections", processes * each, "connections", why)


def _disk(demand: Demand) -> Iterator[Need]:
    kept = demand.orders * demand.keep_days * GROWTH.value / GB
    why = f"{demand.orders:,.0f} orders a day for {demand.keep_days:g} days; "
    yield Need("disk of the ledger", round(kept, 3), "GB", why + _of(GROWTH))
    if not demand.one_writer:
        log = demand.orders * LOG.value / GB
        why = f"{demand.orders:,.0f} orders a day; {_of(LOG)}"
        yield Need("write-ahead log", round(log, 3), "GB a day", why)


def _redis(demand: Demand) -> Need:
    # Not bounded by the rates: producers know none.
    waiting = demand.orders / DAY * demand.peak * 3600
    why = (
        f"an hour of the peak, {waiting:,.0f} orders, waits while no worker runs;"
        f" {_of(MESSAGE)}, submitted singly"
    )
    return Need("Redis' memory", round(waiting * MESSAGE.value / 1e6, 1), "MB", why)


def _redis_connections(demand: Demand, workers: Need) -> Need:
    number = (
        workers.number * WORKER_REDIS.value
        + demand.apis * API_REDIS.value
        + BEAT_REDIS.value
    )
    why = (
        f"{_of(WORKER_REDIS)} for each worker, {API_REDIS.value:g} for each process of"
        f" the HTTP API, {BEAT_REDIS.value:g} for beat; producers and Flower are not"
        " counted"
    )
    return Need("Redis connections", number, "connections", why)


def _of(cost: Cost) -> str:
    return f"{cost.value:g} {cost.unit} ({cost.source}, {cost.date})"


def scaled(lanes: Sequence[LaneLoad], orders: float) -> list[LaneLoad]:
    """The same lanes with ``orders`` a day in all: shared as they are, or equally if
    there are none."""
    given = sum(one.orders for one in lanes)
    shares: Mapping[LaneLoad, float] = {
        one: one.orders / given if given else 1 / len(lanes) for one in lanes
    }
    return [_with_orders(one, orders * shares[one]) for one in lanes]


def _with_orders(one: LaneLoad, orders: float) -> LaneLoad:
    return LaneLoad(
        one.lane, orders, one.rate, one.batch, one.concurrency, one.calls, one.answer
    )
