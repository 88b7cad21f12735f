"""The engine works when there is something to do, and otherwise waits."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import Engine

from rescind.engine.call_results import CallResult
from rescind.engine.engine import LONGEST_WAIT
from rescind.ledger.changes.insertion import insert_new
from rescind.ledger.changes.lane_states import write_lane
from rescind.ledger.storage.transactions import writing
from rescind.provider.policy import seconds
from tests.engine.parts import UnderWay
from tests.engine.results import UNCLEAR
from tests.engine.world import World, lane
from tests.ledger.build import NOW, policy

SOON = 0.1
"""Seconds: much less than until the next sweep, which comes each second."""


def test_an_engine_without_work_waits(world: World) -> None:
    world.settle()
    assert world.patience() == LONGEST_WAIT


def test_an_order_that_another_process_inserted_is_sent_after_a_notification(
    world: World,
) -> None:
    with writing(world.ledger) as connection:
        insert_new(connection, [world.new("1")], NOW)
    world.engine.notify([(lane(), "cancel")])
    world.settle()
    assert world.orders_under_way() == ["1"]


def test_all_orders_that_another_process_inserted_are_sent_after_one_notification(
    world: World,
) -> None:
    with writing(world.ledger) as connection:
        insert_new(connection, [world.new(str(n)) for n in range(50)], NOW)
    world.engine.notify([(lane(), "cancel")])
    world.finish()
    assert set(world.states().values()) == {"cancelled"}


def test_an_order_that_is_due_for_reading_at_once_is_read_at_once(
    memory: Engine,
) -> None:
    world = World(memory, {lane(): policy(verify_delays=seconds(0, 60))})
    world.submit_orders("1")
    world.settle()
    world.end_all(lambda one: world.results.of(one, UNCLEAR))
    world.run(SOON)
    [call] = world.under_way
    assert call.call.operation.operation == "verify"


def test_an_order_that_is_due_for_resending_at_once_is_sent_at_once(
    memory: Engine,
) -> None:
    world = World(memory, {lane(): policy(resend_delays=seconds(0, 60))})
    world.submit_orders("1")
    world.settle()
    world.end_all(world.results.not_sent)
    world.run(SOON)
    assert world.orders_under_way() == ["1"]


def test_the_halves_of_a_refused_batch_go_at_once_and_side_by_side(
    memory: Engine,
) -> None:
    world = World(memory, {lane(): policy(batch=8, concurrency=2)})
    world.submit_orders(range(8))
    world.settle()
    world.end_all(world.results.halved)
    world.run(SOON)
    assert [len(one.ids) for one in world.under_way] == [4, 4]


def test_orders_behind_those_of_a_refused_batch_do_not_wait_for_them(
    memory: Engine,
) -> None:
    world = World(memory, {lane(): policy(batch=8, concurrency=3)})
    world.submit_orders(range(2))
    world.settle()
    world.end_all(world.results.halved)
    world.submit_orders(range(10, 26))
    world.run(SOON)
    assert len(world.under_way) == 3


def test_the_halves_of_a_refused_batch_go_when_others_of_the_lane_have_gone(
    memory: Engine,
) -> None:
    world = World(memory, {lane(): policy(batch=4, concurrency=1)})
    world.submit_orders(range(4))
    world.settle()
    with writing(world.ledger) as connection:
        insert_new(connection, [world.new(str(n)) for n in range(10, 20)], NOW)
    world.engine.notify([(lane(), "cancel")])
    world.clock.advance(SOON)
    world.end_all(world.results.halved)
    world.settle()
    sizes = []
    while world.under_way:
        sizes += [len(one.ids) for one in world.under_way]
        world.end_all()
        world.run(SOON)
    assert sizes == [4, 4, 2, 2, 2], "first those that have been due for longer"


def test_returned_calls_are_recorded_at_once(memory: Engine) -> None:
    world = World(memory, {lane(): policy(concurrency=1)})
    make_quick(world)
    world.submit_orders(range(5))
    world.settle()
    assert world.operation().ready
    world.end_all(world.results.throttled)
    world.run(SOON)
    assert set(world.states().values()) == {"queued"}
    assert world.operation().in_flight == 0


def make_quick(world: World, calls: int = 40) -> None:
    """Give the lane a pace, so that it claims ahead."""
    for number in range(calls):
        world.submit_orders([f"quick-{number}"])
        world.settle()
        world.clock.advance(0.001)
        world.end_all()
        world.settle()
    with writing(world.ledger) as connection:
        connection.exec_driver_sql("DELETE FROM transition")
        connection.exec_driver_sql("DELETE FROM cancellation")


def test_a_call_that_fails_by_a_bug_makes_room_for_the_next(world: World) -> None:
    world.submit_orders(range(4))
    world.settle()
    bug = world.under_way[0]
    world.executor.end(bug, None)
    world.run(SOON)
    assert len(world.under_way) == 2
    assert world.operation().in_flight == 2
    world.finish()
    left = [order for order, state in world.states().items() if state == "sending"]
    assert left == bug.orders, "its order is held until its lease ends"


def test_an_order_whose_call_failed_by_a_bug_is_read_back(world: World) -> None:
    world.submit_orders("1")
    world.settle()
    world.executor.end(world.under_way[0], None)
    world.clock.advance(120)
    world.sweep()
    world.settle()
    assert world.states() == {"1": "verifying"}


# --- at rest ---


def test_a_thousand_lanes_at_rest_cost_nothing(memory: Engine) -> None:
    lanes = {
        lane(n): policy(rate="100/second" if n % 2 else "none") for n in range(999)
    }
    world = World(memory, lanes)
    world.engine.notify((one, name) for one in lanes for name in ("cancel", "verify"))
    world.settle()
    world.faults.statements.clear()
    for _ in range(10):
        world.step()
        assert world.patience() == LONGEST_WAIT
    assert world.faults.statements == []
    assert world.limiter.asked == 0
    assert world.registry.active == []


def test_a_lane_that_waits_for_its_calls_does_not_keep_the_engine_busy(
    world: World,
) -> None:
    world.submit_orders(range(20))
    world.settle()
    assert world.run(10) <= 10


def test_a_tripped_lane_that_waits_for_its_probe_does_not_keep_the_engine_busy(
    world: World,
) -> None:
    bad = world.lane_state()
    with writing(world.ledger) as connection:
        write_lane(connection, lane(), replace(bad, failures=99))
    world.submit_orders(range(20))
    world.settle()
    assert len(world.under_way) == 1
    assert world.run(10) <= 25


def test_a_lane_that_may_not_be_called_does_not_keep_the_engine_busy(
    world: World,
) -> None:
    until = NOW + timedelta(hours=1)
    state = replace(world.lane_state(), paused_until=until, pause_reason="down")
    with writing(world.ledger) as connection:
        write_lane(connection, lane(), state)
    world.submit_orders(range(20))
    assert world.run(10) <= 10
    assert world.under_way == []


def test_finished_orders_leave_nothing_in_memory(world: World) -> None:
    world.submit_orders(range(30))
    world.finish()
    own = world.operation()
    left = (own.inbox, own.results, own.ready, own.permits)
    assert not any(left)
    assert (own.running, own.in_flight) == (0, 0)
    assert world.registry.active == []
    assert not world.engine._dispatcher._results
    assert world.engine._dispatcher._calling == 0


def test_deliveries_are_announced_only_for_orders_with_a_callback(world: World) -> None:
    world.submit_orders("1")
    world.finish()
    assert world.deliveries == 0
    world.submit(world.new("2", callback_url="https://shop.example/done"))
    world.finish()
    assert world.deliveries == 1


def test_a_fault_after_a_commit_does_not_count_as_a_fault_of_the_commit(
    world: World,
) -> None:
    """Otherwise the share would be written again, and its calls would be lost."""

    def fail() -> None:
        raise RuntimeError("no thread for webhooks")

    world.engine._committer._deliveries_due = fail
    world.submit(world.new("1", callback_url="https://shop.example/done"))
    world.submit_orders(range(10, 20))
    ended: list[CallResult] = []

    def end(one: UnderWay) -> CallResult:
        ended.append(world.results.cancelled(one))
        return ended[-1]

    world.settle()
    world.end_all(end)
    try:
        world.settle()
    except RuntimeError as error:
        assert str(error) == "no thread for webhooks"  # noqa: PT017
    operation = world.operation()
    unrecorded = len(operation.results) + len(operation.ready) + len(world.under_way)
    assert operation.in_flight == unrecorded
