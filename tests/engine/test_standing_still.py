"""No lane is forgotten: a due order that may be called is called within seconds.

The watchdog of lanes checks it, with many lanes, under load, while accounts are read
again, calls fail, hang and end late, and the ledger goes away.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine

from rescind.config.accounts import Lane
from rescind.engine.call_results import CallResult
from rescind.engine.stall_watchdog import STALL_SECONDS, STANDS_STILL, StallWatch
from rescind.ledger.changes.insertion import insert_new
from rescind.ledger.changes.stalled_lanes import stalled_lanes
from rescind.ledger.storage.transactions import reading, writing
from rescind.provider.policy import Policy
from tests.engine.parts import UnderWay
from tests.engine.world import World, lane
from tests.ledger.build import policy

KINDS = (
    policy(concurrency=2),
    policy(concurrency=4, rate="5/second"),
    policy(concurrency=2, batch=10),
    policy(concurrency=1, batch=5, rate="90/minute"),
)
LANES = {lane(n): KINDS[n % len(KINDS)] for n in range(24)}
FORGOTTEN = lane(5)
LOADED = 90
"""Seconds under load. After them the engine has time to finish."""


class Soak:
    """A world under load, drawn from a seed."""

    def __init__(self, ledger: Engine, seed: int) -> None:
        self.random = Random(seed)
        self.world = World(ledger, LANES)
        self.watch = StallWatch(
            self.world.engine.wait_reasons, self.world.clock.monotonic
        )
        self.order = 0

    def run(self, seconds: int, happens: Callable[[], object]) -> None:
        for _ in range(seconds):
            happens()
            if not self.world.faults.away:
                self.world.sweep()
            self.world.run(1.0)
            if not self.world.faults.away:
                now = self.world.clock.now()
                self.watch.look(self.world.ledger, self.world.accounts, now)

    def load(self) -> None:
        """One second of load."""
        world, random = self.world, self.random
        for _ in range(3):
            self.submit(random.choice(list(LANES)), random.randrange(12))
        self.serve()
        if random.random() < 0.1:
            world.reload({one: self.changed(its) for one, its in LANES.items()})
        if random.random() < 0.05:
            world.faults.away = random.random() < 0.5

    def submit(self, of: Lane, number: int) -> None:
        orders = range(self.order, self.order + number)
        self.order += number
        if self.world.faults.away or self.random.random() < 0.5:
            self.world.submit_orders(orders, of)
        elif orders:
            with writing(self.world.ledger) as connection:
                new = [self.world.new(str(one), of) for one in orders]
                insert_new(connection, new, self.world.clock.now())

    def changed(self, its: Policy) -> Policy | None:
        if self.random.random() < 0.1:
            return None
        more = {"concurrency": self.random.choice((1, 2, 4))}
        return its.model_copy(update=more)

    def serve(self) -> None:
        """Let Redis and the providers answer most requests."""
        self.grant()
        for one in self.world.under_way:
            if self.random.random() < 0.7:
                self.world.end(one, self.outcome())

    def grant(self) -> None:
        for request in list(self.world.limiter.requests):
            if self.random.random() < 0.8:
                calls = self.random.randint(0, request.calls)
                self.world.limiter.grant(request, calls, self.random.random())

    def outcome(self) -> Callable[[UnderWay], CallResult | None]:
        results = self.world.results
        return self.random.choice(
            (results.cancelled, results.cancelled, results.not_sent, results.throttled)
        )

    def stalled(self) -> dict[Lane, Any]:
        with reading(self.world.ledger) as connection:
            return dict(stalled_lanes(connection))


def test_a_lane_under_load_never_stands_still(
    memory: Engine, logged: list[Any]
) -> None:
    soak = Soak(memory, 1)
    soak.run(LOADED, soak.load)
    soak.world.faults.away = False
    soak.world.reload(LANES)
    soak.run(LOADED, soak.serve)
    assert [one for one in logged if one["event"] == STANDS_STILL] == []
    assert soak.stalled() == {}
    assert len(soak.world.states()) > 500


def _never_notified(soak: Soak) -> None:
    notify = soak.world.engine.notify
    soak.world.engine.notify = (  # type: ignore[method-assign]
        lambda due: notify(one for one in due if one[0] != FORGOTTEN)
    )


def _never_answered(soak: Soak) -> None:
    request = soak.world.limiter.request

    def lost(of: Lane, *rest: Any) -> None:
        if of != FORGOTTEN:
            request(of, *rest)

    soak.world.limiter.request = lost  # type: ignore[method-assign,assignment]


def _never_released(soak: Soak) -> None:
    soak.world.operation("cancel", FORGOTTEN).in_flight = 100


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (_never_notified, "nothing: the engine does not know this lane"),
        (_never_answered, "an answer of Redis about its rate"),
        (_never_released, "100 calls under way"),
    ],
)
def test_a_lane_that_is_forgotten_is_logged(
    memory: Engine, logged: list[Any], fault: Callable[[Soak], None], reason: str
) -> None:
    soak = Soak(memory, 1)
    fault(soak)
    with writing(memory) as connection:
        new = [soak.world.new(str(one), FORGOTTEN) for one in range(65)]
        insert_new(connection, new, soak.world.clock.now())
    soak.run(int(STALL_SECONDS) + 30, soak.serve)
    assert set(soak.stalled()) == {FORGOTTEN}
    first = next(one for one in logged if one["event"] == STANDS_STILL)
    assert (first["lane"], first["due"]) == ("/".join(FORGOTTEN), 65)
    assert reason in first["waits_for"]
