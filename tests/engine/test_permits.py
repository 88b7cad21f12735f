"""Lanes with a rate: nothing is claimed without a permit, and no permit is wasted."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from rescind.engine.rate_limiter import CONTESTED_SHARE, READ_SHARE
from rescind.ledger.changes.insertion import insert_new
from rescind.ledger.changes.lane_states import LaneState, write_lane
from rescind.ledger.states import State
from rescind.ledger.storage.transactions import writing
from rescind.provider.policy import seconds
from tests.engine.ledgers import break_lane, mend_lane
from tests.engine.results import UNCLEAR
from tests.engine.world import World, lane
from tests.ledger.build import HOUR, NOW, policy

LIMITED, FREE = lane(0), lane(1)
ITS = policy(concurrency=4, rate="5/second", verify_delays=seconds(0, 60))


@pytest.fixture
def world(memory: Engine) -> World:
    """A lane with a rate, and one without."""
    return World(memory, {LIMITED: ITS, FREE: policy(concurrency=4)})


def test_nothing_is_claimed_without_a_permit(world: World) -> None:
    future = world.submit_orders(range(10))
    world.run(5)
    assert len(future.result(0)) == 10
    assert set(world.states().values()) == {"queued"}
    assert world.under_way == []
    [request] = world.limiter.requests
    assert (request.lane, request.calls) == (LIMITED, 4)


def test_as_many_calls_begin_as_permits_are_granted(world: World) -> None:
    world.submit_orders(range(10))
    world.settle()
    world.limiter.grant(world.limiter.requests[0], 2, wait=1)
    world.settle()
    assert len(world.under_way) == 2
    assert len(world.limiter.held) == 2


def test_no_more_permits_are_asked_for_than_there_are_orders(world: World) -> None:
    world.submit_orders("1")
    world.settle()
    [request] = world.limiter.requests
    assert request.calls == 1


def test_a_permit_is_for_a_call_however_many_orders_it_has(memory: Engine) -> None:
    world = World(memory, {LIMITED: policy(batch=10, rate="5/second", concurrency=4)})
    world.submit_orders(range(25))
    world.settle()
    [request] = world.limiter.requests
    assert request.calls == 3
    world.limiter.grant(request, 3)
    world.settle()
    assert sorted(len(one.ids) for one in world.under_way) == [5, 10, 10]


def test_each_permit_of_a_call_is_released_once_when_the_call_is_over(
    world: World,
) -> None:
    world.submit_orders(range(10))
    work(world)
    assert set(world.states().values()) == {"cancelled"}
    assert world.limiter.held == []


def work(world: World, rounds: int = 50) -> None:
    """Grant all requests and end all calls, until nothing is left to do."""
    for _ in range(rounds):
        world.settle()
        if not world.under_way and not world.limiter.requests:
            return
        world.limiter.grant_all()
        world.settle()
        world.end_all()
    raise AssertionError("it does not come to an end")


def test_permits_that_find_no_order_are_released_at_once(world: World) -> None:
    [one] = insert_orders(world, 1)
    world.engine.notify([(LIMITED, "cancel")])
    world.settle()
    [request] = world.limiter.requests
    take_away(world, one)
    world.limiter.grant(request, 1)
    world.settle()
    assert world.under_way == []
    assert world.limiter.held == []


def insert_orders(world: World, count: int) -> list[str]:
    new = [world.new(str(n)) for n in range(count)]
    with writing(world.ledger) as connection:
        insert_new(connection, new, NOW)
    return [one.id for one in new]


def take_away(world: World, one: str) -> None:
    """Another worker has claimed it."""
    later = round((NOW + HOUR).timestamp() * 1000)
    with writing(world.ledger) as connection:
        connection.exec_driver_sql(
            f"UPDATE cancellation SET due_at = {later} WHERE id = '{one}'"
        )


def test_a_permit_whose_order_another_worker_took_is_used_for_a_new_order(
    world: World,
) -> None:
    [one] = insert_orders(world, 1)
    world.engine.notify([(LIMITED, "cancel")])
    world.settle()
    [request] = world.limiter.requests
    take_away(world, one)
    world.submit_orders(["new"])
    # The next request would bring nothing for half a minute.
    world.limiter.grant(request, 1, 30.0)
    world.step()
    assert world.orders_under_way() == ["new"]


def test_permits_that_arrive_when_no_order_is_left_are_released_at_once(
    world: World,
) -> None:
    """Another worker took the waiting orders, and the lane has come to rest."""
    first, second = insert_orders(world, 2)
    world.engine.notify([(LIMITED, "cancel")])
    world.settle()
    world.limiter.grant(world.limiter.requests[0], 1)
    world.settle()
    [request] = world.limiter.requests
    take_away(world, first)
    take_away(world, second)
    world.end_all()
    world.settle()
    world.limiter.grant(request, request.calls)
    world.settle()
    assert world.limiter.held == []
    world.run(10)
    assert world.limiter.requests == []


@pytest.mark.parametrize("why", ["paused", "stopping", "uncallable", "broken", "away"])
def test_permits_that_cannot_be_used_now_are_released_at_once(
    world: World, why: str
) -> None:
    world.submit_orders(range(10))
    world.settle()
    [request] = world.limiter.requests
    if why == "paused":
        paused = LaneState(paused_until=NOW + HOUR, pause_reason="down")
        with writing(world.ledger) as connection:
            write_lane(connection, LIMITED, paused)
    elif why == "stopping":
        world.engine.stop()
    elif why == "uncallable":
        world.reload({LIMITED: None, FREE: policy()})
    elif why == "broken":
        break_lane(world.ledger, LIMITED)
    else:
        world.faults.away = True
    world.limiter.grant(request, 4)
    world.settle()
    assert world.under_way == []
    assert world.limiter.held == []


@pytest.mark.parametrize("why", ["broken", "away"])
def test_permits_are_not_asked_for_over_and_over_while_nothing_can_be_written(
    world: World, why: str
) -> None:
    world.submit_orders(range(10))
    world.settle()
    if why == "broken":
        break_lane(world.ledger, LIMITED)
    else:
        world.faults.away = True
    for _ in range(100):
        world.limiter.grant_all()
        world.run(0.1)
        assert len(world.limiter.held) <= ITS.concurrency
    assert world.limiter.asked <= 30


def test_a_lane_that_is_written_again_asks_for_permits_again(world: World) -> None:
    world.submit_orders(range(3))
    world.settle()
    break_lane(world.ledger, LIMITED)
    world.limiter.grant_all()
    world.run(3)
    mend_lane(world.ledger)
    for _ in range(40):
        world.run(1)
        world.limiter.grant_all()
        world.settle()
        world.end_all()
    assert set(world.states().values()) == {"cancelled"}
    assert world.limiter.held == []


def test_a_lane_whose_rate_is_used_up_asks_again_after_the_wait_it_was_given(
    world: World,
) -> None:
    world.submit_orders(range(10))
    world.settle()
    world.limiter.grant(world.limiter.requests[0], 0, wait=7)
    world.run(6.9)
    assert world.limiter.requests == []
    world.run(0.2)
    assert len(world.limiter.requests) == 1


def test_the_engine_rests_until_a_lane_may_ask_again(world: World) -> None:
    world.submit_orders(range(10))
    world.settle()
    world.limiter.grant(world.limiter.requests[0], 0, wait=60)
    assert world.run(59) <= 15


def test_the_engine_rests_while_a_lane_with_a_rate_waits_for_its_calls(
    world: World,
) -> None:
    world.submit_orders(range(10))
    world.settle()
    world.limiter.grant_all()
    world.settle()
    assert len(world.under_way) == 4
    assert world.run(20) <= 15


def test_a_tripped_lane_with_a_rate_probes_with_one_permit_and_rests(
    world: World,
) -> None:
    with writing(world.ledger) as connection:
        write_lane(connection, LIMITED, LaneState(failures=9))
    world.submit_orders(range(10))
    for _ in range(100):
        world.run(0.1)
        world.limiter.grant_all()
    world.settle()
    assert len(world.under_way) == 1
    assert len(world.limiter.held) == 1
    assert world.limiter.asked <= 25


def test_a_limiter_that_does_not_answer_holds_nothing_but_its_own_lane(
    world: World,
) -> None:
    world.submit_orders(range(3), LIMITED)
    world.submit_orders(range(10, 13), FREE)
    world.finish()
    world.run(20)
    done = {order for order, state in world.states().items() if state == "cancelled"}
    assert done == {"10", "11", "12"}
    assert len(world.limiter.requests) == 1


def test_reads_have_a_part_of_the_rate_and_a_smaller_one_beside_cancels(
    world: World,
) -> None:
    world.submit_orders("1")
    world.settle()
    world.limiter.grant_all()
    world.settle()
    world.end_all(lambda one: world.results.of(one, UNCLEAR))
    world.settle()
    [request] = world.limiter.requests
    assert request.share == READ_SHARE
    world.limiter.grant(request, 0, wait=1)
    world.submit_orders(range(10, 20))
    world.run(1.1)
    shares = {one.share for one in world.limiter.requests}
    assert shares == {1.0, CONTESTED_SHARE}


def test_only_readings_of_a_lane_with_a_read_rate_need_permits(
    memory: Engine,
) -> None:
    its = policy(read_rate="1/second", verify_delays=seconds(0, 60))
    world = World(memory, {LIMITED: its})
    world.submit_orders("1")
    world.settle()
    assert world.limiter.asked == 0
    world.end_all(lambda one: world.results.of(one, UNCLEAR))
    world.settle()
    assert len(world.limiter.requests) == 1
    assert world.under_way == []


def test_permits_of_returned_calls_are_released(world: World) -> None:
    world.submit_orders(range(12))
    world.operation().pace = 1000.0
    world.settle()
    world.limiter.grant_all()
    world.settle()
    assert world.operation().ready
    world.end_all(world.results.throttled)
    world.settle()
    assert world.limiter.held == []
    assert set(world.states().values()) == {"queued"}


def test_orders_without_a_permit_are_returned_unsent(world: World) -> None:
    """The orders of a refused batch need more calls than there are permits."""
    world.reload({LIMITED: ITS.model_copy(update={"batch": 10}), FREE: ITS})
    insert_orders(world, 12)
    with writing(world.ledger) as connection:
        connection.exec_driver_sql("UPDATE cancellation SET batch_cap = 4")
    world.engine.notify([(LIMITED, "cancel")])
    work(world)
    assert set(world.states().values()) == {"cancelled"}
    assert max(len(one.ids) for one in world.executor.begun) <= 4
    assert world.limiter.held == []


def test_a_lane_that_has_no_rate_any_more_keeps_no_permit(world: World) -> None:
    world.submit_orders(range(10))
    world.settle()
    [request] = world.limiter.requests
    world.reload({LIMITED: policy(concurrency=4), FREE: policy()})
    world.limiter.grant(request, 4)
    world.settle()
    assert len(world.under_way) == 4
    world.finish()
    assert world.limiter.held == []
    assert set(world.states().values()) == {str(State.CANCELLED)}


def test_a_lane_that_has_a_rate_now_claims_with_permits_only(world: World) -> None:
    world.submit_orders(range(10), FREE)
    world.settle()
    assert len(world.under_way) == 4
    world.reload({LIMITED: ITS, FREE: ITS})
    world.end_all()
    world.run(1)
    assert world.under_way == []
    world.limiter.grant_all()
    world.settle()
    assert len(world.under_way) == 4
    work(world)
    assert set(world.states().values()) == {"cancelled"}
