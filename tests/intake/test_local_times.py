"""Times without an offset, and days without a time."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rescind.intake.local_times import is_day, is_local, time_of, with_offset

ISTANBUL = ZoneInfo("Europe/Istanbul")
BERLIN = ZoneInfo("Europe/Berlin")
days = st.dates(date(1980, 1, 1), date(2100, 1, 1))
written_days = days.flatmap(
    lambda day: st.sampled_from(
        [day.isoformat(), f"{day:%d.%m.%Y}", f"{day.day}.{day.month}.{day.year}"]
    ).map(lambda written: (day, written))
)
zones = st.sampled_from(
    ["UTC", "Europe/Istanbul", "America/New_York", "Asia/Beirut", "America/Sao_Paulo"]
).map(ZoneInfo)


@given(written_days, zones)
# Its last hour comes twice: at midnight, the clocks went back to 23:00.
@example((date(2018, 2, 17), "17.02.2018"), ZoneInfo("America/Sao_Paulo"))
def test_a_deadline_that_is_a_day_is_the_end_of_it(
    written: tuple[date, str], zone: ZoneInfo
) -> None:
    found = datetime.fromisoformat(time_of("cancel_before", written[1], zone))
    shown = found.astimezone(zone)
    assert (shown.date(), shown.time()) == (written[0], time(23, 59, 59))
    later = (found + timedelta(seconds=1)).astimezone(zone)
    assert later.date() == written[0] + timedelta(days=1)


@given(written_days, zones)
# It begins at 1:00: at midnight, the clocks went forward.
@example((date(2018, 11, 4), "2018-11-04"), ZoneInfo("America/Sao_Paulo"))
def test_a_start_that_is_a_day_is_the_beginning_of_it(
    written: tuple[date, str], zone: ZoneInfo
) -> None:
    found = datetime.fromisoformat(time_of("not_before", written[1], zone))
    assert found.astimezone(zone).date() == written[0]
    earlier = (found - timedelta(seconds=1)).astimezone(zone)
    assert earlier.date() == written[0] - timedelta(days=1)


@pytest.mark.parametrize(
    "written",
    [
        "31.11.2026 10:00",
        "31.11.2026",
        "2026-09-31 10:00",
        "2026-09-31",
        "01.11.2026 25:00",
        "2026-11-01T10:60",
        # The clocks go from 2:00 to 3:00.
        "2026-03-29T02:30",
        "29.03.2026 02:30",
    ],
)
@pytest.mark.parametrize("field", ["not_before", "cancel_before"])
def test_a_time_that_does_not_exist_is_refused(field: str, written: str) -> None:
    said = "does not exist: write it as 2026-11-20 18:00 or 20.11.2026 18:00"
    with pytest.raises(ValueError, match=said):
        time_of(field, written, BERLIN)


@pytest.mark.parametrize("written", ["+15m", "soon", "", "2026-11-20T18:00Z", "46000"])
def test_any_other_text_is_left_to_intake(written: str) -> None:
    assert not is_local(written)
    assert time_of("cancel_before", written, ISTANBUL) == written


@pytest.mark.parametrize("written", ["2026-W47", "2026W47", "2026-W47-5", "2026W475"])
@pytest.mark.parametrize("field", ["not_before", "cancel_before"])
def test_a_week_is_not_read_as_one_of_its_days(field: str, written: str) -> None:
    assert not is_day(written)
    assert time_of(field, written, ISTANBUL) == written, "intake refuses it"


@given(st.text())
def test_any_text_is_read_or_refused_with_a_sentence(written: str) -> None:
    try:
        found = with_offset(written, BERLIN)
    except ValueError as error:
        assert "does not exist" in str(error)  # noqa: PT017
    else:
        assert is_local(written) or found == written


@given(days)
def test_a_day_is_a_local_time(day: date) -> None:
    assert is_day(f"{day:%d.%m.%Y}")
    assert is_local(f"{day:%d.%m.%Y}")
    assert not is_day(f"{day:%d.%m.%Y} 00:00")
