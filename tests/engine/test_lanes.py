"""A lane that is paused, held or tripped sends nothing but a probe."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from rescind.ledger.changes.insertion import insert_new
from rescind.ledger.changes.lane_states import LaneState, hold_for_operator, write_lane
from rescind.ledger.progress import Progress
from rescind.ledger.states import State
from rescind.ledger.storage.transactions import writing
from rescind.provider.policy import Policy, seconds
from tests.engine.results import UNCLEAR
from tests.engine.world import World, lane
from tests.ledger.build import BY, HOUR, NOW, policy
from worker.notifications import OPERATIONS

LEFT = lane(1)
"""Another lane, which stays open."""
PAUSED = LaneState(paused_until=NOW + HOUR, pause_reason="too many")
HELD = LaneState(held_at=NOW, held_reason="the key is not valid", probe_at=NOW + HOUR)
OPERATORS = hold_for_operator(LaneState(), NOW, BY)
CLOSED = pytest.mark.parametrize(
    "state", [PAUSED, HELD, OPERATORS], ids=["paused", "held", "by-operator"]
)
TRIPPED = LaneState(failures=5)
SINGLE = policy(concurrency=2, verify_delays=seconds(0), probe_after=HOUR)


@pytest.fixture
def world(memory: Engine) -> World:
    return World(memory, {lane(): SINGLE, LEFT: SINGLE})


def set_lane_state(world: World, state: LaneState) -> None:
    with writing(world.ledger) as connection:
        write_lane(connection, lane(), state)


def insert_orders(world: World, count: int, state: State = State.QUEUED) -> None:
    """Insert orders into the ledger without the engine."""
    progress = Progress(state, due_at=NOW)
    if state is not State.QUEUED:
        asked = replace(progress, attempts=1, spent=1, sent_at=NOW)
        progress = replace(asked, lost=True, since=NOW)
    names = [f"{state}-{n}" for n in range(count)]
    with writing(world.ledger) as connection:
        new = [world.new(name, progress=progress) for name in names]
        insert_new(connection, new, NOW)


def notify_all(world: World) -> None:
    world.engine.notify((lane(), name) for name in OPERATIONS)


# --- closed lanes ---


@CLOSED
def test_nothing_is_sent_on_a_closed_lane_and_others_go_on(
    world: World, state: LaneState
) -> None:
    set_lane_state(world, state)
    insert_orders(world, 5)
    insert_orders(world, 5, State.VERIFYING)
    insert_orders(world, 5, State.REQUESTED)
    notify_all(world)
    world.submit_orders("1", LEFT)
    world.run(5)
    assert world.orders_under_way() == ["1"]


@CLOSED
def test_new_orders_of_a_closed_lane_are_in_the_ledger_at_once(
    world: World, state: LaneState
) -> None:
    set_lane_state(world, state)
    for order in "1234":
        future = world.submit_orders(order)
        world.run(0.1)
        assert future.done(), "its sender waits for a closed lane"
        assert world.states()[order] == "queued"
    assert world.under_way == []


@CLOSED
@pytest.mark.parametrize("rate", ["none", "5/second"])
def test_a_closed_lane_costs_nothing_until_it_is_notified(
    memory: Engine, state: LaneState, rate: str
) -> None:
    world = World(memory, {lane(): policy(rate=rate)})
    set_lane_state(world, state)
    insert_orders(world, 5)
    notify_all(world)
    world.settle()
    asked = world.limiter.asked
    world.faults.statements.clear()
    world.run(60)
    assert world.faults.statements == []
    assert world.limiter.asked == asked


def test_a_lane_whose_pause_is_over_goes_on_when_the_sweep_notifies(
    world: World,
) -> None:
    set_lane_state(world, replace(PAUSED, paused_until=NOW + timedelta(seconds=30)))
    world.submit_orders("123")
    world.settle()
    world.run(31)
    world.sweep()
    world.settle()
    assert len(world.under_way) == 2


@pytest.mark.parametrize("first", ["none", "order"])
def test_a_new_order_that_comes_after_a_pause_is_called_at_once(
    world: World, first: str
) -> None:
    set_lane_state(world, replace(PAUSED, paused_until=NOW + timedelta(seconds=30)))
    if first == "order":
        world.submit_orders("1")
    notify_all(world)
    world.run(31)
    world.submit_orders("2")
    world.run(0.1)
    assert "2" in world.orders_under_way()


def test_a_lane_that_an_operator_resumes_takes_new_orders_at_once(
    world: World,
) -> None:
    set_lane_state(world, OPERATORS)
    world.submit_orders("1")
    world.settle()
    set_lane_state(world, LaneState())
    world.submit_orders("2")
    world.run(0.1)
    assert "2" in world.orders_under_way()


# --- probes ---


def test_a_held_lane_is_probed_by_one_call_when_its_time_has_come(
    world: World,
) -> None:
    set_lane_state(world, HELD)
    insert_orders(world, 5)
    notify_all(world)
    world.run(HOUR.total_seconds() + 1)
    world.sweep()
    world.run(5)
    assert len(world.under_way) == 1
    world.end_all(world.results.held)
    world.run(5)
    assert world.under_way == []


def test_a_held_lane_is_probed_at_once_when_the_accounts_file_has_changed(
    world: World,
) -> None:
    set_lane_state(world, HELD)
    insert_orders(world, 5)
    world.run(10)
    world.change_accounts()
    world.sweep()
    world.settle()
    assert len(world.under_way) == 1
    world.finish()
    assert world.lane_state() == LaneState()
    assert set(world.states().values()) == {"cancelled"}


def test_a_key_that_is_still_wrong_is_probed_once_for_each_change(
    world: World,
) -> None:
    set_lane_state(world, HELD)
    insert_orders(world, 5)
    for changes in (1, 2):
        world.run(10)
        world.change_accounts()
        for _ in range(20):
            world.run(2)
            world.sweep()
            world.finish(world.results.held)
        assert len(world.executor.begun) == changes


def test_a_lane_that_an_operator_holds_is_not_probed_when_the_file_changes(
    world: World,
) -> None:
    set_lane_state(world, OPERATORS)
    insert_orders(world, 5)
    world.run(10)
    world.change_accounts()
    world.sweep()
    world.run(10)
    assert world.executor.begun == []


def test_a_tripped_lane_is_probed_by_one_call_and_opens_when_it_is_answered(
    world: World,
) -> None:
    set_lane_state(world, TRIPPED)
    insert_orders(world, 5)
    notify_all(world)
    world.run(5)
    assert len(world.under_way) == 1
    world.end_all()
    world.settle()
    assert len(world.under_way) == 2
    assert world.lane_state() == LaneState()
    world.finish()
    assert set(world.states().values()) == {"cancelled"}


def test_a_tripped_lane_pauses_again_when_its_probe_fails(world: World) -> None:
    set_lane_state(world, TRIPPED)
    insert_orders(world, 5)
    notify_all(world)
    world.settle()
    world.end_all(world.results.not_sent)
    world.run(0.5)
    assert world.under_way == []
    assert world.lane_state().failures == 6


def test_new_orders_beside_a_probe_are_kept_and_wait_for_it(world: World) -> None:
    set_lane_state(world, TRIPPED)
    insert_orders(world, 1)
    notify_all(world)
    world.settle()
    future = world.submit_orders(range(10))
    world.run(1)
    assert future.done()
    assert len(world.under_way) == 1
    world.finish()
    assert set(world.states().values()) == {"cancelled"}


# --- calls that are claimed and not begun ---


def quick(memory: Engine, its: Policy) -> World:
    """A lane that claims ahead for each of its operations."""
    world = World(memory, {lane(): its})
    insert_orders(world, 20)
    insert_orders(world, 20, State.VERIFYING)
    insert_orders(world, 20, State.REQUESTED)
    for name in OPERATIONS:
        world.operation(name).pace = 1000.0
    notify_all(world)
    world.settle()
    assert all(world.operation(name).ready for name in OPERATIONS)
    return world


def unbegun(world: World) -> int:
    return sum(len(world.operation(name).ready) for name in OPERATIONS)


@pytest.mark.parametrize("which", OPERATIONS)
@pytest.mark.parametrize("how", ["throttled", "held"])
def test_a_result_that_stops_a_lane_returns_the_unbegun_calls_of_all_operations(
    memory: Engine, which: str, how: str
) -> None:
    world = quick(memory, policy(concurrency=2))
    begun = len(world.executor.begun)
    stopping = next(
        one for one in world.under_way if one.call.operation.operation == which
    )
    world.end(stopping, getattr(world.results, how))
    world.run(0.1)
    assert unbegun(world) == 0
    assert len(world.executor.begun) == begun
    for name in OPERATIONS:
        at_work = [
            one for one in world.under_way if one.call.operation.operation == name
        ]
        assert world.operation(name).in_flight == len(at_work)
    with writing(memory) as connection:
        sent = connection.exec_driver_sql(
            "SELECT count(*) FROM cancellation WHERE state = 'sending'"
        ).scalar_one()
        counted = connection.exec_driver_sql(
            "SELECT max(attempts) FROM cancellation WHERE state = 'queued'"
        ).scalar_one()
    calls = sum(
        len(one.ids)
        for one in world.under_way
        if one.call.operation.operation == "cancel"
    )
    assert sent == calls
    assert counted == 0, "an unsent order has no attempt"


def test_a_lane_that_trips_returns_its_unbegun_calls(memory: Engine) -> None:
    world = quick(memory, policy(concurrency=2, trip_after=2))
    cancels = [
        one for one in world.under_way if one.call.operation.operation == "cancel"
    ]
    for one in cancels:
        world.end(one, world.results.not_sent)
    world.run(0.1)
    assert unbegun(world) == 0


def test_no_call_begins_after_a_result_that_stops_the_lane(
    memory: Engine,
) -> None:
    world = quick(memory, policy(concurrency=2))
    begun = len(world.executor.begun)
    for one in world.under_way:
        world.end(one, world.results.throttled)
    assert len(world.executor.begun) == begun


@pytest.mark.parametrize("how", ["throttled", "held"])
def test_no_call_of_a_commit_begins_if_the_lane_was_stopped_meanwhile(
    memory: Engine, how: str
) -> None:
    world = World(memory, {lane(): policy(concurrency=2)})
    world.submit_orders("1")
    world.settle()
    [first] = world.under_way
    world.submit_orders("2")
    world.faults.meanwhile.append(lambda: world.end(first, getattr(world.results, how)))
    world.step()
    assert world.under_way == []
    world.settle()
    assert world.states() == {"1": "queued", "2": "queued"}
    assert world.operation().in_flight == 0


def test_returned_orders_are_sent_when_the_lane_goes_on(memory: Engine) -> None:
    world = quick(memory, policy(concurrency=2))
    world.end_all(world.results.throttled)
    world.run(31)
    for _ in range(20):
        world.sweep()
        world.finish()
        world.clock.advance(10)
    assert set(world.states().values()) == {"cancelled"}


def test_a_throttle_is_counted_once(memory: Engine) -> None:
    world = World(memory, {lane(): policy()})
    world.submit_orders("1")
    world.settle()
    world.faults.unacknowledged = 1
    world.end_all(world.results.throttled)
    world.run(2)
    with writing(memory) as connection:
        found = connection.exec_driver_sql(
            "SELECT count FROM tally WHERE metric = 'throttle'"
        ).scalar_one()
    assert found == 1


def test_results_of_one_step_are_applied_in_their_order(world: World) -> None:
    """A throttle that another call met stays in force."""
    world.submit_orders("12")
    world.settle()
    one, other = world.under_way
    world.end(one, world.results.throttled)
    world.end(other)
    world.settle()
    assert world.lane_state().paused_until is not None


def test_a_reading_beside_a_cancel_has_calls_of_its_own(world: World) -> None:
    world.submit_orders("12")
    world.settle()
    world.end(world.under_way[0], lambda one: world.results.of(one, UNCLEAR))
    world.submit_orders("34")
    world.run(0.1)
    names = sorted(one.call.operation.operation for one in world.under_way)
    assert names == ["cancel", "cancel", "verify"]
