"""Times that people write without an offset: they are in a zone that is known.

A day without a time is a whole day: what it begins begins with it, and what it ends
ends with it. This is the one place that reads such times.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, tzinfo

from rescind.config.times import NO_DAY

DEADLINE = "cancel_before"
TIMES = ("not_before", DEADLINE)
"""The fields of an entry that hold a time."""
DAY_FIRST = re.compile(
    r"(\d{1,2})\.(\d{1,2})\.(\d{4})(?:[ T]+(\d{1,2}):(\d\d(?::\d\d)?))?", re.ASCII
)
"""A date as Turkish spreadsheets write it, such as ``20.11.2026 18:00:00``."""
YEAR_FIRST = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?", re.ASCII
)
DAY = re.compile(r"\d{4}(-?)\d\d\1\d\d", re.ASCII)
WRITTEN_AS = "2026-11-20 18:00 or 20.11.2026 18:00"
NO_MOMENT = f"{NO_DAY}: write it as {WRITTEN_AS}"
LAST_SECOND = time(23, 59, 59)


def is_local(written: str) -> bool:
    """Whether it has the form of a time, or of a day, without an offset."""
    text = _year_first(written.strip())
    return YEAR_FIRST.fullmatch(text) is not None or _naive(text) is not None


def is_day(written: str) -> bool:
    """Whether it is a day without a time."""
    text = _year_first(written.strip())
    return DAY.fullmatch(text) is not None and _naive(text) is not None


def time_of(field: str, written: str, zone: tzinfo) -> str:
    """The time in this field with its offset; see ``with_offset``.

    A deadline that is a day is the end of that day.
    """
    if field == DEADLINE and is_day(written):
        return _end_of_day(written, zone)
    return with_offset(written, zone)


def with_offset(written: str, zone: tzinfo) -> str:
    """``written`` with the offset of ``zone``, if it is a time without an offset.

    A day is its beginning. Any other text is returned unchanged: intake checks it.
    Raises ``ValueError`` with a sentence for a time that does not exist, also because
    the clocks of the zone pass over it. Of a time that they show twice, the first is
    meant. The day may come first: ``20.11.2026 18:00``.
    """
    text = _year_first(written.strip())
    moment = _naive(text)
    if moment is None:
        if YEAR_FIRST.fullmatch(text):
            raise ValueError(NO_MOMENT)
        return written
    try:
        shown = moment.replace(tzinfo=zone).astimezone(UTC).astimezone(zone)
    except OverflowError:
        return written
    # The clocks of some zones pass over midnight: such a day begins later.
    if shown.replace(tzinfo=None) != moment and not is_day(text):
        raise ValueError(NO_MOMENT)
    return shown.isoformat()


def _end_of_day(written: str, zone: tzinfo) -> str:
    day = date.fromisoformat(_year_first(written.strip()))
    # Of a second that the clocks show twice, the later one is the end.
    return datetime.combine(day, LAST_SECOND, zone).replace(fold=1).isoformat()


def _naive(text: str) -> datetime | None:
    """The time of a text without an offset; ``None`` for any other text."""
    if "W" in text:
        # Python reads a week as its Monday, and its writer means all of it.
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is None else None


def _year_first(written: str) -> str:
    """A date such as 20.11.2026, as ISO 8601 writes it; any other text unchanged."""
    found = DAY_FIRST.fullmatch(written)
    if found is None:
        return written
    day, month, year, hour, rest = found.groups()
    ymd = f"{year}-{month:0>2}-{day:0>2}"
    return ymd if hour is None else f"{ymd}T{hour:0>2}:{rest}"
