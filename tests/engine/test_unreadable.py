"""Unreadable answers: whether the order or its lane is at fault."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from rescind.engine.lane_operation import LaneOperation
from tests.engine.world import World
from tests.ledger.build import policy

TRIES = 8


@pytest.fixture
def world(memory: Engine) -> World:
    from tests.engine.world import lane

    return World(memory, {lane(): policy(trip_after=2, concurrency=4)})


def end_unreadable(world: World, *orders: str) -> None:
    for one in world.under_way:
        if one.orders[0] in orders:
            world.end(one, world.results.unreadable)
    world.settle()


def look_again(world: World) -> None:
    world.run(60.0)
    world.sweep()
    world.settle()


def test_one_order_with_unreadable_answers_does_not_pause_its_lane(
    world: World,
) -> None:
    world.submit_orders(["bad"])
    world.settle()
    for _ in range(TRIES):
        end_unreadable(world, "bad")
        assert world.lane_state().paused_until is None
        look_again(world)
    world.submit_orders(["good"])
    world.settle()
    assert "good" in world.orders_under_way()


def test_unreadable_answers_about_several_orders_pause_the_lane(world: World) -> None:
    world.submit_orders(["1", "2", "3"])
    world.settle()
    end_unreadable(world, "1", "2", "3")
    assert world.lane_state().paused_until is not None


def test_an_answer_that_can_be_read_in_between_clears_the_lane(world: World) -> None:
    operation: LaneOperation = world.operation()
    for order in ("1", "2", "3"):
        world.submit_orders([order, f"good {order}"])
        world.settle()
        end_unreadable(world, order)
        for one in world.under_way:
            world.end(one)
        world.settle()
        assert not operation.unreadable
    assert world.lane_state().paused_until is None
