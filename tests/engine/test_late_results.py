"""A result that arrives after its lease does not change what was decided since."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine

from rescind.ledger.reading.counter_totals import totals
from rescind.ledger.storage.counters import OUTCOME
from rescind.ledger.storage.transactions import reading
from rescind.provider.policy import seconds
from tests.engine.invariants import check_ledger
from tests.engine.results import CANCELLED, GONE, UNCLEAR
from tests.engine.world import World, lane
from tests.ledger.build import policy, steps

LEASE_OVER = 61.0


@pytest.fixture
def world(engine: Engine) -> World:
    its = policy(concurrency=2, verify_delays=seconds(0, 5))
    return World(engine, {lane(): its})


def outcomes(world: World) -> int:
    with reading(world.ledger) as connection:
        return sum(one.count for one in totals(connection) if one.metric == OUTCOME)


def reclaimed(world: World) -> None:
    """An order is read back twice at once: the first call has hung past its lease."""
    world.submit_orders("1")
    world.settle()
    world.end_all(lambda one: world.results.of(one, UNCLEAR))
    world.settle()
    world.run(LEASE_OVER)
    world.sweep()
    world.settle()
    names = [one.call.operation.operation for one in world.under_way]
    assert names == ["verify", "verify"]


@pytest.mark.parametrize("first", [0, 1])
def test_a_late_result_beside_the_present_one_changes_nothing(
    world: World, first: int
) -> None:
    reclaimed(world)
    late, present = world.under_way
    for one in (late, present) if first == 0 else (present, late):
        world.end(one, lambda one: world.results.of(one, CANCELLED))
    world.settle()
    assert world.states() == {"1": "cancelled"}
    check_ledger(world)
    assert outcomes(world) == 1
    assert world.operation("verify").in_flight == 0


def test_a_late_result_that_says_otherwise_changes_nothing(world: World) -> None:
    reclaimed(world)
    late, present = world.under_way
    world.end(late, lambda one: world.results.of(one, GONE))
    world.end(present, lambda one: world.results.of(one, CANCELLED))
    world.settle()
    assert world.states() == {"1": "cancelled"}
    check_ledger(world)


def test_a_late_result_that_comes_alone_is_left_out_and_logged(
    world: World, logged: list[Any]
) -> None:
    reclaimed(world)
    late, present = world.under_way
    world.end(late, lambda one: world.results.of(one, CANCELLED))
    world.settle()
    assert world.states() == {"1": "verifying"}
    assert "moved by another worker meanwhile" in [one["event"] for one in logged]
    world.end(present, lambda one: world.results.of(one, CANCELLED))
    world.settle()
    assert world.states() == {"1": "cancelled"}
    check_ledger(world)


def test_a_late_answer_to_a_cancel_beside_its_reading_changes_nothing(
    world: World, logged: list[Any]
) -> None:
    world.submit_orders("1")
    world.settle()
    [late] = world.under_way
    world.run(LEASE_OVER)
    world.sweep()
    world.settle()
    assert [one.call.operation.operation for one in world.under_way] == [
        "cancel",
        "verify",
    ]
    world.end_all(lambda one: world.results.of(one, CANCELLED))
    world.settle()
    assert world.states() == {"1": "cancelled"}
    [one] = late.ids
    states = [after for _, _, after in steps(world.ledger, one)]
    assert states == ["queued", "sending", "verifying", "cancelled"]
    assert outcomes(world) == 1
    failed = [one for one in logged if one["event"].startswith("a transaction failed")]
    assert failed == []
