"""Urgent orders come first, and no lane starves behind another lane's bulk."""

from __future__ import annotations

from datetime import datetime

import pytest
from sqlalchemy import Engine

from rescind.engine.transaction import MOST_COUNTED
from rescind.ledger.changes.insertion import insert_new
from rescind.ledger.storage.transactions import writing
from rescind.provider.policy import Policy
from tests.engine.world import World, lane
from tests.ledger.build import HOUR, NOW, SECOND, policy

BULK, OTHER = lane(0), lane(1)
SINGLE, BATCH = policy(concurrency=4), policy(concurrency=4, batch=100)
KINDS = pytest.mark.parametrize(
    ("bulk", "other"),
    [(SINGLE, SINGLE), (SINGLE, BATCH), (BATCH, SINGLE), (BATCH, BATCH)],
    ids=["single-single", "single-batch", "batch-single", "batch-batch"],
)


def one_bulk_lane(
    memory: Engine, bulk: Policy, other: Policy, *, deadline: bool
) -> World:
    """One busy lane with many orders, and an idle one."""
    world = World(memory, {BULK: bulk, OTHER: other})
    before = NOW + HOUR if deadline else None
    for start in range(0, 20_000, 1000):
        orders = range(start, start + 1000)
        world.submit(*(world.new(str(n), BULK, cancel_before=before) for n in orders))
    for _ in range(3):
        world.step()
        world.clock.advance(0.05)
        world.end_all()
    return world


def steps_until_called(world: World, order: str, of: tuple[str, str]) -> int:
    for steps in range(1, 50):
        world.step()
        if order in world.orders_under_way(of):
            return steps
        for one in world.under_way:
            world.end(one)
    raise AssertionError(f"{order} is not called")


@KINDS
@pytest.mark.parametrize("deadline", [False, True], ids=["plain", "urgent-bulk"])
def test_a_single_order_is_called_in_the_next_step_or_the_one_after(
    memory: Engine, bulk: Policy, other: Policy, deadline: bool
) -> None:
    world = one_bulk_lane(memory, bulk, other, deadline=deadline)
    world.submit_orders(["lonely"], OTHER)
    assert steps_until_called(world, "lonely", OTHER) <= 2


@KINDS
def test_a_single_order_that_waits_in_the_ledger_is_called_as_soon(
    memory: Engine, bulk: Policy, other: Policy
) -> None:
    world = one_bulk_lane(memory, bulk, other, deadline=False)
    with writing(world.ledger) as connection:
        insert_new(connection, [world.new("lonely", OTHER)], NOW)
    world.engine.notify([(OTHER, "cancel")])
    assert steps_until_called(world, "lonely", OTHER) <= 2


@KINDS
def test_an_urgent_order_is_called_in_the_next_step_beside_bulk_elsewhere(
    memory: Engine, bulk: Policy, other: Policy
) -> None:
    world = one_bulk_lane(memory, bulk, other, deadline=False)
    world.submit(world.new("urgent", OTHER, cancel_before=soon(world)))
    assert steps_until_called(world, "urgent", OTHER) == 1


@pytest.mark.parametrize("its", [SINGLE, BATCH], ids=["single", "batch"])
def test_an_urgent_order_passes_its_lanes_own_backlog_in_the_ledger(
    memory: Engine, its: Policy
) -> None:
    world = World(memory, {BULK: its})
    with writing(world.ledger) as connection:
        insert_new(connection, [world.new(str(n)) for n in range(3000)], NOW)
    world.engine.notify([(BULK, "cancel")])
    world.settle()
    world.clock.advance(1)
    world.end_all()
    begun = len(world.executor.begun)
    world.submit(world.new("urgent", cancel_before=soon(world)))
    world.step()
    assert world.states()["urgent"] in ("queued", "sending")
    world.settle()
    assert "urgent" in world.executor.begun[begun].orders, "the very next call"


@pytest.mark.parametrize("its", [SINGLE, BATCH], ids=["single", "batch"])
def test_an_urgent_order_passes_its_lanes_own_backlog_in_memory(
    memory: Engine, its: Policy
) -> None:
    world = World(memory, {BULK: its})
    for start in range(0, 5000, 1000):
        world.submit_orders(range(start, start + 1000))
    world.step()
    world.clock.advance(1)
    world.end_all()
    begun = len(world.executor.begun)
    future = world.submit(world.new("urgent", cancel_before=soon(world)))
    world.step()
    assert future.done(), "it is in the very next transaction"
    while len(world.executor.begun) == begun:
        world.step()
    assert "urgent" in world.executor.begun[begun].orders, "and in the next call"


def many_bulk_lanes(
    memory: Engine, bulk: Policy, *, lanes: int, deadline: bool
) -> World:
    """More busy lanes than one transaction has rows for, and an idle one."""
    policies = {lane(n): bulk for n in range(10, 10 + lanes)}
    world = World(memory, {OTHER: BATCH, **policies})
    before = NOW + HOUR if deadline else None
    for one in policies:
        orders = (world.new(f"{n}", one, cancel_before=before) for n in range(1000))
        world.submit(*orders)
    for _ in range(4):
        world.step()
    return world


@pytest.mark.parametrize("bulk", [SINGLE, BATCH], ids=["single", "batch"])
def test_an_urgent_order_is_called_in_the_next_step_beside_many_waiting_lanes(
    memory: Engine, bulk: Policy
) -> None:
    world = many_bulk_lanes(memory, bulk, lanes=30, deadline=False)
    world.submit(world.new("urgent", OTHER, cancel_before=soon(world)))
    assert steps_until_called(world, "urgent", OTHER) == 1


@pytest.mark.parametrize("bulk", [SINGLE, BATCH], ids=["single", "batch"])
@pytest.mark.parametrize("deadline", [False, True], ids=["plain", "urgent-bulk"])
def test_a_single_order_has_its_turn_among_many_lanes_in_bulk(
    memory: Engine, bulk: Policy, deadline: bool
) -> None:
    world = many_bulk_lanes(memory, bulk, lanes=30, deadline=deadline)
    world.submit_orders(["lonely"], OTHER)
    assert steps_until_called(world, "lonely", OTHER) <= 10


@pytest.mark.parametrize("deadline", [False, True], ids=["plain", "urgent-bulk"])
def test_each_of_many_lanes_in_bulk_has_its_turn(
    memory: Engine, deadline: bool
) -> None:
    world = many_bulk_lanes(memory, SINGLE, lanes=30, deadline=deadline)
    for _ in range(10):
        world.step()
    assert len({one.call.operation.lane for one in world.executor.begun}) == 30


def test_a_transaction_is_bounded_whatever_is_submitted(memory: Engine) -> None:
    world = many_bulk_lanes(memory, SINGLE, lanes=30, deadline=False)
    most = 0
    while world.patience() == 0.0:
        before = rows(world)
        world.step()
        most = max(most, rows(world) - before)
    assert 300 <= most <= 450
    assert rows(world) == 30 * 1000


def soon(world: World) -> datetime:
    return world.clock.now() + 5 * SECOND


def rows(world: World) -> int:
    with writing(world.ledger) as connection:
        found = connection.exec_driver_sql("SELECT count(*) FROM cancellation")
        return int(found.scalar_one())


def test_lanes_in_bulk_take_turns(memory: Engine) -> None:
    lanes = {lane(n): BATCH for n in range(6)}
    world = World(memory, lanes)
    for one in lanes:
        world.submit_orders(range(1000), one)
    for _ in range(2 * len(lanes)):
        world.step()
    called = {one.call.operation.lane for one in world.executor.begun}
    assert called == set(lanes)


def test_a_lane_with_a_rate_counts_no_more_than_it_needs(memory: Engine) -> None:
    its = policy(concurrency=2, rate="5/second")
    world = World(memory, {BULK: its})
    with writing(world.ledger) as connection:
        some = [world.new(str(n)) for n in range(MOST_COUNTED + 10)]
        insert_new(connection, some, NOW)
    world.engine.notify([(BULK, "cancel")])
    world.settle()
    assert world.operation().waiting == MOST_COUNTED
    [request] = world.limiter.requests
    assert request.calls == 2
