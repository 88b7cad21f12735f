"""What questions make of what they see."""

from __future__ import annotations

from collections import Counter

import pytest

from bench.plan import Plan
from bench.questions.accounts import ORDERS, cases
from bench.questions.concurrency import waits_of
from bench.rescind import PROVIDERS, lanes_of


def test_lanes_are_spread_evenly_and_each_is_another() -> None:
    lanes = lanes_of(300)
    assert len(set(lanes)) == 300
    assert Counter(provider for provider, _ in lanes) == dict.fromkeys(PROVIDERS, 100)
    assert {provider for provider, _ in lanes_of(4, ["ithink"])} == {"ithink"}


def test_an_order_that_is_not_accepted_counts_as_one_that_still_waits() -> None:
    sent = {"a": 10.0, "b": 11.0, "c": 12.0}
    waits, missing = waits_of(sent, {"a": 10.5, "c": 12.25, "other": 1.0}, 31.0)
    assert waits == [0.5, 20.0, 0.25]
    assert missing == 1


@pytest.mark.parametrize("quick", [True, False])
def test_many_accounts_are_measured_beside_as_many_orders_on_one(quick: bool) -> None:
    plan = Plan(None, ("sqlite",), quick)  # type: ignore[arg-type]
    many, one, three, each = cases(plan)
    assert many.orders == one.orders == three.orders
    assert [len(case.lanes) for case in (one, three)] == [1, 3]
    assert many.orders == 10 * len(many.lanes)
    assert each.orders == len(each.lanes)
    assert quick or many.orders == ORDERS
