"""Advice, formats of times, and the plot's geometry."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.registry import BY_NAME
from rescind.dashboard import advice as book
from rescind.dashboard.advice import advice
from rescind.dashboard.bar_chart import HEIGHT, TOP
from rescind.dashboard.formatting import at, date_of, number_of, span
from rescind.dashboard.plot import HOURS, minute_of, plot_of, plots_of
from rescind.dashboard.translation import speak
from rescind.ledger.reading.counter_totals import Flow
from rescind.ledger.states import FINAL, OPEN, State
from rescind.provider.interface import Provider
from rescind.provider.outcomes import Reason

LABELS_BEGIN = 178
"""Where the times below the plot begin, in SVG units."""
BAD = [r for r in Reason if r not in book.WELL]
NOW = datetime(2020, 11, 20, 18, 9, tzinfo=UTC)


@pytest.mark.parametrize("provider", sorted(BY_NAME))
@pytest.mark.parametrize("reason", BAD)
def test_every_bad_outcome_has_advice(provider: str, reason: Reason) -> None:
    said = advice(provider, State.FAILED, reason)
    assert said != book.UNKNOWN
    assert said.endswith(".")
    assert "%(" not in said


@pytest.mark.parametrize("state", sorted(OPEN))
def test_every_open_state_has_advice(state: State) -> None:
    assert advice("notpanel", state, None).startswith("Nothing to do")


def test_each_provider_has_a_place_to_look_at() -> None:
    for provider in BY_NAME.values():
        assert provider.panel != Provider.panel
        assert provider.panel in advice(provider.name, State.FAILED, Reason.REFUSED)


@pytest.mark.parametrize("reason", [None, "a_newer_word"])
def test_a_newer_versions_word_is_no_error(reason: str | None) -> None:
    assert advice("nobody", "failed", reason) == book.UNKNOWN
    assert advice("nobody", "failed", "unresolved").endswith(".")


@pytest.mark.parametrize(
    ("seconds", "says"),
    [
        (-3, "0 s"),
        (0, "0 s"),
        (119, "119 s"),
        (120, "2 min"),
        (7200, "2 h"),
        (1e6, "11 d"),
    ],
)
def test_a_duration_is_shown_in_one_unit(seconds: float, says: str) -> None:
    assert span(seconds) == says


def test_dates_are_written_as_the_language_does() -> None:
    assert ">2020-11-20 18:09:00<" in at(NOW)
    speak("tr", "")
    try:
        assert ">20.11.2020 18:09:00<" in at(NOW)
        assert date_of(NOW) == "20.11.2020"
    finally:
        speak(None, "")


def test_numbers_are_grouped_by_three() -> None:
    assert number_of(1234) == "1,234"
    assert number_of(0.25, 1) == "0.2"


# --- the plot -------------------------------------------------------------------------

flows = st.builds(
    Flow,
    slot=st.integers(0, 30 * 4).map(lambda n: NOW - n * timedelta(minutes=15)),
    state=st.sampled_from([str(state) for state in State]),
    reason=st.sampled_from([str(reason) for reason in Reason]),
    count=st.integers(0, 10**7),
)


@given(st.lists(flows, max_size=40), st.sampled_from([0, 15, 30, 45]))
def test_every_outcome_of_the_day_is_drawn_once_and_within_the_plot(
    found: list[Flow], minute: int
) -> None:
    plot = plot_of(found, NOW, minute)
    first = plot.hours[0].start
    meant = [one for one in found if one.state in FINAL and one.slot >= first]
    assert len(plot.hours) == HOURS
    assert plot.total == sum(one.count for one in meant)
    assert sum(hour.total for hour in plot.hours) == plot.total
    assert sum(count for _, _, count in plot.reasons) == plot.total
    at, value = plot.ticks[-1]
    unit = (TOP + HEIGHT - at) / value
    for hour, bars in plot.bars:
        foot = float(TOP + HEIGHT)
        for bar in [one for one in bars if not one.is_mark]:
            assert hour.counts[bar.state] > 0
            assert bar.height == pytest.approx(hour.counts[bar.state] * unit, abs=0.01)
            assert bar.y + bar.height == pytest.approx(foot, abs=0.05)
            foot = bar.y
        # The bar as a whole is as tall as its number, too.
        assert TOP + HEIGHT - foot == pytest.approx(hour.total * unit, abs=0.05)
        low = [one.state for one in bars if not one.is_mark and one.height < 2]
        assert [one.state for one in bars if one.is_mark] == low
        places = [one.y for one in bars if one.is_mark]
        assert len(set(places)) == len(places)
        assert all(TOP + HEIGHT < y < LABELS_BEGIN - 2 for y in places)


def test_hours_are_whole_and_the_last_one_runs() -> None:
    plot = plot_of([Flow(NOW, "failed", "unresolved", 3)], NOW)
    assert plot.hours[-1].start == NOW.replace(minute=0)
    assert plot.hours[-1].counts[State.FAILED] == 3
    assert plot.hours[0].start == NOW.replace(minute=0) - timedelta(hours=23)


@given(st.sampled_from(sorted(available_timezones())))
def test_a_readers_hours_begin_when_their_clock_shows_a_whole_hour(name: str) -> None:
    zone = ZoneInfo(name)
    plot = plots_of([], NOW)[minute_of(zone, NOW)]
    last = plot.hours[-1].start
    assert last.astimezone(zone).minute == 0
    assert last <= NOW < last + timedelta(hours=1)
