"""Tests of the moments of schedules, also when clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rescind.schedules.moments import (
    Cron,
    Every,
    Timing,
    latest,
    parse_cron,
    parse_every,
    parse_span,
    parse_zone,
)

HOUR = timedelta(hours=1)
ZONES = [
    ZoneInfo(name)
    for name in (
        "UTC",
        "Europe/Istanbul",
        "Europe/Berlin",
        "America/New_York",
        "Australia/Lord_Howe",  # its clocks change by half an hour
        "Asia/Kathmandu",
    )
]
BERLIN, ISTANBUL = ZoneInfo("Europe/Berlin"), ZoneInfo("Europe/Istanbul")
LINES = [
    "* * * * *",
    "*/7 * * * *",
    "30 2 * * *",
    "0,30 1-3 * * *",
    "15 */6 * * *",
    "0 8 * * MON-FRI",
    "5 0 1 * *",
    "0 3 29 2 *",
    "30 2 L * *",
]

zones = st.sampled_from(ZONES)
moments = st.integers(0, 5000 * 86_400).map(
    lambda seconds: datetime(2014, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)
# Around the changes of Istanbul's clocks (the last of 2016) and Berlin's.
near_changes = st.builds(
    lambda change, off: change + timedelta(seconds=off),
    st.sampled_from(
        [
            datetime(2015, 11, 8, 1, tzinfo=UTC),
            datetime(2016, 3, 27, 1, tzinfo=UTC),
            datetime(2026, 3, 29, 1, tzinfo=UTC),
            datetime(2026, 10, 25, 1, tzinfo=UTC),
        ]
    ),
    st.one_of(st.integers(-7200, 7200), st.integers(-100_000, 100_000)),
)
timings: st.SearchStrategy[Timing] = st.one_of(
    st.builds(Cron, st.sampled_from(LINES), zones),
    st.builds(lambda minutes: Every(timedelta(minutes=minutes)), st.integers(1, 5000)),
)


def due(line: str, zone: ZoneInfo, begin: datetime, end: datetime) -> list[str]:
    """All moments of a cron line between two times, in wall-clock time and UTC."""
    cron, found = parse_cron(line, zone), []
    at = cron.next_after(begin - timedelta(seconds=1))
    while at is not None and at < end:
        found.append(f"{at.astimezone(zone):%d %H:%M} = {at:%H:%M}")
        at = cron.next_after(at)
    return found


@given(timings, st.one_of(moments, near_changes))
def test_the_next_moment_is_always_later_and_a_whole_second(
    timing: Timing, moment: datetime
) -> None:
    coming = timing.next_after(moment)
    assert coming is not None
    assert coming > moment
    assert coming.microsecond == 0


@given(timings, st.one_of(moments, near_changes), st.integers(0, 400_000))
def test_the_next_moment_is_the_same_from_any_earlier_time(
    timing: Timing, moment: datetime, seconds: int
) -> None:
    later = moment + timedelta(seconds=seconds)
    coming, from_later = timing.next_after(moment), timing.next_after(later)
    assert coming is not None
    assert from_later is not None
    assert coming <= from_later
    assert (coming == from_later) == (coming > later)


@given(timings, near_changes, st.integers(0, 200_000))
def test_the_latest_moment_is_the_last_of_all_moments(
    timing: Timing, after: datetime, seconds: int
) -> None:
    until = after + timedelta(seconds=seconds)
    last, coming = None, timing.next_after(after)
    while coming is not None and coming <= until:
        last, coming = coming, timing.next_after(coming)
    assert latest(timing, after, until) == last


# Each begins some days before clocks change in one of the zones.
weeks = st.sampled_from(
    [
        date(2015, 11, 1),
        date(2016, 3, 21),
        date(2026, 3, 2),
        date(2026, 3, 23),
        date(2026, 3, 30),
        date(2026, 9, 28),
        date(2026, 10, 19),
        date(2026, 10, 26),
    ]
)


@given(zones, weeks, st.integers(0, 23), st.integers(0, 59))
def test_a_daily_line_is_due_once_on_each_day(
    zone: ZoneInfo, first: date, hour: int, minute: int
) -> None:
    cron = Cron(f"{minute} {hour} * * *", zone)
    asked = [first + timedelta(days=n) for n in range(10)]
    at = datetime.combine(first, time(), zone).astimezone(UTC) - timedelta(seconds=1)
    days = []
    for _ in asked:
        coming = cron.next_after(at)
        assert coming is not None
        at = coming
        days.append(at.astimezone(zone).date())
    assert days == asked


@given(st.integers(1, 5000), moments)
def test_an_interval_is_due_once_in_each_and_counted_from_1970(
    minutes: int, moment: datetime
) -> None:
    every = Every(timedelta(minutes=minutes))
    first = every.next_after(moment)
    assert first - moment <= every.interval
    assert every.next_after(first) - first == every.interval
    assert first.timestamp() % (minutes * 60) == 0


# --- when clocks change -------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        # 02:00 becomes 03:00: a moment between them runs at once, and only once.
        ("30 2 * * *", ["29 03:00 = 01:00"]),
        ("0,30 2 * * *", ["29 03:00 = 01:00"]),
        ("0 1-4 * * *", ["29 01:00 = 00:00", "29 03:00 = 01:00", "29 04:00 = 02:00"]),
        ("*/30 2 * * *", []),
    ],
)
def test_a_skipped_hour_in_berlin(line: str, expected: list[str]) -> None:
    begin = datetime(2026, 3, 28, 23, tzinfo=UTC)
    assert due(line, BERLIN, begin, begin + 6 * HOUR) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        # 03:00 becomes 02:00: a fixed time runs only in the first of the two hours.
        ("30 2 * * *", ["25 02:30 = 00:30"]),
        ("0 1-3 * * *", ["25 01:00 = 23:00", "25 02:00 = 00:00", "25 03:00 = 02:00"]),
        # Real time goes on.
        (
            "0 * * * *",
            [f"25 0{w}:00 = {u:02}:00" for w, u in ((1, 23), (2, 0), (2, 1), (3, 2))],
        ),
    ],
)
def test_a_repeated_hour_in_berlin(line: str, expected: list[str]) -> None:
    begin = datetime(2026, 10, 24, 22, 30, tzinfo=UTC)
    assert due(line, BERLIN, begin, begin + 4 * HOUR) == expected


def test_no_moment_is_due_again_in_the_repeated_hour() -> None:
    second = datetime(2026, 10, 25, 1, 15, tzinfo=UTC)
    assert f"{second.astimezone(BERLIN):%H:%M}" == "02:15"
    tomorrow = datetime(2026, 10, 26, 1, 30, tzinfo=UTC)
    assert Cron("30 2 * * *", BERLIN).next_after(second) == tomorrow


def test_former_clock_changes_of_istanbul() -> None:
    spring, autumn = (
        datetime(2016, 3, 26, 22, tzinfo=UTC),
        datetime(2015, 11, 7, 22, tzinfo=UTC),
    )
    assert due("30 3 * * *", ISTANBUL, spring, spring + 6 * HOUR) == [
        "27 04:00 = 01:00"
    ]
    assert due("30 3 * * *", ISTANBUL, autumn, autumn + 6 * HOUR) == [
        "08 03:30 = 00:30"
    ]


def test_istanbul_does_not_change_its_clocks_any_more() -> None:
    for month in range(1, 13):
        begin = datetime(2026, month, 1, tzinfo=UTC)
        (found,) = due("30 2 1 * *", ISTANBUL, begin - 6 * HOUR, begin + 6 * HOUR)
        assert found.endswith("02:30 = 23:30")


# --- parsing ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("30 2 * *", "cron must have five fields"),
        ("0 30 2 * * *", "cron must have five fields"),
        ("", "cron must have five fields"),
        ("61 2 * * *", "cron: its minute is wrong"),
        ("0 24 * * *", "cron: its hour is wrong"),
        ("0 0 31 2 *", "cron: its day-of-month is wrong"),
        ("0 0 * * BAD", "cron: its day-of-week is wrong"),
    ],
)
def test_a_wrong_cron_line_gives_a_sentence(line: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_cron(line, ZoneInfo("UTC"))


@pytest.mark.parametrize(
    "text", ["30s", "0m", "15", "15 m", "-5m", "367d", "١m", "", "1w"]
)
def test_a_wrong_interval_gives_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="every must be"):
        parse_every(text)


def test_durations_are_parsed() -> None:
    least = timedelta(minutes=1)
    spans = {"90s": 90, "15m": 900, "6h": 21_600, "2d": 172_800}
    for text, seconds in spans.items():
        assert parse_span("x", text, least) == timedelta(seconds=seconds)
    assert parse_every("15m") == Every(timedelta(minutes=15))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Europe/Istambul", "is Europe/Istanbul meant"),
        ("../etc/passwd", "timezone: there is no"),
        ("Europe", "timezone: there is no"),
        ("", "timezone: there is no"),
    ],
)
def test_a_wrong_zone_gives_a_sentence(name: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_zone(name)


def test_timings_have_equal_texts_only_if_their_moments_are_equal() -> None:
    texts = {
        str(parse_cron(" 30  2 * * * ", BERLIN)),
        str(parse_cron("30 2 * * *", BERLIN)),
        str(parse_cron("30 2 * * *", ISTANBUL)),
        str(parse_every("15m")),
        str(parse_every("900s")),
        str(parse_every("16m")),
    }
    assert len(texts) == 4
