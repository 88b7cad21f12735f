"""A plan depends on its seed alone, and contains every kind of fault."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chaos.fault_plan import TENTH, plan
from chaos.fault_schedule import FAILING, FAILURES, KILL_EVERY, PROVIDER_FAULTS
from chaos.plan_drawing import WANTED, is_in_plan
from chaos.scales import LONG, POINTS, SHORT

seeds = st.integers(0, 10_000)


@given(seeds)
def test_the_same_seed_gives_the_same_plan(seed: int) -> None:
    assert plan(seed, SHORT) == plan(seed, SHORT)


@given(seeds)
def test_every_order_is_in_one_message_and_every_message_is_sent_twice(
    seed: int,
) -> None:
    drawn = plan(seed, SHORT)
    entries = [entry for message in drawn.messages for entry in message.entries]
    orders = {(one["provider"], one["order"]) for one in entries if "key" not in one}
    assert len(orders) == SHORT.orders
    second = [one for one in entries if "key" in one]
    assert len(second) == len(entries) - SHORT.orders == SHORT.orders // TENTH
    assert {(one["provider"], one["order"]) for one in second} <= orders
    for message in drawn.messages:
        assert 0 <= message.first <= message.second <= SHORT.seconds


@given(seeds)
def test_plans_name_earlier_entries_of_their_own_message(seed: int) -> None:
    for message in plan(seed, SHORT).messages:
        refs: list[str] = []
        for entry in message.entries:
            assert set(entry.get("after", ())) <= set(refs[-2:])
            refs.append(entry.get("ref", ""))


def test_about_a_third_of_the_orders_are_in_plans_with_conditions_of_each_kind() -> (
    None
):
    entries = [entry for one in plan(1, LONG).messages for entry in one.entries]
    assert 0.3 < sum(map(is_in_plan, entries)) / len(entries) < 0.37
    steps = [entry for entry in entries if "after" in entry]
    assert {one.get("only_if") for one in steps} == set(WANTED)
    assert {len(one["after"]) for one in steps} == {1, 2}


def test_about_half_of_the_messages_are_sent_twice_at_the_same_moment() -> None:
    messages = plan(1, LONG).messages
    together = sum(message.first == message.second for message in messages)
    assert 0.4 < together / len(messages) < 0.6


def test_a_worker_is_killed_every_three_seconds_and_everywhere() -> None:
    kills = [fault for fault in plan(1, LONG).faults if fault.kind == "kill worker"]
    assert [kill.at for kill in kills] == [
        KILL_EVERY * n for n in range(1, len(kills) + 1)
    ]
    assert kills[-1].at > LONG.seconds - 2 * KILL_EVERY
    assert {kill.point for kill in kills} == set(POINTS)


def test_between_kills_a_transaction_fails_at_each_point_in_each_way() -> None:
    failures = [b for b in plan(1, LONG).faults if b.kind == "fail transaction"]
    assert [one.at % KILL_EVERY for one in failures] == [KILL_EVERY / 2] * len(failures)
    assert {(one.point, one.failure) for one in failures} == {
        (point, failure) for point in FAILING for failure in FAILURES
    }


def test_each_provider_misbehaves_again_and_again() -> None:
    by_providers = [b for b in plan(1, SHORT).faults if b.kind == "provider fault"]
    for one in PROVIDER_FAULTS:
        assert sum((b.point, b.failure) == one for b in by_providers) >= 6


@given(seeds)
def test_doomed_messages_come_after_redis_was_emptied(seed: int) -> None:
    drawn = plan(seed, SHORT)
    emptied = next(fault.at for fault in drawn.faults if fault.kind == "empty redis")
    first = {message.mark: message.first for message in drawn.messages}
    assert drawn.doomed
    assert all(first[mark] > emptied for mark in drawn.doomed)


@given(seeds)
def test_every_kind_of_failure_is_in_it(seed: int) -> None:
    kinds = {fault.kind for fault in plan(seed, SHORT).faults}
    assert kinds == {
        "kill worker",
        "fail transaction",
        "kill redis",
        "empty redis",
        "half-open redis",
        "kill beat",
        "second beat",
        "database away",
        "restart database",
        "freeze worker",
        "redis full",
        "redis cannot save",
        "redis demoted",
        "database read-only",
        "database failed over",
        "provider fault",
    }
