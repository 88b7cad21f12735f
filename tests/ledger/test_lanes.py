from __future__ import annotations

from datetime import timedelta
from functools import reduce

import pytest
from sqlalchemy import Engine

from ledger.database import reading, writing
from ledger.lanes import (
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
    register_lanes,
    write_lane,
)
from providers.model import seconds
from tests.ledger.build import HOUR, LANE, NOW, SECOND, policy

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


def test_a_lane_without_a_history_may_be_called_in_full() -> None:
    assert may_call(LaneState(), RULES, NOW) == 4


def test_a_few_failures_change_nothing() -> None:
    lane = failed(2)
    assert (may_call(lane, RULES, NOW), lane.paused_until) == (4, None)


@pytest.mark.parametrize(
    ("failures", "pause"), [(3, 1), (4, 10), (5, 60), (6, 60), (500, 60)]
)
def test_a_provider_that_is_down_pauses_the_lane_for_longer_each_time(
    failures: int, pause: int
) -> None:
    lane = failed(failures)
    until = NOW + pause * SECOND
    assert lane.paused_until == until
    assert lane.pause_reason == f"{failures} calls failed in a row; the last: down"
    assert may_call(lane, RULES, until - timedelta(milliseconds=1)) == 0
    assert may_call(lane, RULES, until) == 1


def test_one_good_call_ends_the_pause() -> None:
    assert after_success(failed(9)) == LaneState()


def test_a_throttled_lane_waits_and_then_goes_on_in_full() -> None:
    lane = after_throttle(LaneState(), 30 * SECOND, "HTTP 429", NOW)
    assert (may_call(lane, RULES, NOW), lane.pause_reason) == (0, "HTTP 429")
    assert may_call(lane, RULES, NOW + 30 * SECOND) == 4


def test_the_longer_of_two_throttles_counts() -> None:
    long = after_throttle(LaneState(), HOUR, "key", NOW)
    assert after_throttle(long, SECOND, "ip", NOW) == long
    assert after_throttle(long, 2 * HOUR, "ip", NOW).paused_until == NOW + 2 * HOUR


def test_a_throttle_that_another_call_met_outlives_a_success() -> None:
    lane = after_throttle(LaneState(), HOUR, "HTTP 429", NOW)
    assert after_success(lane) == lane


def test_a_held_lane_is_not_called_but_for_one_probe() -> None:
    lane = held(LaneState(), "bad key", RULES, NOW)
    assert (lane.held_reason, may_call(lane, RULES, NOW)) == ("bad key", 0)
    assert may_call(lane, RULES, NOW + RULES.probe_after) == 1


def test_a_probe_that_fails_too_puts_the_next_one_off() -> None:
    first = held(LaneState(), "bad key", RULES, NOW)
    again = held(first, "worse key", RULES, NOW + RULES.probe_after)
    assert (again.held_at, again.held_reason) == (NOW, "worse key")
    assert again.probe_at == NOW + 2 * RULES.probe_after


def test_a_probe_that_works_lets_the_lane_go() -> None:
    assert after_success(held(LaneState(), "bad key", RULES, NOW)) == LaneState()


def test_what_an_operator_holds_nobody_else_lets_go() -> None:
    lane = hold_for_operator(failed(2), NOW)
    for later in (after_success(lane), held(lane, "bad key", RULES, NOW)):
        assert (later.held_reason, later.probe_at) == (HELD_BY_OPERATOR, None)
        assert may_call(later, RULES, NOW + 1000 * HOUR) == 0


def test_a_held_lane_that_is_paused_too_is_not_probed_before_the_pause_ends() -> None:
    lane = after_throttle(held(LaneState(), "key", RULES, NOW), HOUR, "429", NOW)
    assert may_call(lane, RULES, NOW + RULES.probe_after) == 0
    assert may_call(lane, RULES, NOW + HOUR) == 1


# --- in the ledger ----------------------------------------------------------------


def test_all_that_is_known_of_a_lane_is_kept(engine: Engine) -> None:
    lane = LaneState(7, NOW, "why", NOW + HOUR, "held", NOW + 2 * HOUR)
    for state in (lane, LaneState()):
        with writing(engine) as connection:
            write_lane(connection, LANE, state)
        with reading(engine) as connection:
            assert read_lane(connection, LANE) == state


def test_an_unknown_lane_is_as_good_as_new(engine: Engine) -> None:
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
