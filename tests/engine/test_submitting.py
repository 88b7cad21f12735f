"""New orders are inserted once, sent at once if possible, and their futures end."""

from __future__ import annotations

from concurrent.futures import Future

import pytest
from sqlalchemy import Engine

from rescind.engine.engine import EngineStoppedError
from rescind.ledger.changes.lane_states import all_lanes
from rescind.ledger.progress import Progress
from rescind.ledger.states import State
from rescind.ledger.storage.transactions import reading
from rescind.provider.outcomes import Reason
from tests.engine.results import REQUESTED
from tests.engine.world import World, lane
from tests.ledger.build import NOW, SECOND, policy, steps

Inserted = Future[frozenset[str]]


@pytest.fixture
def world(engine: Engine) -> World:
    """One lane, two calls at once, on either database."""
    return World(engine, {lane(): policy(concurrency=2)})


def test_an_order_that_can_be_sent_at_once_is_inserted_as_sending(
    world: World,
) -> None:
    one = world.new("1")
    future = world.submit(one)
    world.step()
    assert steps(world.ledger, one.id) == [
        (1, None, "queued"),
        (2, "queued", "sending"),
    ]
    assert world.orders_under_way() == ["1"]
    assert future.result(0) == {one.id}
    world.end_all()
    world.settle()
    assert world.states() == {"1": "cancelled"}
    assert len(world.executor.begun) == 1
    assert world.operation().in_flight == 0


def test_a_future_is_resolved_after_the_commit_and_not_before(world: World) -> None:
    future, seen = world.submit_orders("1"), list[bool]()
    world.faults.meanwhile.append(lambda: seen.append(future.done()))
    world.step()
    assert seen == [False]
    assert future.done()


def test_no_call_begins_before_its_order_is_committed(world: World) -> None:
    world.submit_orders("12")
    seen: list[int] = []
    world.faults.meanwhile.append(lambda: seen.append(len(world.executor.begun)))
    world.step()
    assert seen == [0]
    assert len(world.executor.begun) == 2


def test_a_key_that_the_ledger_has_already_is_not_among_the_inserted(
    world: World,
) -> None:
    world.submit_orders("1")
    world.finish()
    again, new = world.new("1"), world.new("2")
    future = world.submit(again, new)
    world.finish()
    assert future.result(0) == {new.id}
    assert world.states() == {"1": "cancelled", "2": "cancelled"}
    assert len(world.executor.begun) == 2


@pytest.mark.parametrize("together", [True, False])
def test_of_one_key_in_two_submissions_one_is_inserted_and_sent(
    world: World, together: bool
) -> None:
    futures = [world.submit_orders("1")]
    if not together:
        world.step()
    futures.append(world.submit_orders("1"))
    world.finish()
    assert sorted(len(one.result(0)) for one in futures) == [0, 1]
    assert len(world.executor.begun) == 1


def test_one_key_on_two_lanes_is_two_orders(engine: Engine) -> None:
    world = World(engine, {lane(n): policy() for n in range(2)})
    futures = [world.submit_orders("1", lane(n)) for n in range(2)]
    world.finish()
    assert [len(one.result(0)) for one in futures] == [1, 1]
    assert len(world.executor.begun) == 2


def test_duplicates_that_use_up_calls_delay_no_order(
    world: World,
) -> None:
    world.submit_orders("12")
    world.finish()
    before = len(world.executor.begun)
    world.submit_orders("1234")
    world.run(0.1)
    assert len(world.executor.begun) - before == 2
    assert sorted(world.orders_under_way()) == ["3", "4"]


def test_a_submission_without_orders_is_resolved(world: World) -> None:
    future = world.submit()
    world.step()
    assert future.result(0) == frozenset()


def test_more_orders_than_calls_are_all_kept_and_all_sent(world: World) -> None:
    future = world.submit_orders(range(50))
    world.settle()
    assert len(future.result(0)) == 50
    assert len(world.under_way) == 2
    world.finish()
    assert set(world.states().values()) == {"cancelled"}
    assert len(world.executor.begun) == 50


def test_orders_of_a_batch_go_in_one_call(engine: Engine) -> None:
    world = World(engine, {lane(): policy(batch=10, concurrency=1)})
    world.submit_orders(range(10))
    world.settle()
    [call] = world.under_way
    assert len(call.ids) == 10


def test_an_order_that_is_due_later_is_kept_and_not_sent(world: World) -> None:
    later = world.new("1", not_before=NOW + 10 * SECOND)
    ended = Progress(State.EXPIRED, Reason.DEADLINE_PASSED, finished_at=NOW)
    past = world.new("2", progress=ended, cancel_before=NOW - SECOND)
    future = world.submit(later, past)
    world.settle()
    assert future.result(0) == {later.id, past.id}
    assert world.states() == {"1": "scheduled", "2": "expired"}
    assert world.under_way == []
    world.clock.advance(11)
    world.sweep()
    world.settle()
    assert world.orders_under_way() == ["1"]


def test_a_lane_is_known_to_the_ledger_once_it_has_had_an_order(world: World) -> None:
    world.submit_orders("1")
    world.settle()
    with reading(world.ledger) as connection:
        assert set(all_lanes(connection)) == {lane()}


# --- a sender that no longer waits ---


def test_an_abandoned_submission_is_not_inserted(world: World) -> None:
    future = world.submit_orders("1")
    assert future.cancel()
    world.settle()
    assert world.states() == {}
    assert world.under_way == []


def test_a_submission_abandoned_while_it_waits_in_memory_is_not_inserted(
    world: World,
) -> None:
    world.submit_orders("12")
    world.settle()
    waits = world.submit_orders("3")
    world.step()
    if waits.cancel():
        world.finish()
        assert world.states() == {"1": "cancelled", "2": "cancelled"}
    else:
        assert world.states()["3"] == "queued"


def test_a_submission_abandoned_during_its_commit_ends_as_any_other(
    world: World,
) -> None:
    future = world.submit_orders("12")
    other = world.submit_orders("3")

    def give_up() -> None:
        future.cancel()

    world.faults.meanwhile.append(give_up)
    world.finish()
    assert world.states() == dict.fromkeys("123", "cancelled")
    assert other.result(0)
    assert len(world.executor.begun) == 3
    assert world.operation().in_flight == 0


class Fleeting(Inserted):
    """A future whose sender gives up just after ``done`` was read."""

    def done(self) -> bool:
        was = super().done()
        self.cancel()
        return was


def test_a_sender_that_gives_up_at_the_last_moment_does_no_harm(world: World) -> None:
    future = world.submit_orders("12")
    other = world.submit_orders("3")
    world.faults.meanwhile.append(lambda: setattr(future, "__class__", Fleeting))
    world.finish()
    assert other.result(0)
    assert len(world.executor.begun) <= 3
    assert world.operation().in_flight == 0


# --- orders wait in memory for a short time only ---


def test_an_order_behind_hanging_calls_is_inserted_soon(world: World) -> None:
    world.submit_orders("12")
    world.settle()
    future = world.submit_orders("3")
    world.run(1.0)
    assert future.done(), "its sender waits for hanging calls"
    assert world.states()["3"] == "queued"


def test_an_order_behind_calls_that_end_soon_is_written_once(world: World) -> None:
    for number in range(40):
        world.submit_orders([f"first-{number}"])
        world.settle()
        world.clock.advance(0.002)
        world.end_all()
        world.settle()
    world.submit_orders("12")
    world.settle()
    one = world.new("3")
    world.submit(one)
    world.settle()
    world.end_all()
    world.settle()
    assert world.orders_under_way() == ["3"]
    written = steps(world.ledger, one.id)
    assert [to for _, _, to in written] == ["queued", "sending"]


def test_an_order_behind_slow_calls_is_inserted_soon(
    memory: Engine,
) -> None:
    """Of many calls at once, one ends now and then, and other orders come first."""
    world = World(memory, {lane(): policy(concurrency=64)})
    world.submit_orders(range(64))
    world.settle()
    futures = []
    for number in range(40):
        futures.append(world.submit_orders([f"new-{number}"]))
        world.run(0.1)
        if number % 4 == 3:
            world.end(world.under_way[0])
    waiting = [one for one in futures[:30] if not one.done()]
    assert waiting == [], "these senders wait for longer than a second"


# --- the end ---


def test_nothing_is_taken_once_the_engine_has_ended(world: World) -> None:
    world.engine.stop()
    world.engine.run()
    with pytest.raises(EngineStoppedError):
        world.submit_orders("1")


def test_readings_of_one_order_follow_its_cancel(world: World) -> None:
    world.submit_orders("1")
    world.settle()
    world.end_all(lambda one: world.results.of(one, REQUESTED))
    world.settle()
    assert world.states() == {"1": "requested"}
    world.clock.advance(3)
    world.sweep()
    world.settle()
    [call] = world.under_way
    assert call.call.operation.operation == "poll"
    world.finish()
    assert world.states() == {"1": "cancelled"}
