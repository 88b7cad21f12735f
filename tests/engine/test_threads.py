"""The engine in its own thread, with real threads that make the calls."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import cast

import pytest
from sqlalchemy import Engine as Ledger

from rescind.config.accounts import Accounts, Lane, LaneConfig
from rescind.engine.call_results import FINE, CallResult, Effect
from rescind.engine.calls import Caller
from rescind.engine.engine import Engine, EngineStoppedError
from rescind.engine.executor import ThreadExecutor
from rescind.engine.lane_operation import Call
from rescind.engine.lane_registry import Registry
from rescind.engine.rate_limiter import Permit
from rescind.engine.sweeper import sweep
from rescind.ledger.changes.new_cancellation import NewCancellation, beginning
from rescind.ledger.decision_events import Event, NotSent, PutBack, Wait
from rescind.ledger.progress import Claimed
from rescind.ledger.storage.tables import CANCELLATION
from rescind.ledger.storage.transactions import open_ledger, reading
from rescind.provider.outcomes import Finding, Outcome, Reason
from rescind.provider.policy import Policy, seconds
from rescind.provider.system_clock import SystemClock
from tests.engine.parts import FakeLimiter
from tests.engine.waiting import SECONDS, until
from tests.engine.world import config, lane
from tests.ledger.build import BY, policy

CANCELLED = Finding(Outcome.CANCELLED, Reason.CONFIRMED)
SHORTLY = timedelta(milliseconds=20)
QUICK = seconds(0, 0.05)
LANES: dict[Lane, Policy] = {
    lane(0): policy(concurrency=3, resend_delays=QUICK, backoff=seconds(0.02)),
    lane(1): policy(concurrency=2, batch=5, resend_delays=QUICK),
    lane(2): policy(concurrency=1, resend_delays=QUICK, trip_after=1000),
}


@dataclass
class Provider:
    """A provider that answers after a moment, throttles some calls and refuses some."""

    at_work: Counter[str] = field(default_factory=Counter)
    claims: Counter[tuple[str, int]] = field(default_factory=Counter)
    overlaps: list[str] = field(default_factory=list)
    most: Counter[Lane] = field(default_factory=Counter)
    under_way: Counter[Lane] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)
    chance: random.Random = field(default_factory=lambda: random.Random(1))

    def call(self, its: Lane, claimed: Sequence[Claimed]) -> tuple[Event, Effect]:
        with self.lock:
            self.under_way[its] += 1
            self.most[its] = max(self.most[its], self.under_way[its])
            self.claims.update((one.id, one.version) for one in claimed)
            self.overlaps += [one.id for one in claimed if self.at_work[one.id]]
            self.at_work.update(one.id for one in claimed)
            fate, wait = self.chance.random(), self.chance.random() * 0.003
        time.sleep(wait)
        with self.lock:
            self.under_way[its] -= 1
            self.at_work.subtract(one.id for one in claimed)
        if fate < 0.02:
            until_then = datetime.now(UTC) + SHORTLY
            return Wait(until_then), Effect(throttled=SHORTLY, why="too many")
        if fate < 0.1:
            return NotSent(), Effect(failed="connection refused")
        return CANCELLED, FINE


@dataclass(frozen=True)
class Calling:
    """A caller of one lane to that provider."""

    its: Lane
    provider: Provider

    def call(
        self, claimed: Sequence[Claimed], permit: Permit, _begin_by: float
    ) -> CallResult:
        event, effect = self.provider.call(self.its, claimed)
        events, now = {one.id: event for one in claimed}, datetime.now(UTC)
        return CallResult(claimed, events, effect, now, permit=permit)

    def return_unsent(self, claimed: Sequence[Claimed], permit: Permit) -> CallResult:
        events = {one.id: PutBack() for one in claimed}
        return CallResult(claimed, events, FINE, datetime.now(UTC), permit=permit)


@dataclass
class Worker:
    """An engine that works in its own thread."""

    ledger: Ledger
    provider: Provider = field(default_factory=Provider)
    bugs: list[Exception] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.accounts = Accounts({one: config(its) for one, its in LANES.items()})
        registry = Registry(lambda: self.accounts, self._caller)
        threads, limiter = ThreadExecutor(self._failed), FakeLimiter()
        deliveries_due = partial(bool)
        self.engine = Engine(
            self.ledger, registry, threads, limiter, SystemClock(), deliveries_due
        )
        self.thread = threading.Thread(target=self.engine.run, name="engine")
        self.thread.start()

    def _failed(self, _call: Call, error: Exception) -> None:
        self.bugs.append(error)

    def _caller(self, its: Lane, _config: LaneConfig, _operation: str) -> Caller:
        return cast("Caller", Calling(its, self.provider))

    def submit(self, names: Sequence[str]) -> Future[frozenset[str]]:
        return self.engine.submit([new(name) for name in names])

    def sweep(self) -> None:
        due = sweep(self.ledger, self.accounts, datetime.now(UTC), "test")
        self.engine.notify((one, name) for one, names in due.items() for name in names)

    def states(self) -> Counter[str]:
        chosen = CANCELLATION.select()
        with reading(self.ledger) as connection:
            return Counter(row.state for row in connection.execute(chosen))


def new(name: str) -> NewCancellation:
    provider, account = lane(int(name) % len(LANES))
    now = datetime.now(UTC)
    return NewCancellation(
        id=f"{name}-{time.monotonic_ns()}-{threading.get_ident()}",
        provider=provider,
        account=account,
        order=name,
        key=name,
        progress=beginning(None, now),
        opened_at=now,
        by=BY,
    )


@pytest.fixture
def worker(sqlite_ledger_url: str) -> Iterator[Worker]:
    ledger = open_ledger(sqlite_ledger_url)
    made = Worker(ledger)
    yield made
    made.engine.stop()
    made.thread.join(SECONDS)
    assert not made.thread.is_alive()
    assert made.bugs == []
    ledger.dispose()


def send(worker: Worker, names: list[str]) -> int:
    """Submit in small messages and wait for each, as a task does. Returns how many
    orders were inserted."""
    inserted = 0
    for start in range(0, len(names), 5):
        inserted += len(worker.submit(names[start : start + 5]).result(SECONDS))
    return inserted


def test_with_many_threads_each_order_is_inserted_once_and_ends_once(
    worker: Worker,
) -> None:
    names = [str(number) for number in range(400)]
    # Four senders; each order is sent by two of them.
    parts = (names[:200], names[200:], names[100:300], names[300:] + names[:100])
    with ThreadPoolExecutor(4) as senders:
        found = senders.map(partial(send, worker), parts)
        assert sum(found) == len(names)

    def is_done() -> bool:
        worker.sweep()
        return worker.states() == {"cancelled": len(names)}

    until(is_done, "all to end")
    assert worker.provider.overlaps == []
    assert set(worker.provider.claims.values()) == {1}
    for one, most in worker.provider.most.items():
        assert most <= LANES[one].concurrency


def test_a_stop_during_work_leaves_each_order_queued_or_final(
    worker: Worker,
) -> None:
    names = [str(number) for number in range(300)]
    with ThreadPoolExecutor(1) as sender:
        sending = sender.submit(send, worker, names)
        until(lambda: worker.states()["cancelled"] > 50, "some to end")
        worker.engine.stop()
        with suppress(EngineStoppedError):
            sending.result(SECONDS)
    worker.thread.join(SECONDS)
    assert not worker.thread.is_alive()
    assert set(worker.states()) <= {"cancelled", "queued"}
    assert worker.provider.under_way.total() == 0
    assert set(worker.provider.claims.values()) == {1}
