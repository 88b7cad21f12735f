from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, delete

from rescind.ledger.changes.lane_states import (
    HELD_BY_OPERATOR,
    LaneState,
    after_failure,
    after_success,
    after_throttle,
    all_lanes,
    held,
    hold_for_operator,
    may_call,
    read_lane,
    read_lanes,
    register_lanes,
    write_lane,
    write_lanes,
)
from rescind.ledger.reading.counter_totals import totals
from rescind.ledger.storage.restore_table import RESTORE
from rescind.ledger.storage.side_tables import TALLY
from rescind.ledger.storage.tables import LANE as LANES
from rescind.ledger.storage.transactions import reading, writing
from rescind.operations.reconciling import note_restore
from rescind.provider.policy import seconds
from tests.ledger.build import BY, HOUR, LANE, NOW, SECOND, policy
from tests.ledger.filled import ON_ONE_LEDGER
from tests.ledger.plans import statements as executed

RULES = policy(
    concurrency=4,
    trip_after=3,
    backoff=seconds(1, 10, 60),
    probe_after=timedelta(minutes=15),
)


def failed(times: int, lane: LaneState | None = None) -> LaneState:
    start = lane or LaneState()
    return reduce(
        lambda one, _: after_failure(one, "down", RULES, NOW), range(times), start
    )


def test_a_lane_without_a_history_may_be_called_with_full_concurrency() -> None:
    assert may_call(LaneState(), RULES, NOW) == 4


def test_a_few_failures_change_nothing() -> None:
    lane = failed(2)
    assert (may_call(lane, RULES, NOW), lane.paused_until) == (4, None)


@pytest.mark.parametrize(
    ("failures", "pause"), [(3, 1), (4, 10), (5, 60), (6, 60), (500, 60)]
)
def test_a_provider_that_is_down_pauses_the_lane_longer_each_time(
    failures: int, pause: int
) -> None:
    lane = failed(failures)
    until = NOW + pause * SECOND
    assert lane.paused_until == until
    assert lane.pause_reason == f"{failures} calls failed in a row; the last: down"
    assert may_call(lane, RULES, until - timedelta(milliseconds=1)) == 0
    assert may_call(lane, RULES, until) == 1


def test_one_successful_call_ends_the_pause() -> None:
    assert after_success(failed(9)) == LaneState()


def test_a_throttled_lane_waits_and_then_has_full_concurrency() -> None:
    lane = after_throttle(LaneState(), 30 * SECOND, "HTTP 429", NOW)
    assert (may_call(lane, RULES, NOW), lane.pause_reason) == (0, "HTTP 429")
    assert may_call(lane, RULES, NOW + 30 * SECOND) == 4


def test_the_longer_of_two_throttles_counts() -> None:
    long = after_throttle(LaneState(), HOUR, "key", NOW)
    assert after_throttle(long, SECOND, "ip", NOW) == long
    assert after_throttle(long, 2 * HOUR, "ip", NOW).paused_until == NOW + 2 * HOUR


def test_a_success_does_not_end_another_calls_throttle() -> None:
    lane = after_throttle(LaneState(), HOUR, "HTTP 429", NOW)
    assert after_success(lane) == lane


def test_a_held_lane_allows_only_a_probe() -> None:
    lane = held(LaneState(), "bad key", RULES, NOW)
    assert (lane.held_reason, may_call(lane, RULES, NOW)) == ("bad key", 0)
    assert may_call(lane, RULES, NOW + RULES.probe_after) == 1


def test_a_failed_probe_postpones_the_next_one() -> None:
    first = held(LaneState(), "bad key", RULES, NOW)
    again = held(first, "worse key", RULES, NOW + RULES.probe_after)
    assert (again.held_at, again.held_reason) == (NOW, "worse key")
    assert again.probe_at == NOW + 2 * RULES.probe_after


def test_a_change_of_the_accounts_file_allows_one_probe_at_once() -> None:
    lane, changed_at = held(LaneState(), "bad key", RULES, NOW), NOW + SECOND
    assert may_call(lane, RULES, NOW, changed_at) == 0, "the change is in the future"
    assert may_call(lane, RULES, changed_at, changed_at) == 1
    again = held(lane, "bad key", RULES, changed_at + SECOND)
    assert may_call(again, RULES, changed_at + HOUR / 10, changed_at) == 0
    assert may_call(again, RULES, changed_at + HOUR, changed_at) == 1


def test_a_change_before_the_refusal_allows_no_probe() -> None:
    lane = held(LaneState(), "bad key", RULES, NOW)
    assert may_call(lane, RULES, NOW + SECOND, NOW - SECOND) == 0


def test_a_change_of_the_accounts_file_never_releases_an_operators_hold() -> None:
    lane = hold_for_operator(LaneState(), NOW, BY)
    assert may_call(lane, RULES, NOW + HOUR, NOW + SECOND) == 0


def test_a_successful_probe_releases_the_lane() -> None:
    assert after_success(held(LaneState(), "bad key", RULES, NOW)) == LaneState()


def test_a_probe_never_releases_an_operators_hold() -> None:
    lane = hold_for_operator(failed(2), NOW, BY)
    for later in (after_success(lane), held(lane, "bad key", RULES, NOW)):
        assert (later.held_reason, later.probe_at) == (HELD_BY_OPERATOR, None)
        assert may_call(later, RULES, NOW + 1000 * HOUR) == 0


def test_a_held_and_paused_lane_is_not_probed_before_the_pause_ends() -> None:
    lane = after_throttle(held(LaneState(), "key", RULES, NOW), HOUR, "429", NOW)
    assert may_call(lane, RULES, NOW + RULES.probe_after) == 0
    assert may_call(lane, RULES, NOW + HOUR) == 1


# --- in the ledger ----------------------------------------------------------------


def test_every_field_of_a_lane_is_stored(engine: Engine) -> None:
    lane = LaneState(7, NOW, "why", NOW + HOUR, "held", NOW + 2 * HOUR)
    for state in (lane, LaneState()):
        with writing(engine) as connection:
            write_lane(connection, LANE, state)
        with reading(engine) as connection:
            assert read_lane(connection, LANE) == state


def test_an_unknown_lane_has_the_default_state(engine: Engine) -> None:
    with writing(engine) as connection:
        assert read_lane(connection, LANE, for_update=True) == LaneState()


def test_registering_again_changes_nothing(engine: Engine) -> None:
    with writing(engine) as connection:
        write_lane(connection, LANE, failed(4))
        register_lanes(connection, [LANE, ("ithink", "b"), LANE])
        register_lanes(connection, [])
    with reading(engine) as connection:
        lanes = all_lanes(connection)
    assert list(lanes) == [("ithink", "b"), LANE]
    assert lanes[LANE] == failed(4)


# --- of many lanes at once ------------------------------------------------------------

NAMES = [("akinon", "a"), ("akinon", "b"), ("ithink", "a"), LANE]
moments = st.none() | st.integers(0, 9).map(lambda hours: NOW + hours * HOUR)
states = st.builds(
    LaneState,
    st.integers(0, 3),
    moments,
    st.none() | st.just("why"),
    moments,
    st.sampled_from([None, "a fault", HELD_BY_OPERATOR]),
    moments,
)


def empty(engine: Engine) -> None:
    with writing(engine) as connection:
        for table in (LANES, TALLY, RESTORE):
            connection.execute(delete(table))


def holds(engine: Engine) -> set[tuple[str, str, str, int]]:
    with reading(engine) as connection:
        found = (one for one in totals(connection) if one.metric == "hold")
        return {(one.provider, one.account, one.first, one.count) for one in found}


@given(rounds=st.lists(st.dictionaries(st.sampled_from(NAMES), states), max_size=4))
@ON_ONE_LEDGER
def test_lanes_written_together_equal_lanes_written_one_by_one(
    engine: Engine, rounds: list[dict[tuple[str, str], LaneState]]
) -> None:
    known: dict[tuple[str, str], LaneState] = {}
    empty(engine)
    for some in rounds:
        for lane, state in some.items():
            with writing(engine) as connection:
                write_lane(connection, lane, state)
    alone = holds(engine)
    empty(engine)
    for some in rounds:
        known |= some
        with writing(engine) as connection:
            write_lanes(connection, some)
    assert holds(engine) == alone
    with writing(engine) as connection:
        assert all_lanes(connection) == known
        troubled = {lane: one for lane, one in known.items() if one != LaneState()}
        for locked in (False, True):
            assert read_lanes(connection, NAMES, for_update=locked) == troubled


@given(
    known=st.dictionaries(st.sampled_from(NAMES), states),
    later=st.dictionaries(st.sampled_from(NAMES), states),
    registered=st.sets(st.sampled_from(NAMES)),
)
@ON_ONE_LEDGER
def test_a_restore_concerns_every_lane_also_one_that_is_newer(
    engine: Engine,
    known: dict[tuple[str, str], LaneState],
    later: dict[tuple[str, str], LaneState],
    registered: set[tuple[str, str]],
) -> None:
    empty(engine)
    with writing(engine) as connection:
        write_lanes(connection, known)
        note_restore(connection, NOW)
        note_restore(connection, NOW + HOUR)
        write_lanes(connection, later)
        register_lanes(connection, registered)
        states = {**dict.fromkeys(NAMES, LaneState()), **known, **later}
        wanted = {n: replace(s, restored_at=NOW + HOUR) for n, s in states.items()}
        for locked in (False, True):
            assert read_lanes(connection, NAMES, for_update=locked) == wanted
        made = {*known, *later, *registered}
        assert all_lanes(connection) == {lane: wanted[lane] for lane in made}


def test_only_the_lanes_that_were_asked_for_are_read(engine: Engine) -> None:
    with writing(engine) as connection:
        write_lanes(connection, {NAMES[0]: failed(4), NAMES[1]: failed(5)})
        assert read_lanes(connection, [NAMES[1], LANE]) == {NAMES[1]: failed(5)}
        assert read_lanes(connection, []) == {}


def test_many_lanes_cost_no_more_statements_than_one(engine: Engine) -> None:
    many = {("notpanel", str(n)): failed(4) for n in range(40)}
    for some in ({LANE: failed(4)}, many):
        with writing(engine) as connection, executed(connection) as seen:
            register_lanes(connection, some)
            read_lanes(connection, some)
            read_lanes(connection, some, for_update=True)
            write_lanes(connection, some)
            assert len(seen) == 4


def test_a_read_for_update_waits_for_a_concurrent_writer(engine: Engine) -> None:
    # Otherwise a hold by an operator in between would be lost.
    register(engine, NAMES)
    start = threading.Barrier(4)

    def fail(own: Sequence[tuple[str, str]]) -> None:
        start.wait()
        for _ in range(10):
            with writing(engine) as connection:
                was = read_lanes(connection, own, for_update=True)
                write_lanes(
                    connection, {lane: failed(1, was.get(lane)) for lane in own}
                )

    threads = [
        threading.Thread(target=fail, args=(own,)) for own in (NAMES, NAMES[::-1]) * 2
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with reading(engine) as connection:
        failures = [one.failures for one in all_lanes(connection).values()]
    assert failures == [40] * len(NAMES)


def register(engine: Engine, lanes: Sequence[tuple[str, str]]) -> None:
    with writing(engine) as connection:
        register_lanes(connection, lanes)
