"""Of two workers on one ledger, one calls each order, once."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from rescind.ledger.changes.insertion import insert_new
from rescind.ledger.changes.lane_states import LaneState, write_lane
from rescind.ledger.storage.transactions import open_ledger, writing
from tests.engine.invariants import check_ledger
from tests.engine.world import World, lane
from tests.ledger.build import HOUR, NOW, policy

ITS = {lane(n): policy(concurrency=2) for n in range(3)}
LATE = policy(concurrency=2, probe_after=HOUR)
BATCHES = {lane(n): policy(concurrency=2, batch=7) for n in range(3)}


@pytest.fixture(params=[ITS, BATCHES], ids=["single", "batches"])
def pair(
    request: pytest.FixtureRequest, ledger_url: str
) -> Iterator[tuple[World, World]]:
    """Two workers, each with its own connections."""
    with ExitStack() as stack:
        ledgers = [open_ledger(ledger_url) for _ in range(2)]
        for ledger in ledgers:
            stack.callback(ledger.dispose)
        worlds = [World(ledger, request.param) for ledger in ledgers]
        for number, world in enumerate(worlds):
            # The ids of two workers on one ledger differ.
            world.prefix = f"id-{number}-"
            world.results.prefix = f"call-{number}-"
        yield worlds[0], worlds[1]


def finish(*worlds: World) -> None:
    """Let all work, in turn, until none has anything to do."""
    for _ in range(500):
        for world in worlds:
            world.settle()
        if not any(world.under_way for world in worlds):
            return
        for world in worlds:
            world.end_all()
    raise AssertionError("calls without end")


def called(*worlds: World) -> Counter[str]:
    return Counter(
        order
        for world in worlds
        for one in world.executor.begun
        for order in one.orders
    )


def notify(*worlds: World) -> None:
    for world in worlds:
        world.engine.notify((one, "cancel") for one in ITS)


def test_orders_that_both_are_notified_of_are_each_called_once(
    pair: tuple[World, World],
) -> None:
    orders = [f"{n:03}" for n in range(90)]
    with writing(pair[0].ledger) as connection:
        new = [pair[0].new(order, lane(int(order) % 3)) for order in orders]
        insert_new(connection, new, NOW)
    notify(*pair)
    finish(*pair)
    assert called(*pair) == Counter(orders)
    assert all(world.executor.begun for world in pair)
    check_ledger(pair[0])


def test_one_order_that_both_are_given_is_called_once(
    pair: tuple[World, World],
) -> None:
    futures = [world.submit_orders("1") for world in pair]
    finish(*pair)
    assert called(*pair) == Counter(["1"])
    assert sorted(len(one.result(0)) for one in futures) == [0, 1]


def test_a_lane_that_one_finds_closed_is_closed_for_the_other_at_its_next_claim(
    pair: tuple[World, World],
) -> None:
    one, other = pair
    one.submit(one.new("1"))
    one.settle()
    one.end_all(one.results.throttled)
    one.settle()
    future = other.submit_orders("2")
    other.settle()
    assert len(future.result(0)) == 1
    assert other.under_way == []


def test_orders_that_a_dead_worker_was_calling_are_read_back_by_the_other(
    pair: tuple[World, World],
) -> None:
    dead, other = pair
    dead.submit(*(dead.new(str(n)) for n in range(4)))
    dead.settle()
    begun = [order for call in dead.under_way for order in call.orders]
    other.clock.advance(120)
    other.sweep()
    finish(other)
    other.clock.advance(10)
    other.sweep()
    finish(other)
    assert set(other.states().values()) == {"cancelled"}
    operations = {
        order: one.call.operation.operation
        for one in other.executor.begun
        for order in one.orders
    }
    for order in begun:
        assert operations[order] == "verify", "never sent a second time"
    check_ledger(other)


def test_two_workers_at_the_same_time_neither_deadlock_nor_call_twice(
    pair: tuple[World, World],
) -> None:
    """Each has a thread, and a third of the orders goes to both."""
    names = [f"{n:03}" for n in range(120)]
    faults: list[BaseException] = []

    def work(world: World, mine: list[str]) -> None:
        try:
            for start in range(0, len(mine), 10):
                some = mine[start : start + 10]
                world.submit(*(world.new(o, lane(int(o) % 3)) for o in some))
                world.step()
                world.end_all()
            for _ in range(60):
                world.run(0.6)
                world.end_all()
        except BaseException as error:  # noqa: BLE001  (the test's thread checks it)
            faults.append(error)

    given = (names[:80], names[40:])
    threads = [
        threading.Thread(target=work, args=(world, mine))
        for world, mine in zip(pair, given, strict=True)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert faults == []
    for world in pair:
        world.sweep()
    finish(*pair)
    assert called(*pair) == Counter(names)
    assert set(pair[0].states().values()) == {"cancelled"}
    check_ledger(pair[0])
    assert all(future.done() for world in pair for _, future in world.submissions)


def test_counters_of_both_workers_add_up(pair: tuple[World, World]) -> None:
    with writing(pair[0].ledger) as connection:
        new = [pair[0].new(f"{n}") for n in range(20)]
        insert_new(connection, new, NOW)
    notify(*pair)
    finish(*pair)
    with writing(pair[0].ledger) as connection:
        counted = connection.exec_driver_sql(
            "SELECT sum(count) FROM tally WHERE metric = 'outcome' AND slot = 0"
        ).scalar_one()
    assert counted == 20


def test_workers_that_read_a_changed_accounts_file_one_after_the_other_probe_once(
    pair: tuple[World, World],
) -> None:
    first, second = pair
    held = LaneState(held_at=NOW, held_reason="bad key", probe_at=NOW + HOUR)
    with writing(first.ledger) as connection:
        write_lane(connection, lane(), held)
        insert_new(connection, [first.new(str(one)) for one in range(20)], NOW)
    for world in pair:
        world.reload(dict.fromkeys(ITS, LATE))
        world.run(10)
    first.change_accounts()
    second.accounts = first.accounts
    for world in (first, second, first, second):
        world.run(1)
        world.sweep()
        world.finish(world.results.held)
    assert [len(one.executor.begun) for one in pair] == [1, 0]
