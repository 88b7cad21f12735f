"""A period may be written as times, dates, or relative to now."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rescind.dashboard.page_guard import RefusedError
from rescind.dashboard.periods import period_of, presets
from rescind.ledger.storage.milliseconds import moment

NOW = datetime(2026, 11, 20, 18, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "means"),
    [
        ("-1h", "2026-11-20T17:30:00+00:00"),
        ("-90m", "2026-11-20T17:00:00+00:00"),
        ("-7d", "2026-11-13T18:30:00+00:00"),
        ("today", "2026-11-20T00:00:00+00:00"),
        ("2026-11-02", "2026-11-02T00:00:00+00:00"),
        ("2026-11-02T03:04", "2026-11-02T03:04:00+00:00"),
        (" 2026-11-02 03:04:05 ", "2026-11-02T03:04:05+00:00"),
        ("2026-11-02T03:04+03:00", "2026-11-02T00:04:00+00:00"),
        ("2.11.2026", "2026-11-02T00:00:00+00:00"),
        ("02.11.2026 9:30", "2026-11-02T09:30:00+00:00"),
    ],
)
def test_a_time_is_read_in_utc_unless_it_has_an_offset(
    written: str, means: str
) -> None:
    found = period_of(written, "", NOW)
    assert found.first is not None
    assert moment(found.first).isoformat() == means
    assert found.end is None
    assert period_of("", written, NOW).end == found.first


@pytest.mark.parametrize(
    "written", ["yesterday", "-1y", "7d", "31.11.2026", "20.11.26", "-999999d"]
)
def test_what_is_no_time_is_refused(written: str) -> None:
    with pytest.raises(RefusedError, match="no time"):
        period_of(written, "", NOW)


@pytest.mark.parametrize(
    ("since", "until"),
    [("today", "-1d"), ("20.11.2026", "2026-11-20"), ("-1h", "2026-11-20 17:29")],
)
def test_a_period_that_does_not_end_after_it_begins_is_refused(
    since: str, until: str
) -> None:
    with pytest.raises(RefusedError, match="ends before it begins"):
        period_of(since, until, NOW)


@pytest.mark.parametrize(
    ("written", "means"),
    [
        ("today", "2026-11-20T21:00:00+00:00"),
        ("20.11.2026 06:45", "2026-11-20T03:45:00+00:00"),
        ("2026-11-20", "2026-11-19T21:00:00+00:00"),
        ("-1h", "2026-11-20T22:30:00+00:00"),
    ],
)
def test_times_without_an_offset_are_those_of_the_reader(
    written: str, means: str
) -> None:
    late = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
    found = period_of(written, "", late.astimezone(ZoneInfo("Europe/Istanbul")))
    assert found.first is not None
    assert moment(found.first).isoformat() == means


def test_every_preset_is_a_period() -> None:
    for written, _ in presets():
        assert period_of(written, "", NOW).first is not None


@given(
    at=st.datetimes(datetime(2000, 1, 1), datetime(2020, 1, 1)),  # noqa: DTZ001
    zone=st.sampled_from(["UTC", "Europe/Istanbul", "Europe/Berlin", "Asia/Kolkata"]),
)
def test_a_period_shown_in_a_zone_is_the_same_period(at: datetime, zone: str) -> None:
    of_link = at.replace(microsecond=at.microsecond // 1000 * 1000, tzinfo=UTC)
    now = NOW.astimezone(ZoneInfo(zone))
    asked = period_of(of_link.isoformat(), "", now)
    shown = asked.in_zone(ZoneInfo(zone))
    found = period_of(*shown, now)
    assert (found.first, found.end) == (asked.first, asked.end)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("2026-11-20T15:00Z", "2026-11-20 18:00"),
        ("2026-11-20T15:00:03.320Z", "2026-11-20 18:00:03.320"),
        ("2026-11-20T18:00", "2026-11-20T18:00"),
        ("20.11.2026", "20.11.2026"),
        ("-7d", "-7d"),
        ("", ""),
    ],
)
def test_times_of_links_are_shown_in_the_zone_of_the_reader(
    written: str, shown: str
) -> None:
    istanbul = ZoneInfo("Europe/Istanbul")
    now = NOW.astimezone(istanbul)
    assert period_of(written, "", now).in_zone(istanbul) == (shown, "")
    assert period_of("", written, now).in_zone(istanbul) == ("", shown)


def test_a_time_that_the_clocks_show_twice_keeps_its_offset() -> None:
    berlin, twice = ZoneInfo("Europe/Berlin"), "2026-10-25T01:30Z"
    found = period_of(twice, "", NOW)
    assert found.in_zone(berlin)[0] == twice
