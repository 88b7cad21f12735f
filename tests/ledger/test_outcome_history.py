"""Outcomes stay countable for a month, though quarters of an hour are deleted."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete

from rescind.browse.outcome_history import (
    FOREVER,
    outcome_history,
    percentile,
)
from rescind.ledger.changes.hourly_counts import HOURS_KEPT, roll_up_oldest
from rescind.ledger.states import State
from rescind.ledger.storage import counters
from rescind.ledger.storage.counters import BEYOND, OUTCOME, WAIT, WAITS
from rescind.ledger.storage.side_tables import OUTCOME_HOUR, TALLY
from rescind.ledger.storage.transactions import reading, writing
from tests.ledger.build import LANE, NOW, add, change, hold
from tests.ledger.filled import ON_ONE_LEDGER
from tests.ledger.single import record

LANES = [("ithink", "a"), ("ithink", "b"), ("akinon", "a")]
ends = st.tuples(
    st.sampled_from(LANES),
    st.integers(0, 31 * 24 * 60),
    st.sampled_from(["cancelled", "failed"]),
    st.integers(0, 10**9),
)


def roll_up(engine: Engine, now: datetime) -> None:
    more = True
    while more:
        with writing(engine) as connection:
            more = roll_up_oldest(connection, now)


def history(engine: Engine) -> Counter[tuple[str, ...]]:
    counted: Counter[tuple[str, ...]] = Counter()
    with reading(engine) as connection:
        for one in outcome_history(connection, NOW - HOURS_KEPT):
            counted[one.provider, one.metric, one.first, one.second] += one.count
    return counted


@given(given_ends=st.lists(ends, max_size=12))
@settings(ON_ONE_LEDGER, max_examples=12)
def test_a_month_is_counted_whole_before_and_after_quarters_are_deleted(
    engine: Engine, given_ends: list[tuple[tuple[str, str], int, str, int]]
) -> None:
    with writing(engine) as connection:
        for table in (TALLY, OUTCOME_HOUR):
            connection.execute(delete(table))
    expected: Counter[tuple[str, ...]] = Counter()
    for lane, minutes, state, wait in given_ends:
        at = NOW - timedelta(minutes=minutes)
        with writing(engine) as connection:
            counters.count_outcomes(connection, lane, [(state, "why", 1)], at)
            counters.count_waits(connection, lane, [wait], at)
        bucket = next((str(one) for one in WAITS if wait <= one), BEYOND)
        expected[lane[0], OUTCOME, state, "why"] += 1
        expected[lane[0], WAIT, bucket, ""] += 1
    assert history(engine) == expected
    roll_up(engine, NOW)
    assert history(engine) == expected
    roll_up(engine, NOW + 2 * HOURS_KEPT)
    assert history(engine) == Counter()


def test_the_time_to_an_outcome_is_counted_with_the_outcome(engine: Engine) -> None:
    add(engine, order="1")
    [held] = hold(engine)
    later = NOW + timedelta(seconds=25)
    with writing(engine) as connection:
        record(connection, [change(held, State.CANCELLED)], later, LANE)
    assert history(engine)[LANE[0], WAIT, "30000", ""] == 1


@given(
    waits=st.lists(st.integers(0, 10**9), min_size=1),
    part=st.sampled_from([0.5, 0.95]),
)
def test_a_percentile_is_the_bound_of_the_bucket_that_holds_it(
    waits: list[int], part: float
) -> None:
    buckets: Counter[str] = Counter()
    for wait in waits:
        buckets[next((str(one) for one in WAITS if wait <= one), BEYOND)] += 1
    found = percentile(buckets, part)
    assert found is not None
    assert sum(wait <= found for wait in waits) >= part * len(waits)
    smaller = [-1, *WAITS, FOREVER][[*WAITS, FOREVER].index(found)]
    assert sum(wait <= smaller for wait in waits) < part * len(waits)


def test_nothing_has_no_percentile() -> None:
    assert percentile({}, 0.5) is None
