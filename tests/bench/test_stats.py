"""The statistics are correct."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.stats import alternate, most_within, percentile, round_to, spacing

times = st.lists(st.integers(0, 1000).map(lambda n: n / 10), min_size=1)


@given(times, st.floats(0.01, 1.0))
def test_a_percentile_is_reached_by_its_share_and_by_no_smaller_value(
    values: list[float], share: float
) -> None:
    found = percentile(values, share)
    assert sum(value <= found for value in values) >= share * len(values)
    assert sum(value < found for value in values) < share * len(values)


@given(times, st.integers(1, 100))
def test_the_most_within_a_window_is_that_of_the_fullest_window(
    moments: list[float], tenths: int
) -> None:
    seconds = tenths / 10
    counts = [sum(t <= at < t + seconds for at in moments) for t in moments]
    assert most_within(moments, seconds) == max(counts)


def test_a_window_does_not_hold_its_own_end() -> None:
    assert most_within([0.0, 0.5, 1.0], 1.0) == 2


@given(st.integers(1, 9), st.floats(0.1, 9.0), st.integers(1, 30))
def test_spacing_is_the_time_until_a_place_is_used_again(
    places: int, seconds: float, rounds: int
) -> None:
    bursts = [n * seconds + k / 1000 for n in range(rounds + 1) for k in range(places)]
    assert spacing(bursts, places) == pytest.approx(seconds)


def test_contenders_take_turns() -> None:
    turns: list[str] = []

    def turn(name: str) -> Callable[[], float]:
        def once() -> float:
            turns.append(name)
            return float(len(turns))

        return once

    found = alternate({"a": turn("a"), "b": turn("b")}, 2)
    assert turns == ["a", "b", "a", "b"]
    assert found == {"a": [1.0, 3.0], "b": [2.0, 4.0]}


@pytest.mark.parametrize(
    ("value", "rounded"), [(1234.5, 1230.0), (0.012345, 0.0123), (0.0, 0.0)]
)
def test_a_number_is_rounded_to_its_figures(value: float, rounded: float) -> None:
    assert round_to(value) == rounded
