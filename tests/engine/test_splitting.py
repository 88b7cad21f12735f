"""A provider splits the orders of a claim into several calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from rescind.engine.splitting import places_by_call
from rescind.provider.outcomes import Order
from tests.engine.test_lanes import insert_orders
from tests.engine.test_permits import LIMITED, work
from tests.engine.world import PROVIDER, World, lane
from tests.ledger.build import policy


def by_parity(orders: Sequence[Order]) -> list[list[Order]]:
    """Even orders in one call, odd ones in another."""
    even = [one for one in orders if int(one.id) % 2 == 0]
    odd = [one for one in orders if int(one.id) % 2]
    return [even, odd]


def test_a_claim_becomes_the_calls_that_the_provider_wants(
    memory: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PROVIDER, "split", by_parity, raising=False)
    world = World(memory, {lane(): policy(batch=10, concurrency=4)})
    world.submit_orders(range(6))
    world.settle()
    orders = world.orders_under_way()
    assert [len(one.ids) for one in world.under_way] == [3, 3]
    assert orders == ["0", "2", "4", "1", "3", "5"]
    world.end_all()
    world.settle()
    assert set(world.states().values()) == {"cancelled"}


def test_calls_that_have_no_permit_yet_are_made_later(
    memory: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PROVIDER, "split", by_parity, raising=False)
    its = policy(batch=10, rate="5/second", concurrency=4)
    world = World(memory, {LIMITED: its})
    world.submit_orders(range(6))
    work(world)
    assert set(world.states().values()) == {"cancelled"}
    assert world.limiter.held == []


def test_a_batch_of_two_thousand_is_one_call(engine: Engine) -> None:
    world = World(engine, {lane(): policy(batch=2000, concurrency=2)})
    insert_orders(world, 2000)
    world.engine.notify([(lane(), "cancel")])
    world.settle()
    assert [len(one.ids) for one in world.under_way] == [2000]
    world.end_all()
    world.settle()
    assert set(world.states().values()) == {"cancelled"}


class Splitting:
    """A provider with this split."""

    name = "splitting"

    def __init__(self, split: Any) -> None:
        self.split = split


@st.composite
def splits(draw: st.DrawFn) -> tuple[list[Order], list[list[Order]]]:
    """Orders, and any way to put them, or others, into parts."""
    orders = [Order(str(n)) for n in range(draw(st.integers(0, 6)))]
    one = st.sampled_from([*orders, Order("strange")])
    return orders, draw(st.lists(st.lists(one, max_size=6), max_size=4))


@given(splits())
def test_no_order_is_lost_or_doubled_by_any_split(
    made: tuple[list[Order], list[list[Order]]],
) -> None:
    orders, parts = made
    provider: Any = Splitting(lambda _: parts)
    found = places_by_call(provider, "cancel", orders)
    assert sorted(place for part in found for place in part) == [*range(len(orders))]
    assert all(found)


def test_a_split_that_raises_makes_a_call_for_each_order() -> None:
    def split(orders: Sequence[Order]) -> list[list[Order]]:
        raise KeyError(orders[0].params["kind"])

    provider: Any = Splitting(split)
    assert places_by_call(provider, "cancel", [Order("1"), Order("2")]) == [[0], [1]]


def test_readings_are_split_in_their_own_way() -> None:
    orders = [Order("1"), Order("2"), Order("3")]
    provider: Any = Splitting(lambda some: [some])
    provider.split_reading = by_parity
    assert places_by_call(provider, "cancel", orders) == [[0, 1, 2]]
    assert places_by_call(provider, "verify", orders) == [[1], [0, 2]]
