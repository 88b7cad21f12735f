"""The accounts file changes while the engine works."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine

from rescind.ledger.changes.insertion import insert_new
from rescind.ledger.storage.transactions import writing
from tests.engine.world import World, lane
from tests.ledger.build import NOW, policy

LANE, OTHER = lane(0), lane(1)
ITS = policy(concurrency=2)


@pytest.fixture
def world(memory: Engine) -> World:
    return World(memory, {LANE: ITS, OTHER: ITS})


def test_new_credentials_are_used_for_the_next_call_and_not_for_those_under_way(
    world: World,
) -> None:
    world.submit_orders(range(4))
    world.settle()
    before = world.accounts.lane(LANE)
    world.reload({LANE: ITS, OTHER: ITS})
    after = world.accounts.lane(LANE)
    first = world.under_way
    world.end_all()
    world.settle()
    assert all(one.call.caller.config is before for one in first)
    assert len(world.under_way) == 2
    assert all(one.call.caller.config is after for one in world.under_way)


def test_a_new_concurrency_is_used_for_the_next_calls(world: World) -> None:
    world.submit_orders(range(20))
    world.settle()
    assert len(world.under_way) == 2
    world.reload({LANE: policy(concurrency=5), OTHER: ITS})
    world.end_all()
    world.settle()
    assert len(world.under_way) == 5
    world.reload({LANE: policy(concurrency=1), OTHER: ITS})
    world.end_all()
    world.settle()
    assert len(world.under_way) == 1
    world.finish()
    assert set(world.states().values()) == {"cancelled"}


def test_a_smaller_batch_is_used_for_the_next_call(world: World) -> None:
    world.reload({LANE: policy(batch=10, concurrency=1), OTHER: ITS})
    world.operation().pace = 0.0
    world.submit_orders(range(30))
    world.settle()
    world.reload({LANE: policy(batch=3, concurrency=1), OTHER: ITS})
    world.end_all()
    world.settle()
    assert [len(one.ids) for one in world.under_way] == [3]


def test_a_lane_without_a_usable_account_keeps_its_orders_queued_and_says_why_once(
    world: World, logged: list[Any]
) -> None:
    world.reload({LANE: None, OTHER: ITS})
    futures = [world.submit_orders(order) for order in "123"]
    world.engine.notify((LANE, name) for name in ("cancel", "verify", "poll"))
    world.run(20)
    world.reload({LANE: None, OTHER: ITS})
    world.run(20)
    assert all(one.result(0) for one in futures)
    assert set(world.states().values()) == {"queued"}
    assert world.under_way == []
    why = [one for one in logged if one["event"] == "lane cannot be called"]
    assert [(one["lane"], one["why"]) for one in why] == [("/".join(LANE), "no key")]


def test_a_lane_without_a_usable_account_costs_nothing(world: World) -> None:
    world.reload({LANE: None, OTHER: ITS})
    world.submit_orders("123")
    world.settle()
    world.faults.statements.clear()
    assert world.run(60) <= 15
    assert world.faults.statements == []
    assert world.registry.active == []


def test_a_lane_goes_on_when_its_account_is_usable_again(world: World) -> None:
    world.reload({LANE: None, OTHER: ITS})
    world.submit_orders("123")
    world.run(5)
    world.reload({LANE: ITS, OTHER: ITS})
    world.sweep()
    world.settle()
    assert len(world.under_way) == 2
    world.finish()
    assert set(world.states().values()) == {"cancelled"}


def test_results_of_a_lane_that_lost_its_account_are_recorded(world: World) -> None:
    world.submit_orders(range(6))
    world.settle()
    world.reload({OTHER: ITS})
    world.end_all()
    world.run(1)
    assert sorted(world.states().values()) == ["cancelled"] * 2 + ["queued"] * 4
    assert world.under_way == []
    assert world.operation().in_flight == 0


def test_a_lane_that_no_file_ever_named_is_known_once_it_has_orders(
    world: World,
) -> None:
    stranger = lane(77)
    with writing(world.ledger) as connection:
        insert_new(connection, [world.new("1", stranger)], NOW)
    world.engine.notify([(stranger, "cancel")])
    world.run(5)
    assert world.states() == {"1": "queued"}
    world.reload({LANE: ITS, OTHER: ITS, stranger: ITS})
    world.engine.notify([(stranger, "cancel")])
    world.settle()
    assert world.orders_under_way() == ["1"]
