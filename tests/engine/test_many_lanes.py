"""Many lanes need no more transactions or statements than a few."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from rescind.ledger.changes.insertion import insert_new
from rescind.ledger.storage.transactions import writing
from tests.engine.world import World, lane
from tests.ledger.build import NOW, policy

FEW, MANY = 3, 300
SPARE = 3
"""Statements that many lanes may need and a few do not, such as one for the lanes that
have a row."""


def world_of(engine: Engine, count: int, rate: str = "none") -> World:
    return World(engine, {lane(n): policy(rate=rate) for n in range(count)})


def statements(world: World, count: int) -> dict[str, int]:
    """The number of statements of each kind of step, with so many lanes at once."""
    found: dict[str, int] = {}

    def step(name: str) -> None:
        world.faults.statements.clear()
        world.step()
        found[name] = len(world.faults.statements)

    lanes = [lane(n) for n in range(count)]
    for one in lanes:
        world.submit_orders("1", one)
    step("new orders")
    world.end_all()
    step("results")
    with writing(world.ledger) as connection:
        insert_new(connection, [world.new("2", one) for one in lanes], NOW)
    world.engine.notify((one, "cancel") for one in lanes)
    step("claims")
    for one in lanes:
        world.submit_orders("3", one)
    world.end_all()
    step("all at once")
    world.settle()
    assert len(world.under_way) >= count
    world.finish()
    assert set(world.states().values()) == {"cancelled"}
    return found


@pytest.fixture
def many(engine: Engine) -> World:
    return world_of(engine, MANY)


def test_a_step_takes_as_many_statements_for_many_lanes_as_for_a_few(
    memory: Engine, many: World
) -> None:
    few = statements(world_of(memory, FEW), FEW)
    found = statements(many, MANY)
    for name, number in found.items():
        assert number <= few[name] + SPARE, f"{name}: {found} for many, {few} for few"
    assert max(found.values()) <= 30


def test_new_orders_of_many_lanes_are_all_called_in_one_step(many: World) -> None:
    for number in range(MANY):
        many.submit_orders("1", lane(number))
    many.step()
    # One writes; the other one reads the cancellations of the same orders.
    assert many.faults.tries == 2
    assert len(many.under_way) == MANY


def test_many_lanes_with_rates_are_counted_by_as_few_statements(
    memory: Engine,
) -> None:
    world = world_of(memory, MANY, rate="5/second")
    for number in range(MANY):
        world.submit_orders("1", lane(number))
    world.faults.statements.clear()
    world.step()
    assert len(world.faults.statements) <= 30
    assert len(world.limiter.requests) == MANY
    world.limiter.grant_all()
    world.step()
    assert len(world.under_way) == MANY
