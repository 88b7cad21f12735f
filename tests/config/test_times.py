"""Tests of the parser of times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rescind.config.times import parse_time
from rescind.ledger.storage.milliseconds import from_ms, to_ms


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2020-11-20T21:00:00+03:00", datetime(2020, 11, 20, 18, tzinfo=UTC)),
        (" 2020-11-20T18:00:00Z ", datetime(2020, 11, 20, 18, tzinfo=UTC)),
        ("20201120T180000Z", datetime(2020, 11, 20, 18, tzinfo=UTC)),
    ],
)
def test_iso_8601_with_an_offset(value: str, expected: datetime, now: datetime) -> None:
    assert parse_time(value, now) == expected


@pytest.mark.parametrize(
    ("value", "later"),
    [
        ("+30s", timedelta(seconds=30)),
        ("+15m", timedelta(minutes=15)),
        ("+2h", timedelta(hours=2)),
        ("+1d", timedelta(days=1)),
    ],
)
def test_from_now(value: str, later: timedelta, now: datetime) -> None:
    assert parse_time(value, now) == now + later


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("2020-11-20T18:00:00", "has no offset from UTC: it must be ISO 8601"),
        ("2020-11-20", "has no offset from UTC"),
        ("tomorrow", "must be ISO 8601 with an offset, such as 2026-11-20T18"),
        ("15m", "must be ISO 8601"),
        ("31.02.2026", "names a day or a time that does not exist: write it as ISO"),
        ("2026-02-31T10:00:00Z", "names a day or a time that does not exist"),
        ("2026-02-28T25:00:00+03:00", "names a day or a time that does not exist"),
        ("2026-02-28T10:00:00 03:00", "must be ISO 8601 with an offset"),
        ("2026-02-28 noon", "must be ISO 8601 with an offset"),
        ("20.11.2026 18:00", "must be ISO 8601 with an offset"),
        ("01/12/2026", "does not show whether the day or the month comes first"),
        ("+15", "must be ISO 8601"),
        ("", "must be ISO 8601"),
        (1_763_661_600, "must be ISO 8601"),
        (["+1h"], "must be ISO 8601"),
        ("0001-01-01T00:00:00+23:00", "must lie in the years 1971 to 9000"),
        ("9999-12-31T23:59:59.9999Z", "must lie in the years 1971 to 9000"),
    ],
)
def test_an_invalid_time(value: Any, sentence: str, now: datetime) -> None:
    with pytest.raises(ValueError, match=sentence):
        parse_time(value, now)


@given(st.text() | st.datetimes(timezones=st.timezones()).map(datetime.isoformat))
def test_any_time_can_be_kept_and_read_again(value: str) -> None:
    try:
        moment = parse_time(value, datetime(2020, 11, 20, tzinfo=UTC))
    except ValueError:
        return
    kept = from_ms(to_ms(moment))
    assert kept is not None
    assert abs(kept - moment) <= timedelta(milliseconds=1)
