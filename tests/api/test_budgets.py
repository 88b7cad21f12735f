"""Budgets: what one caller holds never keeps another from a place."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from rescind.api.budgets import Budget
from rescind.api.client_address import network_of

STEPS = st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=200)
"""A caller's number, and whether it enters (or leaves)."""


@given(places=st.integers(1, 60), steps=STEPS, share=st.none() | st.integers(1, 60))
def test_places_are_bounded_and_counted(
    places: int, steps: list[tuple[int, bool]], share: int | None
) -> None:
    budget, held = Budget(places, share), Counter[str]()
    for number, enters in steps:
        caller = str(number)
        if enters and budget.enter(caller):
            held[caller] += 1
        elif not enters and held[caller]:
            budget.leave(caller)
            held[caller] -= 1
        assert budget.taken == held.total() <= places
        assert share is None or max(held.values(), default=0) <= share
    assert set(budget._held) == {name for name, count in held.items() if count}


@given(places=st.integers(16, 400), attempts=st.lists(st.integers(0, 2), max_size=600))
def test_three_callers_leave_a_place_for_a_fourth(
    places: int, attempts: list[int]
) -> None:
    budget = Budget(places)
    for number in attempts:
        budget.enter(str(number))
    assert budget.enter("a fourth")


def test_a_caller_alone_gets_half_of_the_places() -> None:
    budget = Budget(400)
    assert sum(budget.enter("shop") for _ in range(1000)) == 200


def test_an_ipv6_host_counts_as_its_network_and_a_mapped_address_as_itself() -> None:
    assert network_of("2001:db8:1:2::1") == network_of("2001:db8:1:2:ffff::9")
    assert network_of("2001:db8:1:2::1") != network_of("2001:db8:1:3::1")
    assert network_of("::ffff:192.0.2.1") == network_of("192.0.2.1") == "192.0.2.1"
    assert network_of("not an address") == "not an address"
