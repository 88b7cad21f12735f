"""A batch of 2,000 orders costs no more statements than a small one, and is halved."""

from __future__ import annotations

import tracemalloc

import pytest
from sqlalchemy import Engine

from rescind.engine.call_results import CallResult
from rescind.provider.policy import Policy
from tests.engine.parts import UnderWay
from tests.engine.results import REFUSED, REQUESTED
from tests.engine.test_lanes import insert_orders, notify_all
from tests.engine.world import World, lane
from tests.ledger.build import policy
from tests.ledger.plans import statements

MOST = 2000
MEGABYTE = 2**20


def world_of(ledger: Engine, its: Policy, orders: int) -> World:
    world = World(ledger, {lane(): its})
    insert_orders(world, orders)
    notify_all(world)
    return world


def test_the_policy_allows_so_many_and_no_more() -> None:
    assert policy(batch=MOST).overridden({}).batch == MOST
    with pytest.raises(ValueError, match="batch"):
        policy().overridden({"batch": MOST + 1})


@pytest.mark.parametrize("end", ["cancelled", "requested", "lost"])
def test_the_statements_do_not_grow_with_the_batch(engine: Engine, end: str) -> None:
    def cost(size: int) -> int:
        world = world_of(engine, policy(batch=size, concurrency=1), size)
        world.prefix = f"{size}-"
        with statements(engine) as found:
            world.settle()
            (one,) = world.under_way
            assert len(one.ids) == size
            world.end(one, lambda call: ended(world, call, end))
            world.settle()
        assert world.under_way == []
        return len(found)

    small = cost(2)
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM cancellation")
        connection.exec_driver_sql("DELETE FROM transition")
        connection.exec_driver_sql("DELETE FROM call")
    # One more transaction finds that nothing is left.
    assert cost(MOST) <= small + 4


def ended(world: World, one: UnderWay, how: str) -> CallResult:
    if how == "requested":
        return world.results.of(one, REQUESTED)
    found: CallResult = getattr(world.results, how)(one)
    return found


def test_one_order_that_spoils_a_whole_batch_is_found_by_halving(
    engine: Engine,
) -> None:
    world = world_of(engine, policy(batch=MOST, concurrency=1), MOST)
    sizes: list[int] = []

    def answer(one: UnderWay) -> CallResult:
        sizes.append(len(one.ids))
        if "queued-1234" not in one.orders:
            return world.results.cancelled(one)
        alone = len(one.ids) == 1
        return world.results.of(one, REFUSED) if alone else world.results.halved(one)

    tracemalloc.start()
    try:
        world.finish(answer)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    states = world.states()
    assert states.pop("queued-1234") == "rejected"
    assert set(states.values()) == {"cancelled"}
    # 2,000 is halved eleven times, and each half may be sent in two parts.
    assert sizes[:2] == [MOST, MOST // 2]
    assert len(sizes) <= 1 + 3 * 11
    assert peak < 40 * MEGABYTE


def test_a_lane_with_a_rate_fills_its_calls_with_new_orders(engine: Engine) -> None:
    world = World(engine, {lane(): policy(batch=MOST, rate="5/second", concurrency=2)})
    world.submit_orders(range(MOST))
    world.settle()
    (asked,) = world.limiter.requests
    assert asked.calls == 1
    world.limiter.grant(asked, 1)
    world.run(0.05)
    assert [len(one.ids) for one in world.under_way] == [MOST]
    world.finish()
    assert set(world.states().values()) == {"cancelled"}
