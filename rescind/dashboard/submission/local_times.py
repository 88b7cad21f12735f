"""Times that people write without an offset, in the time zone of their browser."""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fastapi import Request

LONGEST_NAME = 64
DAY_FIRST = re.compile(
    r"(\d{1,2})\.(\d{1,2})\.(\d{4})(?: +(\d{1,2}):(\d\d(?::\d\d)?))?", re.ASCII
)
"""A date as Turkish spreadsheets write it, such as ``20.11.2026 18:00:00``."""
COOKIE = "rescind_zone"
"""The cookie in which the page's script names the browser's time zone."""


def zone_named(name: str) -> ZoneInfo:
    """The time zone that a browser names, or UTC if it is not known here."""
    try:
        return ZoneInfo(name[:LONGEST_NAME] or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def zone_of(request: Request) -> ZoneInfo:
    """The time zone of the reader's browser; UTC without scripts."""
    return zone_named(request.cookies.get(COOKIE, ""))


def local_now(request: Request, now: datetime) -> datetime:
    """``now`` in the time zone of the reader's browser; in UTC without scripts."""
    return now.astimezone(zone_of(request))


def with_offset(written: str, zone: tzinfo) -> str:
    """``written`` with the offset of ``zone``, if it is a time without an offset.

    Any other text is returned unchanged: intake checks it. A time that the clocks of
    the zone pass over is returned unchanged, too, and so is refused. Of a time that
    they show twice, the first is meant. The day may come first: ``20.11.2026 18:00``.
    """
    try:
        moment = datetime.fromisoformat(_year_first(written.strip()))
        if moment.tzinfo is not None:
            return written
        aware = moment.replace(tzinfo=zone)
        back = aware.astimezone(UTC).astimezone(zone)
    except (ValueError, OverflowError):
        return written
    return aware.isoformat() if back.replace(tzinfo=None) == moment else written


def _year_first(written: str) -> str:
    """A date such as 20.11.2026, as ISO 8601 writes it; any other text unchanged."""
    found = DAY_FIRST.fullmatch(written)
    if found is None:
        return written
    day, month, year, hour, rest = found.groups()
    return f"{year}-{month:0>2}-{day:0>2}T{hour or '0':0>2}:{rest or '00'}"
