"""Several cancellations of one order call its provider once."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import Engine, select

from rescind.engine.duplicates import LEAST_WAIT
from rescind.ledger.changes.retries import retry
from rescind.ledger.changes.withdrawals import withdraw
from rescind.ledger.decision_events import Event
from rescind.ledger.storage.tables import CANCELLATION
from rescind.ledger.storage.transactions import reading, writing
from tests.engine.results import ACTIVE, CANCELLED, REFUSED, UNCLEAR
from tests.engine.world import World, lane
from tests.ledger.build import BY, policy

AGAIN = LEAST_WAIT.total_seconds()
PARTS = 4


@pytest.fixture
def world(memory: Engine) -> World:
    return World(memory, {lane(): policy(batch=PARTS)})


def ends(world: World) -> dict[str, tuple[str, str | None, int]]:
    """The state, reason and attempts of each cancellation, by its key."""
    c = CANCELLATION.c
    chosen = select(c.key, c.state, c.reason, c.attempts)
    with reading(world.ledger) as connection:
        rows = connection.execute(chosen)
        return {row.key: (row.state, row.reason, row.attempts) for row in rows}


def called(world: World) -> Counter[str]:
    """In how many calls each order was."""
    return Counter(order for one in world.executor.begun for order in one.orders)


def end_all_by(world: World, event: Event) -> None:
    world.end_all(lambda one: world.results.of(one, event))


def go_on(world: World) -> None:
    """Run until the cancellation that gave way is due again."""
    world.settle()
    world.run(AGAIN + 0.1)
    world.sweep()
    world.settle()


def until_called(world: World) -> None:
    """Run until a call begins: the lane may back off meanwhile."""
    for _ in range(200):
        world.settle()
        if world.under_way:
            return
        world.run(1.0)
        world.sweep()
    raise AssertionError("no call begins")


def test_of_two_keys_for_one_order_in_a_message_one_is_called_and_both_end_alike(
    world: World,
) -> None:
    world.submit(world.new("1"), world.new("1", key="own"), world.new("2"))
    world.settle()
    assert sorted(world.orders_under_way()) == ["1", "2"]
    world.end_all()
    go_on(world)
    assert called(world) == {"1": 1, "2": 1}
    assert ends(world) == {
        "1": ("cancelled", "confirmed", 1),
        "own": ("cancelled", "already_cancelled", 0),
        "2": ("cancelled", "confirmed", 1),
    }


def test_while_one_cancellation_is_calling_the_other_waits(world: World) -> None:
    world.submit_orders(["1"])
    world.settle()
    world.submit(world.new("1", key="own"))
    for _ in range(3):
        go_on(world)
    assert called(world) == {"1": 1}
    world.end_all()
    go_on(world)
    assert ends(world)["own"] == ("cancelled", "already_cancelled", 0)


def test_an_order_that_is_cancelled_is_not_sent_again(world: World) -> None:
    world.submit(world.new("1", key="first"))
    world.finish()
    world.submit(world.new("1"), world.new("1", key="third"))
    world.finish()
    assert called(world) == {"1": 1}
    assert {end for key, end in ends(world).items() if key != "first"} == {
        ("cancelled", "already_cancelled", 0)
    }


def test_if_the_first_cancellation_is_refused_the_second_is_sent(
    world: World,
) -> None:
    world.submit(world.new("1"), world.new("1", key="own"))
    world.settle()
    end_all_by(world, REFUSED)
    go_on(world)
    assert world.orders_under_way() == ["1"]
    world.end_all()
    world.settle()
    assert ends(world)["own"] == ("cancelled", "confirmed", 1)


def test_if_the_first_cancellation_is_withdrawn_the_second_is_sent(
    world: World,
) -> None:
    world.submit(world.new("1"))
    world.settle()
    (first,) = world.under_way
    world.submit(world.new("1", key="own"))
    go_on(world)
    world.end(first, world.results.throttled)
    world.settle()
    with writing(world.ledger) as connection:
        chosen = select(CANCELLATION.c.id).where(CANCELLATION.c.key == "1")
        ids = connection.execute(chosen).scalars().all()
        assert withdraw(connection, ids, world.clock.now(), by="a test").refused == []
    until_called(world)
    world.end_all()
    world.settle()
    assert ends(world) == {
        "1": ("withdrawn", "requested", 0),
        "own": ("cancelled", "confirmed", 1),
    }


def test_an_order_that_may_have_been_cancelled_is_read_first(world: World) -> None:
    world.reload({lane(): policy(give_up_after=timedelta(seconds=1))})
    world.submit_orders(["1"])
    for _ in range(5):
        world.finish(world.results.lost)
        world.run(60.0)
        world.sweep()
    assert ends(world)["1"][:2] == ("failed", "unresolved")
    sent = called(world)["1"]
    world.reload({lane(): policy()})
    world.submit(world.new("1", key="own"))
    until_called(world)
    (reading_call,) = world.under_way
    assert reading_call.call.operation.operation == "verify"
    end_all_by(world, ACTIVE)
    until_called(world)
    assert called(world)["1"] == sent + 2
    assert world.under_way[0].call.operation.operation == "cancel"
    end_all_by(world, CANCELLED)
    world.settle()
    assert ends(world)["own"] == ("cancelled", "confirmed", 1)


def test_a_reading_before_the_other_one_failed_does_not_count(world: World) -> None:
    world.submit(world.new("1", key="own"))
    for event in (UNCLEAR, REFUSED):
        until_called(world)
        end_all_by(world, event)
    world.settle()
    assert ends(world)["own"] == ("rejected", "not_supported", 1)
    world.reload({lane(): policy(give_up_after=timedelta(seconds=1))})
    world.submit_orders(["1"])
    for _ in range(5):
        world.finish(world.results.lost)
        world.run(60.0)
        world.sweep()
    assert ends(world)["1"][:2] == ("failed", "unresolved")
    world.reload({lane(): policy()})
    retried(world, "own")
    until_called(world)
    (reading_call,) = world.under_way
    assert reading_call.call.operation.operation == "verify"
    end_all_by(world, ACTIVE)
    until_called(world)
    assert world.under_way[0].call.operation.operation == "cancel"
    end_all_by(world, CANCELLED)
    world.settle()
    assert ends(world)["own"] == ("cancelled", "confirmed", 2)


def retried(world: World, key: str) -> None:
    with writing(world.ledger) as connection:
        chosen = select(CANCELLATION).where(CANCELLATION.c.key == key)
        row = connection.execute(chosen).one()
        assert retry(connection, row, world.clock.now(), by=BY)


def test_no_order_is_twice_in_one_call_or_in_two_calls_at_once(world: World) -> None:
    """For example, no call may hold AWB1, AWB1, AWB9."""
    for key in range(3):
        new = [world.new(str(n), key=f"{key}-{n}") for n in range(2 * PARTS)]
        world.submit(*new)
    world.settle()
    for _ in range(4):
        assert max(Counter(world.orders_under_way()).values(), default=1) == 1
        world.end_all()
        go_on(world)
    assert called(world) == {str(n): 1 for n in range(2 * PARTS)}
    assert {state for state, _, _ in ends(world).values()} == {"cancelled"}


def test_orders_of_two_accounts_are_different_orders(memory: Engine) -> None:
    world = World(memory, {lane(0): policy(), lane(1): policy()})
    world.submit(world.new("1", lane(0)), world.new("1", lane(1), key="own"))
    world.settle()
    assert sorted(world.orders_under_way()) == ["1", "1"]


def test_an_order_whose_duplicates_cannot_be_read_is_not_sent(world: World) -> None:
    """The ledger goes away between the claim and the check for duplicates."""
    world.submit_orders(["1"])
    tries = world.faults.tries

    def go_away() -> None:
        world.faults.away = True

    world.faults.meanwhile.append(go_away)
    world.step()
    assert world.faults.tries > tries
    assert not world.under_way
    world.faults.away = False
    world.run(AGAIN)
    world.sweep()
    world.settle()
    assert world.orders_under_way() == ["1"]
