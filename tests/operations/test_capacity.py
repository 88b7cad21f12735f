"""What a load needs: more load never needs less, and each number has its reason."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from rescind.ledger.changes.call_log import CallMade
from rescind.ledger.changes.recording import new_id
from rescind.ledger.states import State
from rescind.ledger.storage.transactions import reading, writing
from rescind.operations.capacity import Demand, LaneLoad, needs, scaled
from rescind.operations.measured_costs import API_REDIS, BEAT_REDIS, WORKER_REDIS
from rescind.operations.observed_load import observed
from tests.intake.test_validation import ACCOUNTS
from tests.ledger.build import (
    HOUR,
    LANE,
    NOW,
    SECOND,
    change,
    hold,
    make,
    new,
    take_in,
)
from tests.ledger.single import record_calls

LOADS = st.builds(
    LaneLoad,
    st.sampled_from([("ithink", "a"), ("ithink", "b"), ("akinon", "a")]),
    orders=st.floats(0, 1e9),
    rate=st.sampled_from([0.5, 5.0, 90 / 60, math.inf]),
    batch=st.sampled_from([1, 100]),
    concurrency=st.integers(1, 32),
    calls=st.floats(0.01, 3),
    answer=st.floats(0.01, 60),
)
DEMANDS = st.builds(
    Demand,
    st.lists(LOADS, min_size=1, max_size=4),
    peak=st.floats(1, 96),
    keep_days=st.floats(0, 4000),
    one_writer=st.booleans(),
)


def numbers(demand: Demand) -> dict[str, float]:
    return {one.need: one.number for one in needs(demand)}


@given(DEMANDS)
def test_every_worker_has_its_connections_to_redis(demand: Demand) -> None:
    found = numbers(demand)
    own = WORKER_REDIS.value * found["workers"]
    others = API_REDIS.value * demand.apis + BEAT_REDIS.value
    assert found["Redis connections"] == own + others


@given(DEMANDS, st.floats(1, 100))
def test_more_of_anything_never_needs_less(demand: Demand, times: float) -> None:
    more = {
        "orders": [replace(o, orders=o.orders * times) for o in demand.lanes],
        "answer": [replace(o, answer=o.answer * times) for o in demand.lanes],
    }
    harder = [replace(demand, lanes=lanes) for lanes in more.values()]
    harder.append(replace(demand, keep_days=demand.keep_days * times))
    harder.append(replace(demand, peak=demand.peak * times))
    before = numbers(demand)
    for one in harder:
        after = numbers(one)
        assert after.keys() == before.keys()
        assert all(after[name] >= before[name] for name in before), one


@given(DEMANDS)
def test_each_number_has_a_reason_in_one_line(demand: Demand) -> None:
    for one in needs(demand):
        assert one.why
        assert "\n" not in one.why
        assert math.isfinite(one.number)


@given(DEMANDS, st.floats(0, 1e9))
def test_another_load_is_shared_by_the_same_lanes(
    demand: Demand, orders: float
) -> None:
    found = scaled(demand.lanes, orders)
    assert [one.lane for one in found] == [one.lane for one in demand.lanes]
    assert sum(one.orders for one in found) == pytest.approx(orders)


def test_a_slow_provider_needs_more_workers() -> None:
    slow = LaneLoad(("iletimerkezi", "a"), 20 * 86_400, 20.0, 1, 8, 1.0, answer=2.0)
    assert numbers(Demand([slow], 1, 30))["workers"] == 5


def test_an_account_whose_rate_is_too_low_needs_others_beside_it() -> None:
    full = LaneLoad(("akinon", "a"), 1_000_000, 5.0)
    assert numbers(Demand([full], 1, 30))["accounts of akinon"] == 3


def test_the_load_is_what_ended_in_the_last_day(engine: Engine) -> None:
    take_in(engine, [new(str(n)) for n in range(4)])
    made = [change(one, State.CANCELLED) for one in hold(engine, limit=4)]
    make(engine, made)
    ids = tuple(new_id() for _ in range(4))
    sent = CallMade(new_id(), "cancel", "answered", 3 * SECOND, NOW, ids)
    read = CallMade(new_id(), "poll", "answered", SECOND, NOW, ids[:2])
    with writing(engine) as connection:
        record_calls(connection, *LANE, [sent, read])
    with reading(engine) as connection:
        found = observed(connection, ACCOUNTS, NOW + HOUR)
        later = observed(connection, ACCOUNTS, NOW + timedelta(days=2))
    by_lane = {one.lane: one for one in found.lanes}
    assert by_lane.keys() == ACCOUNTS.lanes.keys()
    policy = ACCOUNTS.policy(LANE)
    assert (by_lane[LANE].orders, by_lane[LANE].answer) == (4, 2.0)
    each = 1 / policy.batch + 0.5 / policy.read_batch
    assert by_lane[LANE].calls == pytest.approx(each)
    assert found.peak == 96
    assert later.peak is None
