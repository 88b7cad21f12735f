"""Times that people write without an offset, in the time zone of their browser."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fastapi import Request

LONGEST_NAME = 64
COOKIE = "rescind_zone"
"""The cookie in which the page's script names the browser's time zone."""


def zone_named(name: str) -> ZoneInfo:
    """The time zone that a browser names, or UTC if it is not known here."""
    try:
        return ZoneInfo(name[:LONGEST_NAME] or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def local_now(request: Request, now: datetime) -> datetime:
    """``now`` in the time zone of the reader's browser; in UTC without scripts."""
    return now.astimezone(zone_named(request.cookies.get(COOKIE, "")))


def with_offset(written: str, zone: tzinfo) -> str:
    """``written`` with the offset of ``zone``, if it is a time without an offset.

    Any other text is returned unchanged: intake checks it. A time that the clocks of
    the zone pass over is returned unchanged, too, and so is refused. Of a time that
    they show twice, the first is meant.
    """
    try:
        moment = datetime.fromisoformat(written.strip())
        if moment.tzinfo is not None:
            return written
        aware = moment.replace(tzinfo=zone)
        back = aware.astimezone(UTC).astimezone(zone)
    except (ValueError, OverflowError):
        return written
    return aware.isoformat() if back.replace(tzinfo=None) == moment else written
