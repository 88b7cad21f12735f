"""The pictures of Grafana's panels show values as Grafana writes them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.monitoring.panel_drawing import _parts, _stacked, _step
from bench.monitoring.panel_queries import asked, named
from bench.monitoring.panel_values import with_unit

LINES = st.lists(
    st.dictionaries(st.integers(0, 9), st.floats(0, 1e6), max_size=10), max_size=5
)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0, "s", "0 s"),
        (0.25, "s", "250 ms"),
        (90, "s", "1.5 mins"),
        (7200, "s", "2 hours"),
        (0.125, "percentunit", "12.5%"),
        (1500, "short", "1.5 K"),
    ],
)
def test_a_value_is_written_with_its_unit(value: float, unit: str, text: str) -> None:
    assert with_unit(value, unit) == text


@given(LINES)
def test_the_highest_of_stacked_lines_is_their_sum(
    given_lines: list[dict[int, float]],
) -> None:
    lines = [[(at, 0.0, v) for at, v in sorted(one.items())] for one in given_lines]
    highest: dict[float, float] = {}
    for line in _stacked(lines):
        assert all(under <= over for _, under, over in line)
        highest |= {at: over for at, _, over in line}
    sums: dict[float, float] = {}
    for one in given_lines:
        for at, value in one.items():
            sums[at] = sums.get(at, 0.0) + value
    assert highest == sums


@given(st.sets(st.integers(0, 50), min_size=1))
def test_a_line_is_broken_where_points_are_missing(times: set[int]) -> None:
    line = [(float(at), 0.0, 1.0) for at in sorted(times)]
    parts = list(_parts(line, 1.0))
    assert [point for part in parts for point in part] == line
    assert all(b[0] - a[0] == 1 for part in parts for a, b in pairwise(part))
    assert all(b[0][0] - a[-1][0] > 1 for a, b in pairwise(parts))


@given(st.floats(1e-6, 1e12))
def test_some_lines_of_the_grid_reach_the_highest_value(top: float) -> None:
    assert top <= 4 * _step(top) <= 11 * top


def test_a_query_has_no_variable_left_and_a_series_its_name() -> None:
    expression = 'rate(x{provider=~"$provider", account=~"$account"}[$__rate_interval])'
    assert "$" not in asked(expression, "8s")
    assert named("{{provider}}/{{account}}", {"provider": "p", "account": "a"}) == "p/a"
    assert named("", {"__name__": "x", "part": "redis"}) == 'x{part="redis"}'
