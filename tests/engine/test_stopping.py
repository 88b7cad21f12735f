"""After its stop the engine begins nothing more, records all results, and ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from sqlalchemy import Engine

from rescind.engine.engine import LONGEST_WAIT, EngineStoppedError
from rescind.ledger.changes.insertion import insert_new
from rescind.ledger.storage.transactions import open_ledger, writing
from tests.engine.waiting import until
from tests.engine.world import World, lane
from tests.ledger.build import NOW, policy


@pytest.fixture
def world(memory: Engine) -> World:
    """A lane with two calls under way, and others claimed ahead."""
    world = World(memory, {lane(): policy(concurrency=2)})
    world.operation().pace = 1000.0
    world.submit_orders(range(6))
    world.settle()
    assert len(world.under_way) == 2
    assert world.operation().ready
    return world


def ended(world: World) -> bool:
    return world.engine._has_ended()


def test_calls_that_no_thread_has_begun_are_returned_unsent_and_uncounted(
    world: World,
) -> None:
    calls = world.orders_under_way()
    world.engine.stop()
    world.settle()
    states = world.states()
    assert {order for order, state in states.items() if state == "sending"} == set(
        calls
    )
    assert {state for order, state in states.items() if order not in calls} == {
        "queued"
    }
    with writing(world.ledger) as connection:
        counted = connection.exec_driver_sql(
            "SELECT sum(attempts) FROM cancellation WHERE state = 'queued'"
        ).scalar_one()
    assert counted == 0


def test_it_ends_when_the_results_of_the_calls_under_way_are_recorded(
    world: World,
) -> None:
    world.engine.stop()
    world.run(1)
    assert not ended(world)
    world.end_all()
    world.settle()
    assert ended(world)
    assert sorted(world.states().values()) == ["cancelled"] * 2 + ["queued"] * 4


def test_no_call_begins_after_it_was_told_to_stop(world: World) -> None:
    begun = len(world.executor.begun)
    world.engine.stop()
    world.submit_orders(range(10, 14))
    world.engine.notify([(lane(), "cancel"), (lane(), "verify")])
    world.end_all()
    world.settle()
    assert len(world.executor.begun) == begun


def test_no_call_of_a_commit_begins_if_it_is_told_to_stop_meanwhile(
    memory: Engine,
) -> None:
    world = World(memory, {lane(): policy(concurrency=2)})
    world.submit_orders("12")
    world.faults.meanwhile.append(world.engine.stop)
    world.step()
    assert world.executor.begun == []
    world.settle()
    assert world.states() == {"1": "queued", "2": "queued"}
    assert ended(world)


def test_new_orders_are_still_taken_until_it_ends(world: World) -> None:
    world.engine.stop()
    future = world.submit_orders(["late"])
    world.settle()
    assert len(future.result(0)) == 1
    assert world.states()["late"] == "queued"
    world.end_all()
    world.settle()
    assert ended(world)
    with pytest.raises(EngineStoppedError):
        world.submit_orders(["too late"])
    assert "too late" not in world.states()


def test_an_order_that_waits_in_memory_is_inserted_before_it_ends(
    memory: Engine,
) -> None:
    world = World(memory, {lane(): policy(concurrency=1)})
    world.operation().pace = 1000.0
    world.submit_orders(range(30))
    world.step()
    waits = world.submit_orders(["held"])
    world.step()
    world.engine.stop()
    world.settle()
    assert waits.done()
    assert world.states()["held"] == "queued"


def test_it_does_not_end_while_the_ledger_is_away_and_ends_when_it_is_back(
    world: World,
) -> None:
    world.faults.away = True
    world.engine.stop()
    world.end_all()
    future = world.submit_orders(["late"])
    world.run(10)
    assert not ended(world)
    world.faults.away = False
    world.run(1)
    assert ended(world)
    assert len(future.result(0)) == 1
    assert sorted(world.states().values()) == ["cancelled"] * 2 + ["queued"] * 5


def test_permits_that_come_after_the_stop_are_released(memory: Engine) -> None:
    world = World(memory, {lane(): policy(rate="5/second")})
    world.submit_orders(range(6))
    world.settle()
    [request] = world.limiter.requests
    world.engine.stop()
    world.limiter.grant(request, request.calls)
    world.settle()
    assert world.limiter.held == []
    assert world.under_way == []


def test_a_call_that_failed_by_a_bug_does_not_keep_it_from_ending(
    world: World,
) -> None:
    world.engine.stop()
    world.settle()
    for one in world.under_way:
        world.executor.end(one, None)
    world.settle()
    assert ended(world)


class Running(NamedTuple):
    """A world whose engine runs in its own thread, as in a worker."""

    world: World
    thread: threading.Thread

    def ends(self) -> None:
        until(self._has_ended, "the end")

    def _has_ended(self) -> bool:
        self.world.end_all()
        return not self.thread.is_alive()


@pytest.fixture
def running(sqlite_ledger_url: str) -> Iterator[Running]:
    ledger = open_ledger(sqlite_ledger_url)
    world = World(ledger, {lane(): policy(concurrency=2)})
    thread = threading.Thread(target=world.engine.run)
    thread.start()
    own = Running(world, thread)
    yield own
    world.engine.stop()
    own.ends()
    ledger.dispose()


def test_run_works_until_it_is_told_to_stop_and_then_ends(running: Running) -> None:
    world = running.world
    assert len(world.submit_orders("12").result(30)) == 2
    until(lambda: len(world.under_way) == 2, "the calls")
    with writing(world.ledger) as connection:
        insert_new(connection, [world.new("3")], NOW)
    world.engine.notify([(lane(), "cancel")])
    world.end_all()
    until(lambda: len(world.executor.begun) == 3, "the call of the notified order")
    world.engine.stop()
    running.ends()
    assert set(world.states().values()) == {"cancelled"}
    with pytest.raises(EngineStoppedError):
        world.submit_orders("4")


def test_a_waiting_engine_stops_at_once(running: Running) -> None:
    running.world.submit_orders("1").result(30)
    running.world.end_all()
    until(lambda: running.world.states() == {"1": "cancelled"}, "the record")
    began = time.monotonic()
    running.world.engine.stop()
    running.ends()
    assert time.monotonic() - began < LONGEST_WAIT / 2
